#!/usr/bin/python3
"""Services of other packages that go down and up with one (Together): what of them does not start
again, or stays down with a package that is not configured, is named, and starts when it can."""

import unittest

from units import World, package, service

NEW = "sleep 100000"


def rule(name, lines):
    return (f"Package: {name}\nClass: stop\n{lines}\nReason: a test\n"
            "Source: https://example.org/\n\n")


def daemon(name, version="1.0", postinst="", unit="", lines=""):
    command = "sleep infinity" if version == "1.0" else NEW
    scripts = {"postinst": {"configure": postinst}} if postinst else {}
    return package(name, version, {f"{name}.service": service(command, unit, lines)},
                   scripts=scripts)


# As after a configuration that was edited, and broken, while it ran.
FRAIL = "ExecStartPre=test ! -e /etc/broken-{0}"
OLD = [daemon("list"), daemon("mail", lines=FRAIL.format("mail")),
       daemon("base"), daemon("front"), daemon("page", unit="Requires=front.service\n"
                                               "After=front.service"),
       daemon("plain"), daemon("other", lines=FRAIL.format("other"))]
NEWER = [daemon("list", "2.0", "touch /etc/broken-mail"),
         daemon("base", "2.0", "test -e /etc/mended"),
         daemon("plain", "2.0", "touch /etc/broken-other")]
RULES = "".join([rule("list", "Together: mail.service"),
                 rule("base", "Together: front.service\nRollback: never"),
                 rule("plain", "Together: other.service")])
FAILS = "mail.service: does not start again: it is failed (failed)"
GOES_WITH = ("front.service: it is not started, because it goes down and up with base, which is not "
             "configured")
HANGS_ON = "page.service: it is not started, because it hangs on front.service, which stays down"


class Together(unittest.TestCase):
    def test_what_does_not_run_again_is_named(self):
        with World(OLD, NEWER) as world:
            world.bed.write("/etc/aptkeep/rules.d/together.rules", RULES)
            world.start(*[f"{one.name}.service" for one in OLD])
            output = world.bed.run("apt-get -q -y install list base").output
            for line in (FAILS, GOES_WITH, HANGS_ON):
                self.assertIn(line, output)
            self.are(world, list="active", mail="failed", base="inactive", front="inactive",
                     page="inactive")
            listed = world.bed.run("aptkeep services")
            self.assertEqual(listed.code, 1, listed.output)
            for line in (FAILS, GOES_WITH, HANGS_ON):
                self.assertIn(line, listed.output)
            self.restarted(world)
            self.retried(world)
            self.by_dpkg_alone(world)

    def are(self, world, **states):
        units = [f"{name}.service" for name in states]
        self.assertEqual(world.states(*units), dict(zip(units, states.values())))

    def restarted(self, world):
        world.bed.must("rm /etc/broken-mail")
        again = world.bed.run("aptkeep services restart")
        self.assertNotIn("mail.service", again.output)
        self.assertIn(GOES_WITH, again.output)
        self.are(world, mail="active", base="inactive", front="inactive", page="inactive")

    def retried(self, world):
        world.bed.must("touch /etc/mended")
        output = world.bed.must("aptkeep retry -y base")
        self.are(world, base="active", front="active", page="active")
        self.assertIn("All that ran", world.bed.must("aptkeep services"), output)

    def by_dpkg_alone(self, world):
        output = world.bed.must("dpkg -i /srv/repository/main/plain_2.0_*.deb 2>&1")
        self.assertIn("other.service: does not start again", output)
        self.are(world, plain="active", other="failed")
        self.assertIn("other.service: does not start", world.bed.run("aptkeep services").output)
        world.bed.must("rm /etc/broken-other && aptkeep services restart")
        self.are(world, plain="active", other="active")


if __name__ == "__main__":
    unittest.main()
