#!/usr/bin/python3
"""Rules' Check-Config and Probe: what runs is not restarted into a failure, at the end and below a
script; what runs and does not answer is told."""

import unittest

from units import World, package, service

RELOAD = "systemctl --system daemon-reload\n"
# Refuses "bad" in its configuration, as sshd does.
DAEMON = "sh -c '! grep -q bad /etc/{0}.conf && exec sleep {1}'"


def rule(name, lines):
    return (f"Package: {name}\n{lines}\nReason: a test\nSource: https://example.org/\n\n")


def daemon(name):
    restart = {"postinst": {"configure": f"{RELOAD}deb-systemd-invoke restart {name}.service"}}
    unit = f"{name}.service"
    return (package(name, "1.0", {unit: service(DAEMON.format(name, "infinity"))}),
            package(name, "2.0", {unit: service(DAEMON.format(name, "100000"))}, scripts=restart))


CHECK = "Check-Config: sh: ! grep -H bad /etc/{0}.conf >&2"
NAMES = ("late", "early", "fine", "unchecked", "dumb")
RULES = "".join([rule("late", CHECK.format("late")),
                 rule("early", "Class: early\n" + CHECK.format("early")),
                 rule("fine", "Class: early\n" + CHECK.format("fine") + "\nProbe: /bin/true"),
                 rule("dumb", "Probe: /bin/sh -c 'echo no answer >&2; exit 2'")])


class Checks(unittest.TestCase):
    def test_what_refuses_its_configuration_goes_on(self):
        pairs = [daemon(name) for name in NAMES]
        with World([old for old, _ in pairs], [new for _, new in pairs]) as world:
            world.bed.write("/etc/aptkeep/rules.d/checks.rules", RULES)
            for name in NAMES:
                world.bed.write(f"/etc/{name}.conf", "good\n")
                world.start(f"{name}.service")
            before = {name: self.pid(world, name) for name in NAMES}
            for name in ("late", "early"):
                world.bed.write(f"/etc/{name}.conf", "bad\n")
            output = world.upgrade().output
            for name in ("late", "early"):
                self.assertEqual(self.pid(world, name), before[name], output)
                self.assertIn(f"{name}.service: it was not restarted, because its new "
                              "version refuses its configuration: exit status 1: "
                              f"/etc/{name}.conf:bad", output)
            self.assertIn("early.service is not restarted now, since its new version refuses its "
                          "configuration", output)
            for name in ("fine", "unchecked", "dumb"):
                self.assertNotIn(self.pid(world, name), (before[name], "0"), output)
                self.assertEqual(world.starts(f"{name}.service"), 2, name)
            self.assertIn("dumb.service: it runs, and was not well: /bin/sh -c", output)
            self.assertIn("exit status 2: no answer", output)
            self.assertNotIn("fine.service: ", output)
            world.bed.must("dpkg --audit")
            self.mended(world, before)

    # What another user's command prints is not for root's terminal to obey.
    def test_what_commands_print_is_harmless(self):
        hostile = r"user=nobody sh: printf '\033]0;pwn\007\377\n' >&2; exit 1"
        fields = {"before": "Before", "after": "After", "late": "Check-Config", "dumb": "Probe"}
        pairs = [daemon(name) for name in fields]
        with World([old for old, _ in pairs], [new for _, new in pairs]) as world:
            world.bed.write("/etc/aptkeep/rules.d/checks.rules", "".join(
                rule(name, f"Class: {'stop' if name == 'after' else 'end'}\n{field}: {hostile}")
                for name, field in fields.items()))
            for name in fields:
                world.bed.write(f"/etc/{name}.conf", "good\n")
                world.start(f"{name}.service")
            output = world.upgrade().output
            for text in ("before is not touched: ", "after is not done with what comes after: ",
                         "late.service: it was not restarted, because ",
                         "dumb.service: it runs, and was not well: "):
                told = [line for line in output.splitlines() if text in line]
                self.assertTrue(told and all(r"\x1b]0;pwn\x07\xff" in line for line in told),
                                text + output)
            for byte in ("\x1b]0;pwn", "\x07", "\ufffd"):
                self.assertNotIn(byte, output)

    def pid(self, world, name):
        return world.bed.must(["systemctl", "show", "-P", "MainPID", f"{name}.service"]).strip()

    def mended(self, world, before):
        """By the person who was told."""
        listed = world.bed.run("aptkeep services")
        self.assertEqual(listed.code, 1, listed.output)
        for line in ("late.service (late): it was not restarted", "early.service (early): it was "
                     "not", "dumb.service (dumb): it runs, and was not well"):
            self.assertIn(line, listed.output)
        for name in ("late", "early"):
            world.bed.write(f"/etc/{name}.conf", "good\n")
        world.bed.must("systemctl restart early.service")
        early = self.pid(world, "early")
        listed = world.bed.run("aptkeep services")
        self.assertIn("early.service (early): runs again", listed.output)
        again = world.bed.run("aptkeep services restart")
        self.assertEqual(again.code, 1, "what is dumb stays so: " + again.output)
        self.assertNotIn("late.service: ", again.output)
        self.assertNotIn(self.pid(world, "late"), (before["late"], "0"))
        listed = world.bed.run("aptkeep services").output
        self.assertNotIn("late", listed)
        self.assertIn("dumb", listed)
        self.assertNotEqual(early, before["early"])


if __name__ == "__main__":
    unittest.main()
