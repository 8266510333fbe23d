#!/usr/bin/python3
"""What ran before an upgrade runs after it, however the packages' scripts leave it; and what the
admin had stopped stays stopped. Beside it, what stock apt leaves."""

import json
import unittest

import units
from units import World, package, service, socket


def scripts(unit, **more):
    """As debhelper's --no-restart-after-upgrade: stopped before, started after."""
    return {"preinst": {"upgrade": f"deb-systemd-invoke stop {unit}"},
            "postinst": {"configure": "systemctl --system daemon-reload\n"
                          f"deb-systemd-invoke start {unit} || true"}, **more}


FAILS = "sh -c 'exit 3'"
FIXED = "sleep infinity"

OLD = [
    package("stopped", "1.0", {"stopped.service": service()}),
    package("unfinished", "1.0", {"unfinished.service": service()}),
    package("bystander", "1.0"),
    package("admins", "1.0", {"admins.service": service()}),
    package("masked", "1.0", {"masked.service": service()}),
    package("by-hand", "1.0", {"by-hand.service": service()}),
    package("both", "1.0", {"both.service": service(), "both.socket": socket(1001)}),
    package("crashed", "1.0", {"crashed.service": service(FAILS)}),
    package("tmpl", "1.0", {"tmpl@.service": service()},
            scripts={"prerm": {"upgrade": "deb-systemd-invoke stop tmpl@one.service"}}),
    package("renamed", "1.0", {"renamed-old.service": service()}),
    package("dropped", "1.0", {"dropped.service": service()}),
    package("broken", "1.0", {"broken.service": service()}),
    package("needed", "1.0", {"needed.service": service()}),
    package("dependent", "1.0", {"dependent.service": service(unit="Requires=needed.service\n"
                                                              "After=needed.service")}),
    package("timed", "1.0", {"timed.timer": "[Timer]\nOnCalendar=yearly\n[Install]\n"
                             "WantedBy=timers.target\n", "timed.service": service("true")}),
    package("job", "1.0", {"job.service": service("true", service_lines="Type=oneshot")}),
    package("goes", "1.0", {"goes.service": service()}),
    package("behind", "1.0", {"behind.service": service(unit="BindsTo=dependent.service\n"
                                                        "After=dependent.service")}),
]
NEW = [
    # Stopped in its preinst; nothing starts it.
    package("stopped", "2.0", {"stopped.service": service()},
            scripts={"preinst": {"upgrade": "deb-systemd-invoke stop stopped.service"}}),
    # Left unconfigured by stock apt because another package fails; put back by aptkeep.
    package("unfinished", "2.0", {"unfinished.service": service()},
            scripts=scripts("unfinished.service")),
    package("bystander", "2.0", scripts={"preinst": {"upgrade": "fail 3"}}),
    package("admins", "2.0", {"admins.service": service()}, scripts=scripts("admins.service")),
    package("masked", "2.0", {"masked.service": service()},
            scripts={"preinst": {"upgrade": "deb-systemd-invoke stop masked.service"}}),
    # Disabled, but running: debhelper's start does nothing.
    package("by-hand", "2.0", {"by-hand.service": service()}, scripts=scripts("by-hand.service")),
    # Restarted apart: the socket finds its service running.
    package("both", "2.0", {"both.service": service(), "both.socket": socket(1001)},
            scripts={"postinst": {"configure": "systemctl restart both.service\n"
                                  "systemctl restart both.socket || true"}}),
    package("crashed", "2.0", {"crashed.service": service(FIXED)}),
    package("tmpl", "2.0", {"tmpl@.service": service()}),
    package("renamed", "2.0", {"renamed.service": service()},
            scripts={"preinst": {"upgrade": "deb-systemd-invoke stop renamed-old.service"},
                     "postinst": {"configure": "systemctl enable -q renamed.service"}}),
    package("dropped", "2.0",
            scripts={"preinst": {"upgrade": "deb-systemd-invoke stop dropped.service"}}),
    # The new version does not start.
    package("broken", "2.0", {"broken.service": service("sh -c 'echo cannot bind; exit 9'")},
            scripts=scripts("broken.service")),
    package("needed", "2.0", {"needed.service": service()}, scripts=scripts("needed.service")),
    OLD[13],
    package("timed", "2.0", {"timed.timer": "[Timer]\nOnCalendar=yearly\n[Install]\n"
                             "WantedBy=timers.target\n", "timed.service": service("true")},
            scripts={"preinst": {"upgrade": "systemctl stop timed.timer"}}),
    package("job", "2.0", {"job.service": service("true", service_lines="Type=oneshot")}),
    OLD[16],
    OLD[17],
]
RUNS = ("stopped.service", "unfinished.service", "by-hand.service", "both.service", "both.socket",
        "tmpl@one.service", "needed.service", "dependent.service", "timed.timer", "behind.service")
STOCK_LOSES = ("stopped.service", "by-hand.service", "tmpl@one.service", "dependent.service",
               "timed.timer", "unfinished.service", "needed.service", "behind.service")
# When a person has had dpkg configure the rest.
STOCK_STILL_LOSES = ("stopped.service", "by-hand.service", "both.socket", "tmpl@one.service",
                     "dependent.service", "timed.timer", "behind.service")


def prepare(world):
    world.start("stopped.service", "unfinished.service", "both.socket", "both.service",
                "tmpl@one.service", "renamed-old.service", "dropped.service", "broken.service",
                "needed.service", "dependent.service", "timed.timer", "masked.service",
                "goes.service", "behind.service")
    world.start("by-hand.service", enable=False)
    world.bed.run("systemctl start crashed.service; sleep 0.5")
    world.bed.must("systemctl stop masked.service; systemctl mask -q masked.service")
    assert world.states("crashed.service")["crashed.service"] == "failed"
    assert set(world.states(*RUNS).values()) == {"active"}


def lost(world):
    return sorted(unit for unit, state in world.states(*RUNS).items() if state != "active")


class Restore(unittest.TestCase):
    def test_what_ran_before_runs_after(self):
        with World(OLD, NEW, stock=True) as world:
            prepare(world)
            world.upgrade()
            self.assertEqual(lost(world), sorted(STOCK_LOSES))
            world.bed.run("dpkg --configure -a")
            self.assertEqual(lost(world), sorted(STOCK_STILL_LOSES))
        with World(OLD, NEW) as world:
            prepare(world)
            first = world.upgrade()
            self.assertNotEqual(first.code, 0, "bystander fails")
            self.check_first(world, first.output)
            self.check_told(world, first.output)

    def check_first(self, world, output):
        self.assertEqual(world.states(*RUNS), dict.fromkeys(RUNS, "active"), output)
        # A crashed daemon's fix, and the unit that took the place of another.
        self.assertEqual(world.states("crashed.service", "renamed.service", "goes.service"), {
            "crashed.service": "active", "renamed.service": "active", "goes.service": "active"})
        self.assertEqual(world.states("admins.service", "masked.service", "job.service"), {
            "admins.service": "inactive", "masked.service": "inactive", "job.service": "inactive"})

    def check_told(self, world, output):
        self.assertIn("aptkeep: services that are not as they should be:\n"
                      "  broken.service: does not start again: it is failed (failed)\n"
                      "  dropped.service: its package has no such unit any more\n"
                      "aptkeep: see 'aptkeep services'", output)
        told = world.bed.run(["aptkeep", "services"])
        self.assertEqual(told.code, 1, told.output)
        self.assertIn("broken.service (broken): does not start again", told.output)
        self.assertIn("cannot bind", told.output)
        self.assertNotIn("stopped.service", told.output)
        report = json.loads(world.bed.must(["aptkeep", "report", "--json"]))
        known = {unit["unit"]: unit for unit in report["units"]}
        self.assertEqual(known["broken.service"]["package"].split(":")[0], "broken")
        self.assertTrue(known["by-hand.service"]["wanted"])
        self.assertNotIn("admins.service", known)
        self.assertEqual(known["crashed.service"]["was"], "failed (failed)")
        # A person mends it, and has it started.
        world.bed.write("/etc/systemd/system/broken.service", service())
        again = world.bed.run(["aptkeep", "services", "restart"])
        self.assertEqual(again.code, 1, again.output)
        self.assertEqual(world.states("broken.service")["broken.service"], "active")
        self.assertEqual(again.output, "dropped.service: its package has no such unit any more\n")

    def test_it_is_told_until_it_runs_whatever_runs_come_in_between(self):
        fails = service("sh -c 'test -e /etc/mended && exec sleep infinity; exit 9'")
        names = ("broken", "left", "by-hand")
        old = [package(name, "1.0", {f"{name}.service": service()}) for name in names]
        new = [package(name, "2.0", {f"{name}.service": fails}, scripts=scripts(f"{name}.service"))
               for name in names]
        with World(old + [package("ind", "1.0")], new + [package("ind", "2.0")]) as world:
            world.start(*[f"{name}.service" for name in names])
            world.bed.run(["apt-get", "-q", "-y", "install", *names])
            world.bed.must("apt-get -q -y install ind")
            told = world.bed.run("aptkeep services")
            self.assertEqual(told.code, 1, told.output)
            for name in names:
                self.assertIn(f"{name}.service ({name}): does not start again", told.output)
            # Somebody wants one to be down.
            world.bed.must("systemctl disable -q --now left.service; systemctl reset-failed")
            world.bed.must("touch /etc/mended && systemctl start by-hand.service")
            told = world.bed.run("aptkeep services")
            self.assertEqual(told.code, 1, told.output)
            self.assertIn("broken.service", told.output)
            self.assertNotIn("left.service", told.output)
            self.assertNotIn("by-hand.service", told.output)
            starts = world.starts("by-hand.service")
            again = world.bed.must("aptkeep services restart")
            self.assertEqual(world.states("broken.service", "left.service", "by-hand.service"),
                             {"broken.service": "active", "left.service": "inactive",
                              "by-hand.service": "active"}, again)
            self.assertEqual(world.starts("by-hand.service"), starts)
            self.assertIn("All that ran", world.bed.must("aptkeep services"))

    def test_a_removed_packages_service_is_nobodys_trouble(self):
        with World(OLD[16:17], NEW[16:17]) as world:
            world.start("goes.service")
            removed = world.bed.run("apt-get -y remove goes")
            self.assertEqual(removed.code, 0, removed.output)
            self.assertNotIn("what ran before", removed.output)

    def test_what_a_person_has_stopped_stays_so_though_its_package_starts_it(self):
        reload = "systemctl --system daemon-reload\n"
        bodies = {"starts": {"preinst": {"upgrade": "deb-systemd-invoke stop starts.service"},
                             "postinst": {"configure": f"{reload}deb-systemd-invoke start "
                                          "starts.service"}},
                  "restarts": {"postinst": {"configure": f"{reload}deb-systemd-invoke restart "
                                            "restarts.service"}},
                  "legacy": {"postinst": {"configure": f"{reload}invoke-rc.d legacy restart"}},
                  "direct": {"postinst": {"configure": f"{reload}systemctl restart direct"}},
                  "remains": {"postinst": {"configure": f"{reload}deb-systemd-invoke start "
                                           "remains.service"}},
                  "closed": {"postinst": {"configure": f"{reload}deb-systemd-invoke restart "
                                          "closed.service closed.socket"}},
                  "once": {"postinst": {"configure": f"{reload}deb-systemd-invoke restart "
                                        "once.service"}}}
        unit = {name: units.service() for name in bodies}
        unit["once"] = units.service("touch /root/once", service_lines="Type=oneshot")
        unit["remains"] = units.service("true", service_lines="Type=oneshot\nRemainAfterExit=yes")
        files = {name: {f"{name}.service": unit[name]} for name in bodies}
        files["closed"]["closed.socket"] = socket(1002)
        old = [units.package(n, "1.0", files[n]) for n in bodies]
        new = [units.package(n, "2.0", files[n], scripts=scripts) for n, scripts in bodies.items()]
        with World(old, new) as world:
            names = ["closed.socket", *[f"{n}.service" for n in bodies]]
            world.bed.must(["systemctl", "enable", "-q", *names])
            # Its service runs all the same.
            world.bed.must("systemctl start closed.service")
            result = world.upgrade()
            self.assertEqual(result.code, 0, result.output)
            self.assertEqual(world.states(*names), {
                **dict.fromkeys(names, "inactive"), "closed.service": "active"}, result.output)
            self.assertEqual(world.starts("closed.service"), 2, result.output)
            self.assertEqual(world.bed.run("ls /root/once").code, 0, "a job is no service")

    def test_switched_off(self):
        with World(OLD[:1], NEW[:1]) as world:
            world.start("stopped.service")
            world.bed.must(units.UPGRADE + " -o Aptkeep::Services=false")
            self.assertEqual(world.states("stopped.service")["stopped.service"], "inactive")


if __name__ == "__main__":
    unittest.main()
