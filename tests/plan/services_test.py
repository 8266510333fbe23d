#!/usr/bin/python3
"""What aptkeep plan says of services, from scripts alone: services_test.py COMMAND SCHEMA

The system of these tests has no systemd."""

import json
import os
import sys
import unittest

import jsonschema

import world
from pkg import NATIVE, Package

COMMAND, SCHEMA = sys.argv[1:3]

INVOKE = "deb-systemd-invoke {} 'foo.service' 'foo.socket' >/dev/null || true"
STOPS = {"preinst": {"upgrade": INVOKE.format("stop")},
         "postinst": {"configure": INVOKE.format("start")}}
RESTARTS = {"postinst": {"configure": 'if [ -n "$2" ]; then a=restart; else a=start; fi\n'
                                      + INVOKE.format("$a")}}
LISTED = "/.\n/usr/lib/systemd/system/foo.service\n/usr/lib/systemd/system/foo.socket\n"
INSTALLED = "installed_scripts"


class Services(world.Case):
    command = COMMAND

    def setUp(self):
        super().setUp()
        if os.path.exists("/run/systemd/private"):  # this machine's own is to be out of sight
            path = self.world.root / "alone"
            path.write_text("#!/bin/sh\nexec unshare -m sh -c 'mount -t tmpfs none /run/systemd && "
                            f"exec \"$0\" \"$@\"' {COMMAND} \"$@\"\n", encoding="utf-8")
            path.chmod(0o755)
            self.world.command = str(path)

    def foo(self, old, new):
        """foo 1 is there with those scripts, and a foo 2 is offered."""
        before, after = Package("foo", "1", scripts=old), Package("foo", "2", scripts=new)
        self.world.installed(before)
        self.world.offers(after)
        info = self.world.root / "var/lib/dpkg/info"
        (info / "foo.list").write_text(LISTED, encoding="utf-8")
        for name in old:
            (info / f"foo.{name}").write_text(before.script(name), encoding="utf-8")
        return after

    def download(self, package, cut=0):
        content = package.deb()
        path = self.world.root / "var/cache/apt/archives" / package.filename()
        path.write_bytes(content[:len(content) - cut])

    def plan(self, *args):
        done = self.world.with_rules("plan", "--json", *args)
        self.assertEqual((done.returncode, done.stderr), (0, b""), done)
        plan = json.loads(done.stdout)
        with open(SCHEMA, encoding="utf-8") as file:
            jsonschema.validate(plan, json.load(file))
        self.assertEqual(plan["complaints"], [])
        return plan["steps"]

    def said(self, *args):
        (step,) = self.plan(*args)
        return [(one["unit"], one["class"], one["from"], one["why"]) for one in step["services"]]

    def text(self, *args):
        done = self.world.with_rules("plan", *args)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode()

    def both(self, service_class, source, why):
        return [(unit, service_class, source, why) for unit in ("foo.service", "foo.socket")]

    def test_without_the_archive_the_installed_scripts_are_read(self):
        self.foo(STOPS, RESTARTS)
        self.assertEqual(self.said(), self.both("stop", INSTALLED, "the new preinst stops it"))
        text = self.text()
        self.assertIn("     foo.service, foo.socket: stop, read from the scripts of the installed "
                      "version: the new preinst stops it\n", text)
        self.assertIn("Scripts of new versions are read when their archives have been", text)

    def test_with_the_archive_the_new_ones_are(self):
        package = self.foo(STOPS, RESTARTS)
        self.download(package)
        self.assertEqual(self.said(), self.both("end", "scripts", "its postinst restarts it"))
        text = self.text()
        self.assertIn("     foo.service, foo.socket: end, read from its scripts: "
                      "its postinst restarts it\n", text)
        self.assertNotIn("Scripts of new versions", text)

    def test_an_archive_that_is_half_there_counts_for_nothing(self):
        self.download(self.foo(STOPS, RESTARTS), cut=10)
        self.assertEqual(self.said(), self.both("stop", INSTALLED, "the new preinst stops it"))

    def test_an_archive_on_the_command_line(self):
        self.foo(STOPS, RESTARTS)
        package = Package("foo", "3", scripts={"prerm": {}})
        path = self.folder / package.filename()
        path.write_bytes(package.deb())
        self.assertEqual(self.said("--", "install", str(path)),
                         self.both("stock", "scripts", "its scripts do nothing about it"))

    def test_the_old_prerm_counts(self):
        prerm = {"prerm": {"upgrade": INVOKE.format("stop")}}
        self.download(self.foo(prerm, RESTARTS))
        self.assertEqual(self.said(), self.both("stop", "scripts",
                                                "the prerm of the version before stops it"))

    def test_versions_that_a_script_asks_for(self):
        for limit, expected in (("1~", "end"), ("2~", "stop")):
            script = {**RESTARTS, "preinst": {
                "upgrade": f'if dpkg --compare-versions "$2" lt {limit}; then\n'
                           + INVOKE.format("stop") + "\nfi"}}
            self.download(self.foo({}, script))
            self.assertEqual({one[1] for one in self.said()}, {expected}, limit)

    def test_a_rule_comes_first(self):
        self.foo(STOPS, STOPS)
        self.world.rule("foo", "Services: foo.service\nClass: never")
        self.assertEqual(self.said(), [
            ("foo.service", "never", "rule", "foo has its reasons"),
            ("foo.socket", "stop", INSTALLED, "the new preinst stops it")])
        self.assertIn("     foo.service: never, by rule [50-test.rules:2]\n", self.text())
        self.world.rule("foo", "Services: none", name="60-test.rules")
        self.assertEqual([one[2] for one in self.said()], ["rule", "rule"])

    def test_what_has_no_two_sides_has_no_services(self):
        self.foo(STOPS, STOPS)
        (step,) = self.plan("--", "remove", "foo")
        self.assertEqual(step["services"], [])
        self.world.installed()
        (step,) = self.plan("--", "install", "foo")
        self.assertEqual((step["action"], step["services"]), ("install", []))

    def test_switched_off(self):
        self.foo(STOPS, STOPS)
        self.assertEqual(self.said("--", "-o", "Aptkeep::Services=false", "full-upgrade"), [])
        self.assertEqual(self.said("--", "-o", "Aptkeep::Keep-Going=false", "full-upgrade"), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
