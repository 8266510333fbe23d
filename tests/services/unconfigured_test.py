#!/usr/bin/python3
"""A package that its run left unconfigured, and that a later one configures: its configuration is
checked before anything starts, and what comes after is done, as that run would have had it."""

import unittest

from units import World, package, service

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
CHECK = "{0} refuses its configuration: sh: test -e /root/{0}-fine: exit status 1"
AFTER = "{0} is not done with what comes after: sh: test -e /root/{0}-done"


def daemon(name, version):
    script = "" if version == "1.0" else "test -e /root/mended\n"
    return package(name, version, {f"{name}.service": service()},
                   scripts={"postinst": {"configure": script + INVOKE.format(name)}})


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
