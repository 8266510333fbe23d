#!/usr/bin/python3
"""Restarts wait for the run's end: one for each service, all at once; but not what others of the run
need, nor what is down."""

import pathlib
import sys
import unittest

import units  # first: it says where the others are
import frontend
from units import World, package, service, socket, UPGRADE

sys.path.insert(0, str(pathlib.Path(units.HERE).parent / "demo"))

import repacked  # noqa: E402

NGINX = {"bookworm": "nginx-light", "trixie": "nginx"}[frontend.SUITE]
RELOAD = "systemctl --system daemon-reload\n"
NEW = "sleep 100000"  # what the new version runs


def restarts(*units_):
    """As debhelper's default: nothing is stopped, all is restarted when it is configured."""
    return {"postinst": {"configure": f"{RELOAD}deb-systemd-invoke restart {' '.join(units_)}"}}


def pair(name, scripts, version="2.0", command=NEW, old_units=None, **options):
    unit = f"{name}.service"
    return (package(name, "1.0", old_units or {unit: service()}, **options),
            package(name, version, {unit: service(command)}, scripts=scripts, **options))


def upgraded(*pairs):
    return [old for old, _ in pairs], [new for _, new in pairs]


PLAIN = pair("plain", restarts("plain.service"))
INITD = pair("initd", {"postinst": {"configure": RELOAD + "invoke-rc.d initd restart"}})
TWICE = pair("twice", {"postinst": {"configure": RELOAD + 2 * "deb-systemd-invoke restart "
                                    "twice.service\n" + "aptkeep services >/root/waiting"}})
BOTH = (package("both", "1.0", {"both.service": service(), "both.socket": socket(1001)}),
        package("both", "2.0", {"both.service": service(NEW), "both.socket": socket(1001)},
                scripts=restarts("both.service", "both.socket")))
DATABASE = pair("database", restarts("database.service"))
# Its script finds the database's new version at work.
USER = (package("user", "1.0", fields={"Depends": "database"}),
        package("user", "2.0", fields={"Depends": "database"}, scripts={"postinst": {
            "configure": "systemctl show -P MainPID database.service >/root/database.seen"}}))
# Restarted together with a unit that is not there before.
MORE = (package("more", "1.0", {"more.service": service()}),
        package("more", "2.0", {"more.service": service(NEW), "more-new.service": service()},
                scripts={"postinst": {"configure": RELOAD + "systemctl -q enable more-new.service\n"
                                      "deb-systemd-invoke restart more.service more-new.service"}}))
FAILS = pair("fails", {"postinst": {"configure": restarts("fails.service")["postinst"]["configure"]
                                    + "\nfail 4"}})
EARLY = pair("early", restarts("early.service"))
RULE = "Package: {}\nClass: {}\nReason: a test\nSource: https://example.org/\n"
# Down while it is replaced, and another one, as libc6 does, asks for a restart before that.
STOPPED = pair("stopped", {"preinst": {"upgrade": "aptkeep services >/root/held"},
                           "postinst": {"configure": RELOAD + "deb-systemd-invoke start "
                                        "stopped.service"}})
ASKS = (package("asks", "1.0"), package("asks", "2.0", scripts={"postinst": {
    "configure": "invoke-rc.d stopped restart"}}))
# Of an Architecture: all package, whose name for dpkg is the native one's.
INDEP = pair("indep", restarts("indep.service"), arch="all")
ALL = (INDEP, PLAIN, INITD, TWICE, BOTH, DATABASE, USER, MORE, FAILS, EARLY, STOPPED, ASKS)
SERVICES = ("indep", "plain", "initd", "twice", "both", "database", "more", "fails", "early",
            "stopped")


class PutOff(unittest.TestCase):
    def pids(self, world):
        return {name: world.bed.must(["systemctl", "show", "-P", "MainPID", f"{name}.service"]).strip()
                for name in SERVICES}

    def test_one_restart_each_at_the_end(self):
        with World(*upgraded(*ALL)) as world:
            for name, its_class in (("early", "early"), ("stopped", "stop")):
                world.bed.write(f"/etc/aptkeep/rules.d/{name}.rules", RULE.format(name, its_class))
            world.start(*[f"{name}.service" for name in SERVICES if name != "both"])
            world.start("both.socket", "both.service")
            before = self.pids(world)
            # How far each is when the last script has run.
            world.bed.write("/etc/apt/apt.conf.d/00look", 'DPkg::Post-Invoke { "systemctl show -P '
                            'MainPID plain twice both database early >/root/at-the-end"; };\n')
            output = world.upgrade().output
            self.assertIn("aptkeep: restarting ", output)
            self.assertIn("1 not:\n  fails put back to 1.0", output)
            self.assertNotIn("should be", output)
            self.check(world, before, self.pids(world), output)
            for name, line in (("waiting", "twice.service (twice): is restarted at the end of the run "
                                "that is at work\n"),
                               ("held", "stopped.service: is held: nothing starts it until its "
                                "package is configured\n")):
                told = world.bed.read(f"/root/{name}")
                self.assertEqual(told.count(line), 1, told)
                self.assertNotIn("All that ran", told)
            self.assertEqual(world.bed.run("aptkeep services").output,
                             "All that ran before the last run runs.\n")

    def test_a_reload_does_where_a_rule_says_so(self):
        """Of a service that begins its program anew then; one whose reload fails goes on."""
        def begins_anew(name, version, reload):
            program = (f"#!/bin/sh\necho {version} >/run/{name}\n"
                       f"trap 'exec /usr/bin/{name}' HUP\nwhile :; do sleep 0.1; done\n")
            made = package(name, version, {f"{name}.service": service(
                f"/usr/bin/{name}", service_lines=f"ExecReload={reload}")},
                scripts=restarts(f"{name}.service") if version == "2.0" else {},
                modes={f"/usr/bin/{name}": "755 root:root"})
            made.files[f"/usr/bin/{name}"] = program
            return made
        cases = {"again": "kill -HUP $MAINPID", "refuses": "false", "unasked": "kill -HUP $MAINPID"}
        sides = [[begins_anew(name, version, reload) for name, reload in cases.items()]
                 for version in ("1.0", "2.0")]
        with World(*sides) as world:
            world.bed.write("/etc/aptkeep/rules.d/reload.rules", "Package: again refuses\n"
                            "Reload: again.service refuses.service\nReason: a test\n"
                            "Source: https://example.org/\n")
            names = [f"{name}.service" for name in cases]
            world.start(*names)
            show = ["systemctl", "show", "-P", "MainPID", *names]
            before = world.bed.must(show).split()
            result = world.upgrade()
            self.assertEqual(result.code, 0, result.output)
            self.assertIn("as they should be:\n  refuses.service: it was not restarted, because its "
                          "reload failed\naptkeep: see", result.output)
            frontend.wait_until(
                lambda: [world.bed.read(f"/run/{name}") for name in cases]
                == ["2.0\n", "1.0\n", "2.0\n"], lambda: result.output, 60)
            after = world.bed.must(show).split()
            same = [old == new for old, new in zip(before, after)]
            self.assertEqual(same, [True, True, False], result.output)
            self.assertEqual([world.starts(name) for name in names], [1, 1, 2])

    def check(self, world, before, after, output):
        for name in SERVICES:
            self.assertNotIn(after[name], (before[name], "0"), name)
            command = world.bed.read(f"/proc/{after[name]}/cmdline")
            wanted = "infinity" if name == "fails" else "100000"
            self.assertIn(wanted, command, f"{name}: {command} {output}")
            self.assertEqual(world.starts(f"{name}.service"), 2, name)
        at_end = dict(zip(("plain", "twice", "both", "database", "early"),
                          world.bed.read("/root/at-the-end").split()))
        for name in ("plain", "twice"):
            self.assertEqual(at_end[name], before[name], f"{name} waits")
        # "both" could be started by its socket while it is replaced, so it was down then.
        for name in ("database", "early", "both"):
            self.assertEqual(at_end[name], after[name], f"{name} does not")
        self.assertEqual(world.bed.read("/root/database.seen").strip(), after["database"])
        self.assertEqual(set(world.states("both.socket", "more-new.service").values()), {"active"})
        self.assertEqual(list(world.bed.path("/run/aptkeep").glob("notes*")), [])

    def test_what_is_down_is_started_at_once(self):
        started = {"preinst": {"upgrade": "deb-systemd-invoke stop plain.service"},
                   "postinst": {"configure": f"{RELOAD}deb-systemd-invoke restart plain.service\n"
                                "systemctl is-active plain.service >/root/was"}}
        with World(*upgraded(pair("plain", started))) as world:
            world.start("plain.service")
            world.upgrade()
            self.assertEqual(world.bed.read("/root/was"), "active\n")
            self.assertEqual(world.starts("plain.service"), 2)

    def test_the_service_that_apt_runs_in(self):
        command = f"sh -c '{UPGRADE} >/root/log 2>&1; echo $? >/root/ended; exec sleep infinity'"
        runner = (package("runner", "1.0", {"runner.service": service(
            command, service_lines="Environment=DEBIAN_FRONTEND=noninteractive")}),
                  package("runner", "2.0", {"runner.service": service()},
                          scripts=restarts("runner.service")))
        with World(*upgraded(runner)) as world:
            world.bed.must("systemctl start runner.service; while [ ! -e /root/ended ]; do "
                           "sleep 0.1; done")
            self.assertEqual(world.bed.read("/root/ended"), "0\n", world.bed.read("/root/log"))
            self.assertIn("runner.service: it was not restarted, because this run was made in it",
                          world.bed.read("/root/log"))

    def test_where_nothing_can_be_noted_nothing_waits(self):
        body = {**restarts("plain.service"), "preinst": {
            "upgrade": "mount --bind /run/aptkeep /run/aptkeep\n"
                       "mount -o remount,bind,ro /run/aptkeep"}}
        with World(*upgraded(pair("plain", body))) as world:
            world.start("plain.service")
            output = world.upgrade().output
            self.assertNotIn("restarting", output)
            self.assertEqual(world.starts("plain.service"), 2, output)

    @units.only_in_a_soak  # it needs a root of its own
    def test_what_is_new_starts_as_without_aptkeep(self):
        _, offer = repacked.make(frontend.SUITE, (*units.NEEDS, NGINX), {})
        with units.Machine() as machine:
            machine.repository.write_raw("aptkeep", *offer)
            machine.repository.replace([PLAIN[0]])
            machine.repository.update()
            machine.bed.must("apt-get -qqy install plain")
            machine.start("plain.service")
            machine.repository.replace([PLAIN[1]])
            machine.repository.update()
            result = machine.bed.run(f"apt-get -qy install {NGINX} plain", timeout=300)
            self.assertEqual(result.code, 0, result.output)
            self.assertEqual(set(machine.states("nginx.service", "plain.service").values()),
                             {"active"}, result.output)
            self.assertEqual(machine.starts("plain.service"), 2)
            self.assertEqual(machine.bed.run("aptkeep services").code, 0)

    def test_a_plain_dpkg_restarts_as_ever(self):
        with World(*upgraded(PLAIN)) as world:
            world.start("plain.service")
            world.bed.must("dpkg -i /srv/repository/main/plain_2.0_*.deb")
            self.assertEqual(world.starts("plain.service"), 2)


if __name__ == "__main__":
    unittest.main()
