#!/usr/bin/python3
"""A package that its run left unconfigured, and that a later one configures: its configuration is
checked before anything starts, and what comes after is done, as that run would have had it."""

import unittest

from units import World, package, service, UPGRADE

INVOKE = "systemctl daemon-reload\ndeb-systemd-invoke start {0}.service\n"
RULES = "".join(f"""Package: {name}
Class: stop
On-Failure: leave-unconfigured
Together: {name}-front.service
Check-Config: sh: test -e /root/{name}-fine
After: sh: test -e /root/{name}-done && echo {name} >>/root/after
Reason: a test
Source: https://example.org/

""" for name in ("base", "late"))
# Crossed from the version that was last configured; what is asked before is not asked again then.
WINDOW = "Upgrade-From: << 2\nUpgrade-To: >= 2\nGuard: file-lacks /root/guarded begun\n"
STARTS = "when it is configured: what was left down is started: base-front.service, base.service\n"
ENDS = ("when it is configured: its configuration is checked by sh: test -e /root/base-fine\n",
        STARTS, "when it is configured: what comes after is run: sh: test -e /root/base-done")
CHECK = "{0} refuses its configuration: sh: test -e /root/{0}-fine: exit status 1"
AFTER = "{0} is not done with what comes after: sh: test -e /root/{0}-done"


def daemon(name, version):
    script = "" if version == "1.0" else "test -e /root/mended\n"
    return package(name, version, {f"{name}.service": service()},
                   scripts={"postinst": {"configure": script + INVOKE.format(name)}})


def alone():
    front = package("base-front", "1.0", {"base-front.service": service()})
    return World([daemon("base", "1.0"), front], [daemon("base", "2.0")])


class Unconfigured(unittest.TestCase):
    def test_it_is_checked_and_done_by_the_run_that_configures_it(self):
        names = ("base", "late")
        fronts = [package(f"{name}-front", "1.0", {f"{name}-front.service": service()})
                  for name in names]
        with World([daemon(name, "1.0") for name in names] + fronts,
                   [daemon(name, "2.0") for name in names]) as world:
            world.bed.write("/etc/aptkeep/rules.d/left.rules", RULES)
            for name in names:
                world.start(f"{name}.service", f"{name}-front.service")
            output = world.upgrade().output
            for name in names:
                self.assertIn(f"{name} failed and stays unfinished", output)
                self.are(world, name, "inactive", "inactive")
            self.fails_again(world)
            world.bed.must("touch /root/mended")
            self.configured(world, "base", "aptkeep retry -y base")
            # As who does not know aptkeep would.
            self.configured(world, "late", "echo late install | dpkg --set-selections; "
                            "apt-get -q -y -f install")
            for name in names:
                self.mended(world, name)
            self.assertEqual(world.bed.must("cat /root/after"), "base\nlate\n")
            self.assertIn("All that ran", world.bed.must("aptkeep services"))

    def test_a_newer_version_is_checked_before_what_was_left_down_starts(self):
        with alone() as world:
            world.bed.write("/root/guarded", "no\n")
            self.begin(world, WINDOW)
            world.upgrade()
            self.are(world, "base", "inactive", "inactive")
            # As who does not know aptkeep would.
            world.bed.must("echo base install | dpkg --set-selections")
            self.is_planned(world, "install base", "configure base 2.0 (last configured at 1.0)",
                            *ENDS)
            world.repository.replace([daemon("base", "2.1")])
            world.repository.update()
            self.is_planned(world, "upgrade", "upgrade base 2.0 -> 2.1 (last configured at 1.0)",
                            "After: sh: test -e /root/base-done", STARTS)
            world.bed.must("touch /root/mended; echo begun >/root/guarded")
            output = world.upgrade().output
            self.assertIn(CHECK.format("base"), output)
            self.are(world, "base", "inactive", "inactive")
            self.assertEqual(world.starts("base.service"), 1, "not for a moment: " + output)
            self.mended(world, "base")
            self.assertEqual(world.bed.must("cat /root/after"), "base\n")
            self.assertIn("All that ran", world.bed.must("aptkeep services"))

    def test_explain_tells_the_rule_of_what_is_unconfigured(self):
        with alone() as world:
            world.bed.write("/root/guarded", "no\n")
            self.begin(world, WINDOW)
            world.upgrade()
            self.comes(world, "2.1")  # and fails as well
            for asked in ("base", "base.service"):
                told = world.bed.must(f"aptkeep explain {asked}")
                self.assertIn("2.1 (last configured at 1.0):\n  Class: stop [left.rules:1]", told)
                self.assertNotIn("not about this", told)
            self.assertIn("base.service is of the package base.\n", told)

    def test_what_is_not_done_is_told_though_a_person_starts_what_waits_for_it(self):
        with alone() as world:
            self.begin(world)
            world.bed.must("touch /root/base-fine")
            # Without a pause: the guardian of the run is still there.
            world.bed.run(f"{UPGRADE}; touch /root/mended; aptkeep retry -y base")
            self.are(world, "base", "active", "inactive")
            world.bed.must("systemctl start base-front.service")
            for _ in range(2):
                told = world.bed.run("aptkeep services")
                self.assertEqual(told.code, 1, told.output)
                self.assertIn(AFTER.format("base"), told.output)
                self.assertEqual(world.bed.run("aptkeep services restart").code, 1)
            world.bed.must("touch /root/base-done")
            world.bed.must("aptkeep services restart")
            self.assertEqual(world.bed.must("cat /root/after"), "base\n")
            self.assertIn("All that ran", world.bed.must("aptkeep services"))

    def test_a_newer_version_starts_what_a_check_and_what_comes_after_have_left_down(self):
        with alone() as world:
            self.begin(world)
            world.bed.must("touch /root/mended")
            world.upgrade()
            self.are(world, "base", "inactive", "inactive")
            world.bed.must("touch /root/base-fine")
            self.comes(world, "2.1")
            self.are(world, "base", "active", "inactive")
            world.bed.must("touch /root/base-done")
            self.offered(world, "2.2")
            self.is_planned(world, "upgrade", "what was left down is started: base-front.service\n")
            world.upgrade()
            self.are(world, "base", "active", "active")
            self.assertEqual(world.bed.must("cat /root/after"), "base\n")
            self.assertIn("All that ran", world.bed.must("aptkeep services"))

    def test_what_a_version_has_left_down_is_over_with_its_rule(self):
        with alone() as world:
            self.begin(world)
            world.bed.must("touch /root/mended")
            world.upgrade()
            world.bed.must("rm /etc/aptkeep/rules.d/left.rules")
            self.comes(world, "2.1")
            world.bed.run("aptkeep services restart")
            self.are(world, "base", "active", "active")
            self.assertIn("All that ran", world.bed.must("aptkeep services"))

    def test_a_newer_version_that_is_kept_off_takes_nothing_away(self):
        with alone() as world:
            self.begin(world)
            world.upgrade()
            world.bed.write("/etc/aptkeep/rules.d/guard.rules", "Package: base\nUpgrade-To: >= 2.1\n"
                            "Guard: queue-empty /nowhere\nReason: a test\n"
                            "Source: https://example.org/\n")
            self.assertIn("base is not touched", self.comes(world, "2.1"))
            world.bed.must("touch /root/mended")
            self.configured(world, "base", "aptkeep retry -y base")
            self.mended(world, "base")
            self.assertEqual(world.bed.must("cat /root/after"), "base\n")

    def test_dpkg_with_the_archive_is_checked_before_what_was_left_down_starts(self):
        with alone() as world:
            self.begin(world)
            world.upgrade()
            world.bed.must("touch /root/mended")
            self.configured(world, "base", "dpkg -i /srv/repository/main/base_2.0_*.deb")
            self.mended(world, "base")

    def test_a_new_installation_has_nothing_to_be_ended(self):
        with alone() as world:
            self.begin(world)
            world.upgrade()
            world.bed.must("apt-get -q -y purge base && touch /root/mended")
            output = world.bed.must("apt-get -q -y install base 2>&1")
            self.assertNotIn(CHECK.format("base"), output)
            self.assertEqual(world.bed.run("cat /root/after").code, 1)

    def test_what_goes_with_two_waits_for_both(self):
        shared = RULES.replace("base-front", "front").replace("late-front", "front")
        with World([daemon("base", "1.0"), daemon("late", "1.0"),
                    package("front", "1.0", {"front.service": service()})],
                   [daemon("base", "2.0"), daemon("late", "2.0")]) as world:
            world.bed.write("/etc/aptkeep/rules.d/left.rules", shared)
            world.start("base.service", "late.service", "front.service")
            world.upgrade()
            world.bed.must("touch /root/mended /root/base-fine /root/base-done /root/late-fine")
            output = world.bed.must("aptkeep retry -y base 2>&1")
            self.assertEqual(world.states("base.service", "front.service"),
                             {"base.service": "active", "front.service": "inactive"}, output)
            output = world.bed.run("aptkeep retry -y late 2>&1").output
            for _ in range(2):  # nor is what base has done well done again
                self.assertEqual(world.states("late.service", "front.service"),
                                 {"late.service": "active", "front.service": "inactive"}, output)
                self.assertEqual(world.bed.must("cat /root/after"), "base\n")
                output = world.bed.run("aptkeep services restart").output
            world.bed.must("touch /root/late-done")
            output = world.bed.must("aptkeep services restart")
            self.assertEqual(world.states("late.service", "front.service"),
                             {"late.service": "active", "front.service": "active"}, output)
            self.assertEqual(world.bed.must("cat /root/after"), "base\nlate\n")
            self.assertIn("All that ran", world.bed.must("aptkeep services"))

    def offered(self, world, version):
        world.repository.replace([daemon("base", version)])
        world.repository.update()

    def comes(self, world, version):
        self.offered(world, version)
        return world.upgrade().output

    def is_planned(self, world, command, *parts):
        told = world.bed.run("aptkeep plan " + command).output
        for part in parts:
            self.assertIn(part, told)

    def begin(self, world, more=""):
        world.bed.write("/etc/aptkeep/rules.d/left.rules",
                        RULES.replace("Class: stop\n", "Class: stop\n" + more))
        world.start("base.service", "base-front.service")

    def are(self, world, name, own, front):
        units = (f"{name}.service", f"{name}-front.service")
        self.assertEqual(world.states(*units), dict(zip(units, (own, front))), name)

    def fails_again(self, world):
        """What is held for the check is let go, down as it was."""
        tried = world.bed.run("dpkg --configure base")
        self.assertNotEqual(tried.code, 0, tried.output)
        self.are(world, "base", "inactive", "inactive")
        self.assertEqual(world.bed.run("ls -A /run/aptkeep/holds 2>/dev/null").output, "")
        self.assertNotIn(CHECK.format("base"), tried.output)

    def configured(self, world, name, command):
        output = world.bed.run(command + " 2>&1").output
        self.assertIn(CHECK.format(name), output)
        self.assertEqual(world.bed.must(f"dpkg-query -W -f '${{db:Status-Abbrev}}' {name}"), "ii ")
        self.are(world, name, "inactive", "inactive")
        self.assertEqual(world.starts(f"{name}.service"), 1, "not for a moment: " + output)
        listed = world.bed.run("aptkeep services")
        self.assertEqual(listed.code, 1, listed.output)
        for unit in (name, f"{name}-front"):
            self.assertIn(f"{unit}.service", listed.output)
        self.assertIn(CHECK.format(name), listed.output)

    def mended(self, world, name):
        world.bed.must(f"touch /root/{name}-fine")
        again = world.bed.run("aptkeep services restart")
        self.assertEqual(again.code, 1, again.output)
        self.assertIn(AFTER.format(name), again.output)
        self.are(world, name, "active", "inactive")
        world.bed.must(f"touch /root/{name}-done")
        world.bed.run("aptkeep services restart")
        self.are(world, name, "active", "active")


if __name__ == "__main__":
    unittest.main()
