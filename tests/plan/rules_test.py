#!/usr/bin/python3
"""aptkeep explain (the rules' part), rules check, rules test: rules_test.py COMMAND MAKE_STATE"""

import os
import subprocess
import sys
import unittest

import world
from pkg import Package

COMMAND, MAKE_STATE = sys.argv[1:3]
NOBODY = {"user": 65534, "group": 65534, "extra_groups": []}

TESTED = """
Package: foo
Upgrade-To: >= 2
Class: stop
Guard: queue-empty /var/spool/foo
Reason: foo converts its queue
Source: https://rules.example.org/foo

Test: across the change
Package: foo
From: 1.0
To: 2.0
Class: {wanted}
Guards: queue-empty = unmet
Outcome: keep

Test: before it
Package: foo
From: 1.0
To: 1.1
Class: none
"""


class Base(world.Case):
    command = COMMAND

    def write(self, name, text):
        path = self.world.rules / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def assert_refused(self, done, why=""):
        self.assertEqual((done.returncode, done.stdout), (2, b""), done)
        self.assertRegex(done.stderr, rb"\Aaptkeep: unable to [^\n]*\n\Z")
        self.assertIn(why.encode(), done.stderr)

    def assert_said(self, done, code, *parts):
        self.assertEqual((done.returncode, done.stderr), (code, b""), done)
        text = done.stdout.decode()
        for part in parts:
            self.assertIn(part, text)
        return text


class Explain(Base):
    def setUp(self):
        super().setUp()
        self.record = str(self.folder / "state.db")
        subprocess.run([MAKE_STATE, self.record, "kept"], check=True, timeout=60)
        self.world.installed(Package("foo", "1.0"), Package("bar", "1.0"), Package("plain", "1.0"),
                             Package("other", "1.0"))
        self.world.offers(Package("bar", "2.0"), Package("other", "1.0"), Package("fresh", "3.0"))
        self.world.rule("foo", "Class: end\nServices: foo.service", "10-a.rules")
        self.world.rule("foo", "Class: stop\nUpgrade-To: >= 2\nTogether: front@*.service",
                        "20-b.rules")
        self.world.rule("bar", "Guard: queue-empty /q\nServices: bar.service", "30-c.rules")
        self.world.rule("bar", "Class: early\nUpgrade-To: >= 9", "40-d.rules")
        self.world.rule("fresh", "Repair: read the notes", "40-d.rules")

    def explain(self, name):
        return self.world.run("explain", "--state", self.record, "--rules", str(self.world.rules),
                              name)

    def test_of_what_is_kept_the_rules_are_told_with_those_that_they_beat(self):
        text = self.assert_said(self.explain("foo"), 0, "foo: stays at 1.0",
                                "What rules decide about foo from 1.0 to 2.0:\n",
                                "  Class: stop [20-b.rules:2]\n    beats end [10-a.rules:2]\n",
                                "Services: foo.service [10-a.rules:2]",
                                f"{self.world.rules}/20-b.rules:2: foo has its reasons\n"
                                "    Source: https://rules.example.org/foo\n")
        self.assertLess(text.index("stays at"), text.index("What rules decide"))

    def test_of_a_package_of_which_nothing_is_recorded(self):
        self.assert_said(self.explain("bar"), 0, "What rules decide about bar from 1.0 to 2.0:\n",
                         "  Guard: queue-empty /q [30-c.rules:2]\n",
                         "  not about this: [40-d.rules:2], whose versions")

    def test_of_one_that_is_not_installed(self):
        self.assert_said(self.explain("fresh"), 0, "What rules decide about fresh 3.0:\n",
                         "Repair: read the notes")

    def test_of_a_list_that_a_rule_took_away(self):
        self.world.rule("bar", "Guard: none", "50-e.rules")
        self.assert_said(self.explain("bar"), 0,
                         "  Guard: none [50-e.rules:2]\n    beats queue-empty /q [30-c.rules:2]\n")

    def test_of_each_guard_what_follows_and_who_says_so(self):
        """A stanza's If-Unmet is about its own guards, and beats no other's."""
        self.world.rule("other", "Guard: queue-empty /q1\nIf-Unmet: stop", "50-e.rules")
        self.world.rule("other", "Guard: queue-empty /q2\nIf-Unmet: warn", "51-f.rules")
        self.world.rule("other", "Guard: queue-empty /q3\nBackup: /bin/true", "52-g.rules")
        nobody = ", since no rule says anything else\n"
        self.assert_said(self.explain("other"), 0,
                         "  Guard: queue-empty /q1 [50-e.rules:2]\n"
                         "    If-Unmet: stop [50-e.rules:2]\n"
                         "  Guard: queue-empty /q2 [51-f.rules:2]\n"
                         "    If-Unmet: warn [51-f.rules:2]\n"
                         "  Guard: queue-empty /q3 [52-g.rules:2]\n    If-Unmet: keep" + nobody
                         + "  Backup: /bin/true [52-g.rules:2]\n    If-Unmet: keep" + nobody
                         + "Rules:\n")
        # One that lists none is about all, and beats what was said before.
        self.world.rule("other", "If-Unmet: ask", "53-h.rules")
        self.assert_said(self.explain("other"), 0,
                         "  Guard: queue-empty /q1 [50-e.rules:2]\n"
                         "    If-Unmet: ask [53-h.rules:2]\n      beats stop [50-e.rules:2]\n")

    def test_of_a_guard_that_was_taken_away_and_listed_anew(self):
        for name, fields in (("50-e.rules", "Guard: queue-empty /q1\nIf-Unmet: warn"),
                             ("51-f.rules", "Guard: none"),
                             ("52-g.rules", "Guard: queue-empty /q1")):
            self.world.rule("other", fields, name)
        self.assert_said(self.explain("other"), 0,
                         "  Guard: none [51-f.rules:2]\n    beats queue-empty /q1 [50-e.rules:2]\n"
                         "  Guard: queue-empty /q1 [52-g.rules:2]\n"
                         "    If-Unmet: keep, since no rule says anything else\n")

    def test_of_a_package_without_guards_what_is_about_all(self):
        self.world.rule("other", "If-Unmet: stop", "50-e.rules")
        self.assert_said(self.explain("other"), 0, "  If-Unmet: stop [50-e.rules:2]\n")

    def test_of_a_unit_what_a_rule_itself_says(self):
        self.world.rule("other", "Services: other.service\nGuard: queue-empty /q1\nIf-Unmet: warn",
                        "50-e.rules")
        self.assert_said(self.explain("other.service"), 0,
                         "    Guard: queue-empty /q1\n    If-Unmet: warn\n")

    def test_of_files_that_cannot_be_used(self):
        self.write("60-f.rules", "nonsense\n")
        note = f"Note: unable to use {self.world.rules}/60-f.rules, line 1: \"nonsense\" is no field\n"
        none = "nothing is recorded of it, and no rule that can be used names it"
        self.assert_said(self.explain("plain"), 0, f"plain: {none}.\n", note)
        done = self.explain("plain.service")
        self.assertEqual((done.returncode, done.stdout.decode(), done.stderr.decode()),
                         (2, note, f"aptkeep: unable to explain plain.service: {none}\n"))

    def test_of_one_that_no_rule_names(self):
        self.assert_said(self.explain("plain"), 0,
                         "plain: nothing is recorded of it, and no rule names it.\n")

    def test_of_a_unit(self):
        text = self.assert_said(self.explain("bar.service"), 0, "bar.service is named by\n",
                                "  30-c.rules:2 for bar\n", "    Services: bar.service\n",
                                "What rules decide about bar from 1.0 to 2.0:\n")
        self.assertNotIn("foo", text)
        # A template's instance; and the rule's package has no way to go, but is there.
        self.assert_said(self.explain("front@1.service"), 0,
                         "front@1.service is named by\n  20-b.rules:2 for foo\n")

    def test_of_a_unit_that_is_reloaded(self):
        self.world.rule("bar", "Reload: dbus.service", "50-e.rules")
        self.assert_said(self.explain("dbus.service"), 0,
                         "dbus.service is named by\n  50-e.rules:2 for bar\n",
                         "    Reload: dbus.service\n")

    def test_of_a_unit_no_packages_patterns_decide(self):
        """foo.service could be a package's name, too, and "fo*" fits it."""
        self.world.rule("fo*", "Class: never", "50-e.rules")
        text = self.assert_said(self.explain("foo.service"), 0, "foo.service is named by\n",
                                "What rules decide about foo 1.0:\n")
        self.assertNotIn("about foo.service", text)
        self.assert_refused(self.explain("fob.service"))

    def test_of_a_rule_that_is_there_for_history(self):
        self.world.rule("other", "Class: end\nHistoric: yes", "50-e.rules")
        self.assert_said(self.explain("other"), 0, "other has its reasons (historic)\n")

    def test_of_nothing(self):
        for name in ("nosuch", "nosuch.service", "fo", "f*", "", "x\x1b[31m", "nosuch:i386"):
            with self.subTest(name):
                self.assert_refused(self.explain(name))

    def test_without_rules_the_story_is_told_all_the_same(self):
        done = self.world.run("explain", "--state", self.record, "--rules", "/dev/null/x", "foo")
        self.assert_said(done, 0, "foo: stays at 1.0")


class Check(Base):
    def check(self, *files):
        return self.world.run("rules", "check", *files)

    def test_good_files(self):
        path = self.write("50-a.rules", TESTED.format(wanted="stop"))
        done = self.check(path)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))

    def test_every_mistake_is_a_line_with_its_place(self):
        path = self.write("50-a.rules", "Package: foo\nClas: stop\nReason: x\nSource: y\n\n"
                                        "Package: bar\nUpgrade-From: >= a b\nReason: x\n")
        done = self.check(path)
        text = self.assert_said(done, 1, f'{path}:2: unknown field "Clas"\n', f"{path}:7: ",
                                f"{path}:6: ")
        for line in text.splitlines():
            self.assertRegex(line, rf"\A{path}:\d+: \S")

    def test_an_architecture_that_is_none(self):
        path = self.write("50-a.rules", "Package: foo\nArchitecture: amd64 amd46\n linux-any\n"
                                        "Class: end\nReason: x\nSource: https://x\n\n"
                                        "Test: x\nPackage: foo\nArchitecture: amd46\nTo: 2\n"
                                        "Class: none\n\n"
                                        "Package: bar\nArchitecture: armhf kfreebsd-i386 x32\n"
                                        "Class: end\nReason: x\nSource: https://x\n")
        text = self.assert_said(self.check(path), 1)
        self.assertEqual(text, "".join(f'{path}:{line}: Architecture: "{name}" is none that dpkg '
                                       "knows\n" for line, name in
                                       ((2, "amd46"), (3, "linux-any"), (10, "amd46"))))

    def test_all_files_of_the_folders(self):
        self.write("50-a.rules", TESTED.format(wanted="stop"))
        self.write("60-b.rules", "nonsense\n")
        self.write("notes.txt", "nonsense\n")
        os.symlink("/dev/null", self.world.rules / "70-masked.rules")
        done = self.world.run("rules", "check", "--rules", str(self.world.rules))
        text = self.assert_said(done, 1, "60-b.rules:1: ")
        self.assertEqual(len(text.splitlines()), 1, text)

    def test_a_file_that_others_may_write_to(self):
        path = self.write("50-a.rules", TESTED.format(wanted="stop"))
        os.chmod(path, 0o666)
        done = self.world.run("rules", "check", "--rules", str(self.world.rules))
        self.assert_said(done, 1, "50-a.rules")
        self.assert_said(self.check(path), 0)  # its text is good

    def test_one_that_is_no_text_hides_no_others_mistakes(self):
        bad = self.write("50-a.rules", "nonsense\n")
        binary = self.write("60-b.rules", "\0")
        (self.world.rules / "70-c.rules").mkdir()
        os.symlink("nowhere", self.world.rules / "80-d.rules")
        lines = (f'{bad}:1: "nonsense" is no field\n', f"{binary}: it is no text\n")
        for files in ((bad, binary), (binary, bad)):
            text = self.assert_said(self.check(*files), 1, *lines)
            self.assertEqual(len(text.splitlines()), 2, text)
        done = self.world.run("rules", "check", "--rules", str(self.world.rules))
        text = self.assert_said(done, 1, *lines, "70-c.rules: it is no regular file\n",
                                "80-d.rules: No such file or directory\n")
        self.assertEqual(len(text.splitlines()), 4, text)

    def test_what_cannot_be_read_hides_no_others_mistakes(self):
        bad = self.write("50-a.rules", "nonsense\n")
        os.chmod(self.write("60-b.rules", "nonsense\n"), 0o600)
        line = f'{bad}:1: "nonsense" is no field\n'
        why = "aptkeep: unable to use {}: {}\n"
        done = self.check("/nonexistent.rules", bad, "/nowhere/x.rules")
        none = "No such file or directory"
        self.assertEqual((done.returncode, done.stdout.decode(), done.stderr.decode()),
                         (2, line, why.format("/nonexistent.rules", none).rstrip("\n") +
                          f"; unable to use /nowhere/x.rules: {none}\n"))
        done = self.world.run("rules", "check", "--rules", str(self.world.rules), **NOBODY)
        self.assertEqual((done.returncode, done.stdout.decode(), done.stderr.decode()),
                         (2, line, why.format(f"{self.world.rules}/60-b.rules",
                                              "Permission denied")))

    def test_what_is_reached_over_anothers_link(self):
        theirs = self.folder / "theirs"
        theirs.mkdir()
        os.symlink("/dev/null", theirs / "mask")
        os.symlink(theirs / "mask", self.world.rules / "50-a.rules")
        self.assert_said(self.world.run("rules", "check", "--rules", str(self.world.rules)), 0)
        os.chown(theirs, 65534, 65534)
        done = self.world.run("rules", "check", "--rules", str(self.world.rules))
        self.assert_said(done, 1, "50-a.rules: it is reached over")

    def test_what_cannot_be_read(self):
        self.assert_refused(self.check("/nonexistent.rules"), "/nonexistent.rules")
        self.assert_refused(self.world.run("rules"))
        self.assert_refused(self.world.run("rules", "bogus"))
        self.assert_refused(self.world.run("rules", "check", "--bogus"))

    def test_the_rules_of_this_tree(self):
        files = sorted(map(str, (world.HERE.parent.parent / "rules").glob("*.rules")))
        self.assertGreater(len(files), 0)
        done = self.check(*files)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""))
        for file in files:
            done = self.world.run("rules", "test", file)
            self.assertEqual((done.returncode, done.stderr), (0, b""), done)


class Test(Base):
    def test_what_holds(self):
        done = self.world.run("rules", "test",
                              self.write("a.rules", TESTED.format(wanted="stop")))
        self.assert_said(done, 0, "2 tests, 0 failed\n")

    def test_what_fails(self):
        path = self.write("a.rules", TESTED.format(wanted="end"))
        self.assert_said(self.world.run("rules", "test", path), 1,
                         f"{path}:9: across the change: Class: expected end, found stop\n",
                         "2 tests, 1 failed\n")

    def test_a_file_of_tests_alone_tries_the_systems_rules(self):
        rules, _, tests = TESTED.format(wanted="stop").partition("\nTest:")
        self.write("50-a.rules", rules)
        path = self.folder / "tests"
        path.write_text("Test:" + tests, encoding="utf-8")
        self.assert_said(self.world.run("rules", "test", "--rules", str(self.world.rules),
                                        str(path)), 0, "2 tests, 0 failed\n")

    def stops(self, rule, units, stops, step="From: 1.0\nTo: 2.0\n"):
        path = self.write("a.rules", f"Package: foo\n{rule}\nReason: r\nSource: https://x.org\n\n"
                          f"Test: t\nPackage: foo\n{step}Units: {units}\nStops: {stops}\n")
        done = self.world.run("rules", "test", path)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode()

    def test_what_goes_down_depends_on_what_is_up(self):
        rule = "Class: stop\nServices: foo.service foo@*.service\nTogether: front.service"
        units = ("foo.service = active\n foo@1.service = active\n foo@2.service = inactive\n"
                 " foo.socket = active\n front.service = {}\n bar.service = active")
        well = "1 test, 0 failed\n"
        its = "foo.service foo@1.service foo.socket"
        self.assertEqual(self.stops(rule, units.format("active"), its + " front.service"), well)
        self.assertEqual(self.stops(rule, units.format("inactive"), its), well)
        self.assertIn(": Stops: expected foo.service foo.socket foo@1.service, "
                      "found foo.service foo.socket foo@1.service front.service\n",
                      self.stops(rule, units.format("active"), its))
        self.assertEqual(self.stops("Class: end\nServices: foo.service", units.format("active"),
                                    "none"), well)
        # Nothing is replaced.
        self.assertEqual(self.stops(rule, units.format("active"), "none", "To: 2.0\n"), well)

    def test_what_goes_down_of_a_rule_without_services(self):
        units = "foo.service = active\n other.service = active"
        well = "1 test, 0 failed\n"
        self.assertEqual(self.stops("Class: stop", units, "foo.service other.service"), well)
        self.assertEqual(self.stops("Together: other.service", units, "other.service"), well)
        self.assertEqual(self.stops("Rollback: never", units, "none"), well)

    def test_what_is_parked_stays(self):
        rule = "Class: stop\nServices: {0}.service\nSockets: park"
        units = "{0}.service = active\n {0}.socket = active"
        well = "1 test, 0 failed\n"
        self.assertEqual(self.stops(rule.format("foo"), units.format("foo"), "foo.service"), well)
        self.assertEqual(self.stops(rule.format("cups"), units.format("cups"),
                                    "cups.service cups.socket"), well)

    def test_the_systems_rules_that_cannot_be_used_are_told(self):
        rules, _, tests = TESTED.format(wanted="stop").partition("\nTest:")
        self.write("50-a.rules", rules)
        self.write("60-b.rules", "nonsense\n")
        path = self.folder / "tests"
        path.write_text("Test:" + tests, encoding="utf-8")
        self.assert_said(self.world.run("rules", "test", "--rules", str(self.world.rules),
                                        str(path)), 0, "Note: unable to use ",
                         '60-b.rules, line 1: "nonsense" is no field\n', "2 tests, 0 failed\n")

    def test_a_person_tries_rules_of_ones_own(self):
        rules, _, tests = TESTED.format(wanted="stop").partition("\nTest:")
        path = self.folder / "tests"
        path.write_text("Test:" + tests, encoding="utf-8")
        file = self.write("50-a.rules", rules)
        for owned in (self.world.rules, file):
            os.chown(owned, 65534, 65534)
        ask = ("rules", "test", "--rules", str(self.world.rules), str(path))
        self.assert_said(self.world.run(*ask, **NOBODY), 0, "2 tests, 0 failed\n")
        self.assert_said(self.world.run("rules", "check", "--rules", str(self.world.rules),
                                        **NOBODY), 0)
        self.assert_said(self.world.run(*ask), 1, "owned by user 65534, not by root\n")
        os.chmod(file, 0o664)
        self.assert_said(self.world.run(*ask, **NOBODY), 1,
                         "others than its owner may write to it\n")

    def test_what_cannot_be_tested(self):
        self.assert_refused(self.world.run("rules", "test", "/nonexistent"))
        self.assert_refused(self.world.run("rules", "test"))
        path = self.write("a.rules", TESTED.partition("Test:")[0])
        self.assert_refused(self.world.run("rules", "test", path), "it has no Test: stanza")
        path = self.write("b.rules", "Test: x\nBogus: y\n")
        self.assert_refused(self.world.run("rules", "test", path))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
