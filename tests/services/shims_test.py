#!/usr/bin/python3
"""What maintainer scripts call instead of invoke-rc.d, deb-systemd-invoke, service and systemctl."""

import unittest

from units import World, package, service, socket, UPGRADE

RELOAD = "systemctl --system daemon-reload\n"
NEW = "sleep 100000"  # what the new version runs
SHIMS = "/usr/lib/aptkeep/shims"
# A run without units that ran has nothing to decide about.
OTHER = (package("other", "1.0", {"other.service": service()}),
         package("other", "2.0", {"other.service": service()}))
# The ways to call for the same, with their exit codes in /root/codes.
FORMS = ("invoke-rc.d {0} {1}", "deb-systemd-invoke {1} {0}.service", "service {0} {1}",
         "systemctl {1} {0}.service", "systemctl -q {1} {0}")


def each_form(unit, verb):
    return "".join(f"{form.format(unit, verb)}; echo {verb}: $? >>/root/codes\n" for form in FORMS)


def scripts(**bodies):
    return {script: {"*": "set +e\n" + body} for script, body in bodies.items()}


def two(name, units, bodies, old_units=None, **options):
    return (package(name, "1.0", units if old_units is None else old_units),
            package(name, "2.0", units, scripts=bodies, **options))


class Shims(unittest.TestCase):
    maxDiff = None

    def world(self, *pairs, **options):
        pairs = (OTHER, *pairs)
        return World([old for old, _ in pairs], [new for _, new in pairs], **options)

    def codes(self, world):
        return world.bed.read("/root/codes").split("\n")[:-1]

    def test_to_stop_what_is_not_there_is_no_failure(self):
        foo = two("foo", {}, scripts(preinst=each_form("gone", "stop") + each_form("gone", "start")
                                     + each_form("gone", "status") + "exit 0"))
        with self.world(foo) as world, self.world(foo, stock=True) as stock:
            for one in (world, stock):
                one.start("other.service")
                one.bed.must("rm -f /usr/sbin/policy-rc.d" if one is stock else "true")
                result = one.upgrade()
                self.assertEqual(result.code, 0, result.output)
            ours, theirs = self.codes(world), self.codes(stock)
            self.assertEqual(ours[:5], ["stop: 0"] * 5)
            self.assertIn("stop: 5", theirs[:5])
            self.assertEqual(ours[5:], theirs[5:])

    def test_direct_calls_wait_as_others_do(self):
        pairs = [two(f"form{i}", {f"form{i}.service": service()},
                     scripts(postinst=f"{form.format(f'form{i}', 'restart')}\n"
                             f"systemctl show -P MainPID form{i} >/root/form{i}"))
                 for i, form in enumerate(FORMS)]
        names = [f"form{i}" for i in range(len(FORMS))]
        with self.world(*pairs) as world:
            world.start(*names)
            before = {n: world.bed.must(f"systemctl show -P MainPID {n}") for n in names}
            output = world.upgrade().output
            self.assertEqual(output.count("aptkeep: restarting "), 1, output)
            for name in names:
                self.assertEqual(world.bed.read(f"/root/{name}"), before[name], name)
                self.assertEqual(world.starts(f"{name}.service"), 2, name)

    def test_a_direct_stop_stops_what_would_start_it_again(self):
        pairs = [two(f"sock{i}", {f"sock{i}.service": service(), f"sock{i}.socket": socket(1100 + i)},
                     scripts(preinst=f"{form.format(f'sock{i}', 'stop')}\nsystemctl is-active "
                             f"sock{i}.service sock{i}.socket >/root/sock{i}",
                             postinst=form.format(f"sock{i}", "start")))
                 for i, form in enumerate(FORMS)]
        with self.world(*pairs) as world:
            for i in range(len(FORMS)):
                world.start(f"sock{i}.socket", f"sock{i}.service")
            output = world.upgrade().output
            for i, form in enumerate(FORMS):
                self.assertEqual(world.bed.read(f"/root/sock{i}").split(), ["inactive"] * 2, form)
                self.assertEqual(set(world.states(f"sock{i}.socket", f"sock{i}.service").values()),
                                 {"active"}, form + output)

    def test_a_service_and_its_socket_are_restarted_in_one_call(self):
        calls = ("deb-systemd-invoke restart {0}.service {0}.socket",
                 "systemctl restart {0}.service {0}.socket")
        pairs = [two(f"both{i}", {f"both{i}.service": service(NEW), f"both{i}.socket": socket(1200 + i)},
                     scripts(postinst=f"{RELOAD}{call.format(f'both{i}')}\necho $? >>/root/codes\n"
                             f"systemctl is-active both{i}.service both{i}.socket >/root/both{i}"),
                     {f"both{i}.service": service(), f"both{i}.socket": socket(1200 + i)})
                 for i, call in enumerate(calls)]
        rules = "\n".join(f"Package: both{i}\nClass: early\nReason: a test\n"
                          "Source: https://example.org/\n" for i in range(len(calls)))
        with self.world(*pairs) as world:
            world.bed.write("/etc/aptkeep/rules.d/both.rules", rules)
            for i in range(len(calls)):
                world.start(f"both{i}.socket", f"both{i}.service")
            output = world.upgrade().output
            self.assertNotIn("restarting", output)
            self.assertEqual(self.codes(world), ["0", "0"], output)
            for i, call in enumerate(calls):
                self.assertEqual(world.bed.read(f"/root/both{i}").split(), ["active"] * 2, call)
                pid = world.bed.must(f"systemctl show -P MainPID both{i}").strip()
                self.assertIn("100000", world.bed.read(f"/proc/{pid}/cmdline"), call)
                self.assertEqual(world.starts(f"both{i}.service"), 2, call)

    def late(self, name, needs, bodies):
        unit = service(service_lines=f"ExecStartPre=test -e {needs}")
        return two(name, {f"{name}.service": unit}, bodies, {})

    def test_what_a_script_could_not_start_is_tried_again_at_the_end(self):
        start = "deb-systemd-invoke start {0}.service || true\nexit 0"
        good = self.late("good", "/root/made-later", scripts(postinst=RELOAD +
                         "systemctl -q enable good\n" + start.format("good")))
        bad = self.late("bad", "/root/never", scripts(postinst=RELOAD + "systemctl -q enable bad\n"
                        + start.format("bad")))
        last = two("last", {}, scripts(postinst="touch /root/made-later"))
        last[1].fields["Depends"] = "good, bad"
        with self.world(good, bad, last) as world:
            world.start("other.service")
            result = world.upgrade()
            self.assertEqual(result.code, 0, result.output)
            self.assertEqual(world.states("good.service"), {"good.service": "active"}, result.output)
            self.assertIn("bad.service: its package could not start it", result.output)
            self.assertNotIn("good.service", result.output)
            self.assertEqual(world.bed.run("aptkeep services").code, 1)

    def test_a_start_that_others_need_may_fail_for_now(self):
        early = self.late("early", "/root/never", scripts(postinst=RELOAD +
                          "systemctl -q enable early\n" + each_form("early", "restart") + "exit 0"))
        plain = self.late("plain", "/root/never", scripts(postinst=RELOAD +
                          "systemctl -q enable plain\ninvoke-rc.d plain restart"))
        rule = "Package: early\nClass: early\nReason: a test\nSource: https://example.org/\n"
        with self.world(early, plain) as world:
            world.bed.write("/etc/aptkeep/rules.d/early.rules", rule)
            world.start("other.service")
            output = world.upgrade().output
            self.assertEqual(self.codes(world), ["restart: 0"] * 5, output)
            self.assertIn("going on without early.service, which does not start", output)
            self.assertIn("early.service: its package could not start it", output)
            self.assertIn("plain put back to 1.0 (2.0 tried): postinst exit 1", output)
            self.assertNotIn("plain.service: its package", output)

    def test_a_restart_that_dependents_need_may_fail_for_now(self):
        """Its package is not put back, and so neither are they; at the end it is tried again."""
        restart = scripts(postinst=f"{RELOAD}invoke-rc.d {{0}} restart")
        bodies = {name: {script: {k: v.format(name) for k, v in cases.items()}
                         for script, cases in restart.items()} for name in ("first", "lame")}
        first, lame = (two(name, {f"{name}.service": service(
            NEW, service_lines=f"ExecStartPre=test -e {needs}")}, bodies[name],
            {f"{name}.service": service()})
            for name, needs in (("first", "/root/made-later"), ("lame", "/root/never")))
        last = two("last", {}, scripts(postinst="touch /root/made-later"))
        for side in last:
            side.fields["Depends"] = "first, lame"
        with self.world(first, lame, last) as world:
            world.start("other.service", "first.service", "lame.service")
            result = world.upgrade()
            self.assertEqual(result.code, 0, result.output)
            for name in ("first", "lame", "last"):
                shown = world.bed.must(["dpkg-query", "-W", "-f", "${Status} ${Version}", name])
                self.assertEqual(shown, "install ok installed 2.0", result.output)
            self.assertIn("going on without first.service, which does not start", result.output)
            pid = world.bed.must("systemctl show -P MainPID first.service").strip()
            self.assertIn("100000", world.bed.read(f"/proc/{pid}/cmdline"), result.output)
            told = result.output[result.output.rindex("aptkeep: services that are not"):]
            self.assertIn("  lame.service: ", told)
            self.assertNotIn("first.service", told)

    def test_a_release_upgrade_restarts_nothing(self):
        runs = two("runs", {"runs.service": service()},
                   scripts(postinst=f"{RELOAD}deb-systemd-invoke restart runs.service"))
        fails = self.late("fails", "/root/never", scripts(postinst=RELOAD +
                          "systemctl -q enable fails\ninvoke-rc.d fails start"))
        stops = two("stops", {"stops.service": service()},
                    scripts(preinst="deb-systemd-invoke stop stops.service",
                            postinst=f"{RELOAD}deb-systemd-invoke start stops.service"))
        early = two("early", {"early.service": service()},
                    scripts(postinst=f"{RELOAD}deb-systemd-invoke restart early.service"))
        rule = "Package: early\nClass: early\nReason: a test\nSource: https://example.org/\n"
        names = ("runs", "stops", "early")
        for variable in ("RELEASE_UPGRADE_IN_PROGRESS", "RELEASE_UPGRADE_IN_PROCESS"):
            with self.subTest(variable), self.world(runs, fails, stops, early) as world:
                world.bed.write("/etc/aptkeep/rules.d/early.rules", rule)
                world.start(*[f"{name}.service" for name in names])
                result = world.bed.run(UPGRADE, env={variable: "1"})
                self.assertEqual(result.code, 0, result.output)
                self.assertEqual([world.starts(f"{name}.service") for name in names], [1, 2, 2])
                self.assertIn("runs.service: the version from before runs until the next boot",
                              result.output)
                self.assertIn("fails.service: its package could not start it", result.output)

    def test_while_the_system_shuts_down_nothing_fails_for_it(self):
        holds = two("holds", {"holds.service": service(service_lines="ExecStop=sleep 60")}, {})
        foo = two("foo", {"foo.service": service()}, scripts(
            preinst="systemctl stop foo.service",
            postinst="systemctl start --no-block --job-mode=replace-irreversibly poweroff.target\n"
            "while [ \"$(systemctl is-system-running)\" != stopping ]; do sleep 0.1; done\n"
            "deb-systemd-invoke start foo.service\necho $? >>/root/codes\nexit 0"))
        with self.world(holds, foo) as world:
            world.start("holds.service", "foo.service")
            result = world.upgrade()
            self.assertEqual(result.code, 0, result.output)
            self.assertEqual(self.codes(world), ["0"], result.output)
            self.assertIn("services are left as they are, because the system shuts down",
                          result.output)
            self.assertNotIn("should be", result.output)

    def test_the_softer_stop_leaves_sockets_alone(self):
        units = {"soft.service": service(), "soft.socket": socket(1300),
                 "soft@.service": service(install="")}
        soft = two("soft", units, scripts(preinst="invoke-rc.d --allow-activation soft stop\n"
                   "echo $? >>/root/codes\nsystemctl is-active soft.service soft.socket "
                   "soft@one.service >/root/soft"))
        hard = two("hard", {"hard.service": service()}, scripts(
            preinst="invoke-rc.d hard stop --allow-activation\necho $? >>/root/codes\n"
            "systemctl is-active hard.service >/root/hard"))
        with self.world(soft, hard) as world:
            world.start("soft.socket", "soft.service", "hard.service")
            world.start("soft@one.service", enable=False)
            output = world.upgrade().output
            self.assertEqual(self.codes(world), ["0", "0"], output)
            self.assertEqual(world.bed.read("/root/soft").split(), ["inactive", "active", "inactive"])
            self.assertEqual(world.bed.read("/root/hard").split(), ["inactive"])

    def test_all_else_is_as_without_them(self):
        calls = ("systemctl is-active up down", "systemctl show -P Id up", "systemctl nonsense",
                 "systemctl list-unit-files -q up.service", "systemctl --version", "systemctl cat gone", "systemctl start gone",
                 "service --status-all", "service up status", "service gone start", "invoke-rc.d",
                 "invoke-rc.d --query up start", "invoke-rc.d up nonsense", "invoke-rc.d up status",
                 "deb-systemd-invoke", "deb-systemd-invoke --user start up.service",
                 "deb-systemd-invoke nonsense up.service", "systemctl stop 'do*' down")
        units = {"up.service": service(), "down.service": service()}
        show = "".join(f"{call} >>/root/said 2>&1 </dev/null\necho {i}: $? >>/root/said\n"
                       for i, call in enumerate(calls))
        plain = two("plain", units, scripts(preinst="command -v systemctl >/root/which\n" + show
                                            + "exit 0"))
        said = {}
        for stock in (False, True):
            with self.world(plain, stock=stock) as world:
                world.bed.must("rm -f /usr/sbin/policy-rc.d" if stock else "true")
                world.start("up.service", "other.service")
                world.upgrade()
                said[stock] = world.bed.read("/root/said")
                self.assertEqual(world.bed.read("/root/which").strip(),
                                 "/usr/bin/systemctl" if stock else f"{SHIMS}/systemctl")
                if stock:
                    continue
                # Outside a run, and outside a script.
                world.bed.must(f"rm /root/said; PATH={SHIMS}:$PATH; systemctl restart up.service; "
                               f"systemctl stop gone.service; [ $? = 5 ]")
                self.assertEqual(world.starts("up.service"), 2)
        self.assertEqual(self.without_times(said[False]), self.without_times(said[True]))

    def without_times(self, text):
        return [line for line in text.splitlines()
                if not any(word in line for word in ("since", "PID", "CPU", "Memory", "Tasks", "─",
                                                     "Started", "Invocation", "Drop-In"))]


if __name__ == "__main__":
    unittest.main()
