#!/usr/bin/python3
"""aptkeep plan, with real apt: plan_test.py COMMAND MAKE_STATE SCHEMA"""

import json
import os
import subprocess
import sys
import unittest

import jsonschema

import world
from pkg import NATIVE, Package

COMMAND, MAKE_STATE, SCHEMA = sys.argv[1:4]
NOBODY = 65534


def strict(node):
    return {**node, "additionalProperties": False} if "properties" in node else node


class Base(world.Case):
    command = COMMAND

    def record(self, kind):
        path = self.world.root / "records" / (kind + ".db")
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        subprocess.run([MAKE_STATE, path, kind], check=True, timeout=60)
        return str(path)

    def chain(self):
        """base <- foo <- dep = foo's version; ind alone; new comes with ind, gone goes for it."""
        old = [Package("base", "1.0"), Package("foo", "1.0", fields={"Depends": "base"}),
               Package("dep", "1.0", fields={"Depends": "foo (= 1.0)"}),
               Package("ind", "1.0"), Package("gone", "1.0")]
        new = [p.successor("2.0") for p in old if p.name != "gone"]
        new[3].fields = {"Depends": "new", "Conflicts": "gone"}
        self.world.installed(*old)
        self.world.offers(*old, *new, Package("new", "2.0"))

    def plan(self, *args, rules=True, code=None, **more):
        done = (self.world.with_rules if rules else self.world.run)(
            "plan", "--state", self.record("empty"), "--json", *args, **more)
        self.assertEqual(done.stderr, b"")
        if code is not None:
            self.assertEqual(done.returncode, code, done)
        return json.loads(done.stdout)

    def text(self, *args, state="empty", **more):
        return self.world.with_rules("plan", "--state", self.record(state), *args, **more)

    def assert_refused(self, done, why=""):
        self.assertEqual((done.returncode, done.stdout), (2, b""), done)
        self.assertRegex(done.stderr, rb"\Aaptkeep: unable to [^\n]*\n\Z")
        self.assertIn(why.encode(), done.stderr)


def by_name(plan):
    return {step["package"].removesuffix(":" + NATIVE): step for step in plan["steps"]}


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


class Guards(Base):
    def setUp(self):
        super().setUp()
        self.chain()
        self.queue = self.folder / "queue"
        self.queue.mkdir()
        self.world.rule("foo", f"Guard: queue-empty {self.queue}")

    def test_a_guard_that_is_met(self):
        step = by_name(self.plan(code=0))["foo"]
        self.assertEqual((step["fate"], step["guards"][0]["state"]), ("goes", "met"))

    def test_one_that_is_not_keeps_the_package_and_what_needs_it(self):
        (self.queue / "mail").touch()
        plan = self.plan(code=1)
        steps = by_name(plan)
        self.assertFalse(plan["all_well"])
        self.assertEqual(steps["foo"]["fate"], "kept")
        self.assertEqual(steps["foo"]["guards"][0]["state"], "unmet")
        self.assertEqual(steps["dep"]["fate"], "kept")
        self.assertEqual(steps["dep"]["cause"][0], "dep kept: needs foo (= 2.0)")
        self.assertIn("queue-empty", steps["dep"]["cause"][1])
        self.assertEqual({steps[name]["fate"] for name in ("base", "ind", "new", "gone")}, {"goes"})
        text = self.text().stdout.decode()
        self.assertIn("stays as it is: dep kept: needs foo (= 2.0)", text)
        self.assertIn("unmet: ", text)

    def test_a_state_stands_behind_its_guard(self):
        (self.queue / "mail").touch()
        self.world.rule("foo", "Guard: none", "60-a.rules")
        self.world.rule("foo", f"Guard: queue-empty {self.queue} {self.queue}", "70-b.rules")
        text = self.text().stdout.decode()
        self.assertIn("     Guard: none [60-a.rules:2]\n"
                      f"     Guard: queue-empty {self.queue} {self.queue} [70-b.rules:2]\n"
                      "       unmet: ", text)

    def test_stop_begins_nothing(self):
        (self.queue / "mail").touch()
        self.world.rule("foo", "If-Unmet: stop")
        self.assertEqual({s["fate"] for s in self.plan(code=1)["steps"]}, {"not_begun"})
        self.assertIn("Nothing of it would begin: foo stops the run: ", self.text().stdout.decode())

    def test_what_only_root_may_look_at(self):
        if os.geteuid() != 0:
            self.fail("needs root, to become somebody else")
        self.queue.chmod(0o700)
        done = self.text(user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertEqual((done.returncode, done.stderr), (1, b""), done)
        text = done.stdout.decode()
        for part in ("unknown: ", "stays as it is", "Root may be able to tell of more guards."):
            self.assertIn(part, text)

    def test_rules_of_ones_own(self):
        if os.geteuid() != 0:
            self.fail("needs root, to become somebody else")
        ran = self.folder / "ran"
        self.folder.chmod(0o777)
        self.world.rule("ind", f'Guard: command "/bin/touch {ran}" expects 0', "60-own.rules")
        self.world.rule("foo", "Guard: none", "60-own.rules")
        for path in (self.world.rules, self.world.rules / "60-own.rules"):
            os.chown(path, NOBODY, NOBODY)
        # A folder above, which others may write to, is none of one's own.
        plan = self.plan(code=0, user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertEqual(len(plan["complaints"]), 1)
        self.folder.chmod(0o755)
        plan = self.plan(code=1, user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertEqual(plan["complaints"], [])
        steps = by_name(plan)
        self.assertEqual(steps["ind"]["guards"][0]["state"], "unknown")  # only root runs commands
        self.assertEqual(steps["foo"]["guards"], [])
        plan = self.plan(code=0)
        self.assertEqual(by_name(plan)["ind"]["guards"], [])
        self.assertEqual(plan["complaints"],
                         [f"unable to use the rules in {self.world.rules}: "
                          f"it is owned by user {NOBODY}, not by root"])
        self.assertFalse(ran.exists())

    def test_force_lets_it_pass(self):
        (self.queue / "mail").touch()
        for args, environment in ((["--", "-o", "Aptkeep::Force::=foo"], {}),
                                  (["--", "-o", "Aptkeep::Force=bar,foo"], {}),
                                  ([], {"APTKEEP_FORCE": "bar,foo:" + NATIVE})):
            plan = self.plan(*args, environment=environment, code=0)
            step = by_name(plan)["foo"]
            self.assertEqual((step["fate"], step["forced_past"]),
                             ("goes", [f"queue-empty {self.queue}"]))
        plan = self.plan(environment={"APTKEEP_FORCE": "fo*"}, code=1)
        self.assertEqual(by_name(plan)["foo"]["fate"], "kept")
        self.assertEqual(len(plan["complaints"]), 1)

    def test_room_for_backups(self):
        """As the run asks for it: of what is replaced, each with those before it."""
        for name in ("foo", "ind", "new", "gone"):
            self.world.rule(name, "Backup: sh: echo saved", "60-backups.rules")
        plan = self.plan()
        room = {}
        for name, step in by_name(plan).items():
            guards = [g["guard"] for g in step["guards"] if g["guard"].startswith("free-space")]
            if guards:
                room[name] = guards
        where = "free-space /var/lib/aptkeep/backups "
        self.assertEqual(sorted(room.values()), [[where + "16777216"], [where + "33554432"]])
        self.assertEqual(room.keys(), {"foo", "ind"})
        self.assertIn(b"Guard: " + where.encode(), self.text().stdout)

    def test_a_frontend_that_runs_dpkg_itself(self):
        (self.queue / "mail").touch()
        past = ("--", "-o", "Dir::Bin::dpkg=/usr/bin/dpkg", "full-upgrade")
        plan = self.plan(*past, code=1)
        self.assertEqual((plan["bypassed"], plan["all_well"]), (True, False))
        self.assertEqual({step["fate"] for step in plan["steps"]}, {"goes"})
        text = self.text(*past).stdout.decode()
        for part in ("This frontend runs dpkg itself", "goes on, since this frontend runs dpkg "
                     f"itself: guard queue-empty {self.queue} is unmet"):
            self.assertIn(part, text)

    def test_switched_off_no_rule_is_asked(self):
        (self.queue / "mail").touch()
        for args, environment in ((["--", "-o", "Aptkeep::Keep-Going=false"], {}),
                                  ([], {"APTKEEP": "off"})):
            plan = self.plan(*args, environment=environment, code=0)
            self.assertFalse(plan["switched_on"])
            step = by_name(plan)["foo"]
            self.assertEqual((step["fate"], step["guards"], step["decisions"]), ("goes", [], []))
            self.assertEqual(step["if_it_fails"]["outcome"], "stops_run")


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
