#!/usr/bin/python3
"""Guards and force in aptkeep plan, with real apt: plan_guards_test.py COMMAND MAKE_STATE SCHEMA"""

import os
import subprocess
import sys
import unittest

import world  # it says where the others are
from pkg import NATIVE
from planning import COMMAND, NOBODY, Base, by_name


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

    def test_each_guard_has_its_own_if_unmet(self):
        """A stanza that only warns changes nothing for another one's guard, which stops the run."""
        (self.queue / "mail").touch()
        self.world.rule("foo", f"Guard: queue-empty {self.queue} {self.queue}\nIf-Unmet: stop",
                        "60-a.rules")
        self.world.rule("foo", "Guard: file-lacks /nonexistent x\nIf-Unmet: warn\n"
                               "Backup: /bin/true", "70-b.rules")
        step = by_name(self.plan(code=1))["foo"]
        self.assertEqual([guard["if_unmet"] for guard in step["guards"]],
                         ["keep", "stop", "warn", "warn"])  # the last is the room for the backup
        said = [(one["field"], one["if_unmet"]) for one in step["decisions"]]
        self.assertEqual([field for field, _ in said], ["Guard"] * 4 + ["Backup"])
        self.assertEqual([one["value"] for _, one in said],
                         ["keep", "stop", "warn", "warn", "warn"])
        self.assertEqual([one["rule"] and one["rule"]["where"].rpartition("/")[2]
                          for _, one in said],
                         [None, "60-a.rules:2", "70-b.rules:2", "70-b.rules:2", "70-b.rules:2"])
        self.assertEqual([one["beaten"] for _, one in said], [[]] * 5)
        text = self.text().stdout.decode()
        self.assertIn(f"     Guard: queue-empty {self.queue} {self.queue} [60-a.rules:2]\n"
                      "       unmet: ", text)
        for word, who in (("keep", ", since no rule says anything else"),
                          ("stop", " [60-a.rules:2]"), ("warn", " [70-b.rules:2]")):
            self.assertIn(f"\n       If-Unmet: {word}{who}\n", text)
        self.assertNotIn("\n     If-Unmet: ", text)
        self.assertEqual(step["fate"], "not_begun")

    def test_what_none_took_away_does_not_decide(self):
        (self.queue / "mail").touch()
        self.world.rule("foo", f"Guard: none\n queue-empty {self.queue}\nIf-Unmet: warn",
                        "60-a.rules")
        self.assertEqual(by_name(self.plan(code=1))["foo"]["fate"], "goes")
        self.world.rule("foo", "Guard: none", "70-b.rules")
        self.world.rule("foo", f"Guard: queue-empty {self.queue}", "80-c.rules")
        step = by_name(self.plan(code=1))["foo"]
        self.assertEqual((step["fate"], step["guards"][0]["if_unmet"]), ("kept", "keep"))

    def test_without_guards_what_is_about_all_is_told(self):
        self.world.rule("ind", "If-Unmet: ask")
        (decision,) = by_name(self.plan())["ind"]["decisions"]
        self.assertEqual((decision["field"], decision["value"], decision["if_unmet"]),
                         ("If-Unmet", "ask", None))

    def test_who_can_be_asked_is_told_so(self):
        (self.queue / "left").touch()
        self.world.rule("foo", f"Guard: queue-empty {self.queue}\nIf-Unmet: ask")
        terminal = os.openpty()
        self.addCleanup(lambda: [os.close(fd) for fd in terminal])
        for name, told in (("dialog", "you will be asked"),
                           ("noninteractive", "nobody is at a terminal to be asked")):
            done = subprocess.run(
                [COMMAND, "plan", "--rules", str(self.world.rules), "--state",
                 self.record("empty")], stdin=terminal[1], capture_output=True, timeout=120,
                env={**self.world.environment, "DEBIAN_FRONTEND": name})
            self.assertIn(told, done.stdout.decode())

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


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
