#!/usr/bin/python3
"""aptkeep plan, with real apt: plan_test.py COMMAND MAKE_STATE SCHEMA"""

import json
import os
import sys
import unittest

import jsonschema

import world
from pkg import NATIVE, Package
from planning import COMMAND, NOBODY, SCHEMA, Base, by_name


def strict(node):
    return {**node, "additionalProperties": False} if "properties" in node else node

class Planning(Base):
    def test_every_step_is_there_with_its_versions(self):
        self.chain()
        before = self.world.fingerprint()
        plan = self.plan(code=0)
        self.assertEqual(
            {name: (step["action"], step["old_version"], step["new_version"], step["fate"])
             for name, step in by_name(plan).items()},
            {"base": ("upgrade", "1.0", "2.0", "goes"), "foo": ("upgrade", "1.0", "2.0", "goes"),
             "dep": ("upgrade", "1.0", "2.0", "goes"), "ind": ("upgrade", "1.0", "2.0", "goes"),
             "new": ("install", None, "2.0", "goes"), "gone": ("remove", "1.0", None, "goes")})
        self.assertEqual(by_name(plan)["foo"]["origin"], "Debian:stable")
        self.assertEqual(plan["command"], ["full-upgrade"])
        order = [step["package"] for step in plan["steps"]]
        self.assertLess(order.index("foo:" + NATIVE), order.index("dep:" + NATIVE))
        self.assertEqual(self.world.changed_since(before), [])

    def test_text(self):
        self.chain()
        self.world.rule("foo", "Services: foo.service\nClass: stop\nRollback: never\n"
                               "Repair: ask the foo team")
        done = self.text()
        self.assertEqual((done.returncode, done.stderr), (0, b""), done)
        text = done.stdout.decode()
        for part in ("apt-get full-upgrade: 1 to install, 4 to upgrade, 1 to remove\n",
                     "upgrade foo 1.0 -> 2.0 (Debian:stable)\n",
                     "remove gone 1.0\n", "install new 2.0 (Debian:stable)\n",
                     "Services: foo.service [50-test.rules:2]", "Class: stop [50-test.rules:2]",
                     "Repair: ask the foo team [50-test.rules:2]",
                     "if it fails: it is left unconfigured, not put back: foo has its reasons",
                     f"{self.world.rules}/50-test.rules:2: foo has its reasons\n",
                     "Source: https://rules.example.org/foo\n"):
            self.assertIn(part, text)

    def test_nothing_to_do(self):
        self.world.installed(Package("base", "1.0"))
        self.world.offers(Package("base", "1.0"))
        done = self.text()
        self.assertEqual((done.returncode, done.stdout),
                         (0, b"apt-get full-upgrade would change nothing.\n"))
        self.assertEqual(self.plan(code=0)["steps"], [])

    def test_what_is_unpacked_already(self):
        """By the version that is there, whatever apt would install; dpkg does not touch what it is
        told not to want."""
        self.world.installed(Package("foo", "2.0"), Package("ind", "1.0"))
        self.world.offers(Package("foo", "3.0"), Package("ind", "2.0"))
        status = self.world.root / "var/lib/dpkg/status"
        whole = status.read_text(encoding="utf-8")
        for want, fate in (("unknown", "kept"), ("install", "goes")):
            status.write_text(whole.replace("install ok installed", want + " ok half-configured", 1),
                              encoding="utf-8")
            code = 1 if fate == "kept" else 0
            foo = by_name(self.plan("install", "ind", code=code))["foo"]
            self.assertEqual(
                [foo[key] for key in ("action", "old_version", "new_version", "origin", "fate")],
                ["configure", "2.0", "2.0", None, fate])
            text = self.text("install", "ind").stdout.decode()
            self.assertIn("configure foo 2.0\n", text)
            told = "foo not configured: an earlier run has left it so"
            self.assertEqual((told in text, "if it fails" in text), (fate == "kept", fate == "goes"))

    def test_a_window_counts_from_the_version_that_was_last_configured(self):
        """What comes before a package is unpacked was asked when the version in between came."""
        self.world.installed(Package("foo", "2.0"))
        self.world.offers(Package("foo", "2.1"))
        self.world.rule("foo", "Upgrade-From: << 2\nUpgrade-To: >= 2\nGuard: queue-empty /nowhere\n"
                               "Class: stop\nAfter: /bin/convert")
        self.assertEqual(by_name(self.plan(code=0))["foo"]["config_version"], None)
        status = self.world.root / "var/lib/dpkg/status"
        status.write_text(status.read_text(encoding="utf-8").replace(
            "install ok installed", "install ok half-configured\nConfig-Version: 1.0", 1),
            encoding="utf-8")
        foo = by_name(self.plan(code=0))["foo"]
        self.assertEqual((foo["old_version"], foo["config_version"]), ("2.0", "1.0"))
        self.assertEqual({d["field"]: d["value"] for d in foo["decisions"]},
                         {"Class": "stop", "After": "/bin/convert"})
        self.assertIn("upgrade foo 2.0 -> 2.1 (last configured at 1.0) (Debian:stable)\n",
                      self.text().stdout.decode())
        told = self.world.with_rules("explain", "--state", self.record("empty"), "foo")
        text = told.stdout.decode()
        self.assertIn("foo from 2.0 to 2.1 (last configured at 1.0):\n", text)
        self.assertIn("After: /bin/convert", text)
        self.assertNotIn("Guard", text)

    def test_apts_own_arguments(self):
        self.chain()
        self.assertEqual(sorted(by_name(self.plan("--", "install", "base"))), ["base"])
        self.assertEqual(by_name(self.plan("--", "upgrade"))["base"]["fate"], "goes")
        self.assertEqual(by_name(self.plan("--", "-y", "purge", "gone"))["gone"]["action"], "purge")
        step = by_name(self.plan("--", "-o", "APT::Get::Purge=true", "remove", "gone"))["gone"]
        self.assertEqual((step["action"], step["new_version"]), ("purge", None))
        self.assertEqual(by_name(self.plan("--", "--reinstall", "install", "gone"))["gone"]["action"],
                         "reinstall")

    def test_what_apt_keeps_back(self):
        old = [Package("foo", "1.0"), Package("held", "1.0")]
        self.world.installed(*old)
        self.world.offers(Package("foo", "2.0", fields={"Depends": "nowhere"}),
                          Package("held", "1.0"))
        plan = self.plan(code=0)
        self.assertEqual(plan["steps"], [])
        self.assertEqual(plan["kept_back_by_apt"],
                         [{"package": "foo:" + NATIVE, "old_version": "1.0", "new_version": "2.0",
                           "phased": False}])
        self.assertIn("foo stays at 1.0, there is 2.0", self.text().stdout.decode())

    def test_a_recorded_keep_is_told(self):
        self.chain()
        done = self.text(state="kept")
        self.assertEqual(done.returncode, 1)
        self.assertIn("  foo: stays at 1.0, 2.0 failed\n", done.stdout.decode())

    def test_what_is_kept_is_told_once(self):
        self.world.installed(Package("foo", "1.0"))
        self.world.offers(Package("foo", "2.0", fields={"Depends": "nowhere"}))
        text = self.text(state="kept").stdout.decode()
        self.assertIn("  foo: stays at 1.0, 2.0 failed\n", text)
        self.assertNotIn("Kept back by apt (", text)

    def test_an_archive_on_the_command_line(self):
        self.chain()
        package = Package("foo", "3.0", fields={"Depends": "base"})
        path = self.folder / package.filename()
        path.write_bytes(package.deb())
        plan = self.plan("--", "install", str(path), code=0)
        steps = by_name(plan)
        self.assertEqual(steps["foo"]["new_version"], "3.0")
        self.assertEqual(steps["dep"]["action"], "remove")
        self.assertEqual(plan["complaints"], [])

    def test_an_ordinary_user_may_ask(self):
        if os.geteuid() != 0:
            self.fail("needs root, to become somebody else")
        self.chain()
        before = self.world.fingerprint()
        plan = self.plan(code=0, user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertEqual(len(plan["steps"]), 6)
        self.assertEqual(plan["complaints"], [])
        self.assertEqual(self.world.changed_since(before), [])

class Rules(Base):
    def test_what_decided_and_what_was_beaten(self):
        self.chain()
        self.world.rule("foo", "Class: end\nUpgrade-From: << 2", "10-a.rules")
        self.world.rule("foo", "Class: early\nUpgrade-From: >= 2", "20-b.rules")
        self.world.rule("foo", "Class: stop\nWhen-Installed: base (<< 2)", "30-c.rules")
        decisions = by_name(self.plan(code=0))["foo"]["decisions"]
        self.assertEqual([d["field"] for d in decisions], ["Class"])
        decision = decisions[0]
        self.assertEqual(decision["value"], "stop")
        self.assertTrue(decision["rule"]["where"].endswith("/30-c.rules:2"))
        self.assertEqual(decision["rule"]["source"], "https://rules.example.org/foo")
        self.assertEqual([(b["value"], b["where"].rpartition("/")[2]) for b in decision["beaten"]],
                         [("end", "10-a.rules:2")])

    def test_a_file_that_cannot_be_used_is_complained_about(self):
        self.chain()
        self.world.rule("foo", "Clas: end")
        complaints = self.plan(code=0)["complaints"]
        self.assertEqual(len(complaints), 1)
        self.assertIn("50-test.rules, line 5: unknown field", complaints[0])
        self.assertIn("Note: ", self.text().stdout.decode())

    def test_a_later_folder_overrides_by_name(self):
        self.chain()
        self.world.rule("foo", "Class: end")
        site = self.folder / "site"
        site.mkdir()
        text = (self.world.rules / "50-test.rules").read_text(encoding="utf-8")
        (site / "50-test.rules").write_text(text.replace("end", "stop"), encoding="utf-8")
        decision = by_name(self.plan("--rules", str(site), code=0))["foo"]["decisions"][0]
        self.assertEqual((decision["value"], decision["beaten"]), ("stop", []))

    def test_on_failure_and_rollback(self):
        self.chain()
        self.world.rule("foo", "Rollback: never")
        self.world.rule("ind", "On-Failure: leave-unconfigured")
        self.world.rule("base", "On-Failure: stop-run")
        steps = by_name(self.plan(code=0))
        self.assertEqual({n: s["if_it_fails"]["outcome"] for n, s in steps.items()},
                         {"foo": "left_unconfigured", "ind": "left_unconfigured",
                          "base": "stops_run", "dep": "put_back", "new": "removed_again",
                          "gone": "put_back"})
        self.assertEqual(steps["foo"]["if_it_fails"]["why"], "foo has its reasons")


class Json(Base):
    def test_it_is_what_the_schema_says(self):
        with open(SCHEMA, encoding="utf-8") as file:
            schema = json.load(file)
        jsonschema.Draft202012Validator.check_schema(schema)
        whole = json.loads(json.dumps(schema), object_hook=strict)
        self.chain()
        queue = self.folder / "queue"
        queue.mkdir()
        (queue / "mail").touch()
        self.world.rule("foo", f"Guard: queue-empty {queue}\nClass: end")
        self.world.rule("foo", "Class: stop")
        self.world.rule("base", "Guard: file-lacks /nonexistent x\nIf-Unmet: warn")
        self.world.rule("ind", "Guard: queue-empty /nonexistent", "60-a.rules")
        self.world.rule("ind", "Guard: none", "70-b.rules")
        done = self.world.with_rules("plan", "--json", "--state", self.record("kept"))
        document = json.loads(done.stdout)
        for one in (schema, whole):
            jsonschema.Draft202012Validator(one).validate(document)
        self.assertEqual(document["kind"], "plan")
        self.assertEqual(len(document["kept"]), 3)
        beaten = by_name(document)["ind"]["decisions"][0]
        self.assertEqual((beaten["value"], beaten["rule"]["where"]),
                         ("none", f"{self.world.rules}/70-b.rules:2"))


class Refusing(Base):
    def test_what_cannot_be_planned(self):
        self.chain()
        before = self.world.fingerprint()
        for args in (["update"], ["clean"], ["--no-simulate", "install", "foo"],
                     ["-c", "/dev/null"], ["install", "--download-only", "foo"],
                     ["install", "nosuch"], ["install", "./nosuch.deb"], ["install", "foo=9"],
                     ["--bogus"], ["-o"], [""], ["install", "a\x1b[31m\nb"]):
            with self.subTest(args):
                self.assert_refused(self.text("--", *args))
        self.assertEqual(self.world.changed_since(before), [])

    def test_nothing_ends_the_simulation(self):
        self.chain()
        self.world.rule("foo", "Class: stop")
        conf = self.folder / "etc/apt/apt.conf.d/01evil"
        conf.write_text('APT::Get::Simulate "false";\n'
                        f'APT::Install::Pre-Invoke {{ "touch {self.folder}/ran"; }};\n'
                        f'AptCli::Hooks::Install {{ "touch {self.folder}/ran"; }};\n',
                        encoding="utf-8")
        before = self.world.fingerprint()
        plan = self.plan("--", "-y", "-o", "APT::Get::Simulate=false", "-o",
                         f"APT::Install::Pre-Invoke::=touch {self.folder}/ran", "full-upgrade",
                         code=0)
        self.assertEqual(len(plan["steps"]), 6)
        self.assertEqual(self.world.changed_since(before), [])

    def test_a_system_that_apt_cannot_read(self):
        self.chain()
        (self.folder / "etc/apt/sources.list").write_text("nonsense\n", encoding="utf-8")
        self.assert_refused(self.text(), "unable to plan: apt-get: ")

    def test_a_folder_of_rules_that_cannot_be_read(self):
        self.chain()
        done = self.world.run("plan", "--rules", "/dev/null/x")
        self.assert_refused(done)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
