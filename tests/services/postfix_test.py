#!/usr/bin/python3
"""Postfix under mail that never stops coming in, upgraded over steps whose processes do not
understand each other (Gentoo bug 53324): Debian 11's in a Debian 12, and Debian 12's to Debian 13's.
What was accepted is delivered, no process of the old version works beside one of the new, and the
service is down only while its own package is replaced; and what stock apt does in the same runs."""

import pathlib
import re
import tempfile
import unittest

import units  # first: it says where the others are
import crossing
import frontend
import mail

SOAK = units.SOAK
OTHERS = 100 if SOAK else 20
UPGRADE = units.UPGRADE
RULES = "/etc/aptkeep/rules.d/50-local.rules"
REFUSES = """Package: postfix
Upgrade-From: << 3.6~
Upgrade-To: >= 3.6~
Guard: queue-empty /var/spool/postfix/hold
If-Unmet: {unmet}
Repair: postsuper -H ALL
Reason: what is on hold is looked at first
Source: https://wiki.example.org/mail
"""


def step(old, new):
    return crossing.Crossing("bookworm", (*units.NEEDS, *mail.NEEDS), "postfix", old, new,
                             mail.PRESEED)


class Seen:
    """Of one upgrade under mail."""

    def __init__(self, machine, result, watched):
        self.result = result
        self.deaf = machine.deaf(machine.acted)
        self.closed = watched.closed()
        self.mixed, self.who = watched.mixed()
        # Closed, or at work with two versions at once: without end where that did not end by itself.
        self.out_of_order = (float("inf") if watched.ends_with_old() else
                             sum(self.closed) + self.mixed)
        self.refused = int(machine.bed.read("/root/refused"))
        self.accepted = len(machine.accepted())
        self.lost = machine.lost()
        self.twice = machine.twice()
        self.corrupt = machine.files("corrupt")
        self.others = machine.seen_by_others()
        self.complaints = machine.complaints()

    def __str__(self):
        closed = " + ".join(f"{seconds:.2f} s" for seconds in self.closed) or "never"
        return (f"port 25 closed: {closed}; nothing accepted for {self.deaf:.2f} s; old "
                f"and new beside each other: {self.mixed:.2f} s "
                f"{' '.join(self.who)}; {self.accepted} accepted, {self.refused} not, "
                f"{len(self.lost)} lost, {self.twice} twice, {len(self.corrupt)} in corrupt, "
                f"{len(self.complaints)} complaints {self.complaints[:1]}; others saw it "
                f"{'/'.join(sorted(self.others))}")


class Postfix(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.into_12 = step("bullseye", "bookworm")
        cls.into_13 = step("bookworm", "trixie")

    def upgrade(self, crossed, stock, fails):
        with mail.Mail(crossed, stock, OTHERS, fails) as machine:
            machine.begin()
            result = machine.bed.run(UPGRADE)
            left = machine.version(), machine.is_open()
            if stock and fails:
                # A person acts: the package that fails is put on hold, the rest is configured.
                machine.bed.must("echo broken hold | dpkg --set-selections; "
                                 "apt-get -qqy -f install; apt-get -qqy full-upgrade")
            machine.wait_until_open()
            seen = Seen(machine, result, machine.end())
            print(f"{crossed.version('postfix')}, {'stock' if stock else 'aptkeep'}, "
                  f"{'beside a failing package' if fails else 'alone'}: {seen}", flush=True)
            return left, seen

    def check(self, crossed, fails):
        (stock_left, stock_open), stock = self.upgrade(crossed, True, fails)
        (left, is_open), seen = self.upgrade(crossed, False, fails)
        self.assertEqual(seen.result.code, 100 if fails else 0, seen.result.output)
        self.assertEqual(left, f"ii {crossed.version('postfix')}", seen.result.output)
        self.assertTrue(is_open, seen.result.output)
        self.assertEqual(seen.lost, [])
        self.assertEqual(seen.corrupt, [])
        self.assertLessEqual(seen.twice, stock.twice)
        self.assertEqual(seen.who, [], seen.result.output)
        self.assertEqual(len(seen.closed), 1, f"{seen.closed} {seen.result.output}")
        # Of the time down on the way to 13 four seconds are postconf's own pauses in the package's
        # postinst: it waits whenever main.cf has just been changed. With few others stock is about
        # as fast on the way to 12.
        if SOAK or crossed is self.into_13:
            self.assertLess(seen.out_of_order, stock.out_of_order)
        self.assertEqual(seen.others, {"open"}, seen.result.output)
        self.assertIn("stopping postfix", seen.result.output)
        return stock_left, stock_open, stock

    def test_from_11_to_12(self):
        *_, stock = self.check(self.into_12, fails=False)
        self.assertIn("closed", stock.others, "stock has it up all the while: it shows nothing")

    def test_from_11_to_12_beside_a_failure(self):
        left, is_open, _ = self.check(self.into_12, fails=True)
        self.assertEqual((left[:2], is_open), ("iU", False),
                         "the failing package does no harm: it shows nothing")

    def test_from_12_to_13(self):
        *_, stock = self.check(self.into_13, fails=False)
        self.assertTrue(stock.who, "stock mixes nothing: it shows nothing")

    @units.only_in_a_soak
    def test_from_12_to_13_beside_a_failure(self):
        left, *_ = self.check(self.into_13, fails=True)
        self.assertEqual(left[:2], "iU", "the failing package does no harm: it shows nothing")

    def test_one_that_a_person_has_stopped_stays_so(self):
        cases = [(self.into_12, "stop"), (self.into_13, "stop"), (self.into_13, "disable -q --now")]
        if SOAK:
            cases.append((self.into_12, "disable -q --now"))
        for crossed, command in cases:
            with self.subTest(version=crossed.version("postfix"), command=command):
                self.check_stopped(crossed, command)
        with mail.Mail(self.into_13, stock=True) as machine:
            machine.bed.must("systemctl stop postfix")
            result = machine.upgrade()
            self.assertEqual(result.code, 0, result.output)
            self.assertTrue(machine.is_open(), "stock leaves it stopped: this shows nothing")

    def check_stopped(self, crossed, command):
        with mail.Mail(crossed, count=2) as machine:
            machine.bed.must(f"systemctl {command} postfix")
            enabled = machine.bed.run("systemctl is-enabled postfix").output
            result = machine.upgrade()
            self.assertEqual(result.code, 0, result.output)
            self.assertEqual(machine.version(), f"ii {crossed.version('postfix')}")
            self.assertFalse(machine.is_open(), result.output)
            self.assertEqual(set(machine.states("postfix.service", "postfix@-.service").values()),
                             {"inactive"}, result.output)
            self.assertEqual(machine.bed.run("systemctl is-enabled postfix").output, enabled)
            self.assertNotIn("aptkeep:", result.output)
            # Nothing is held, and it is his to start.
            machine.bed.must("systemctl start postfix")
            machine.wait_until_open()

    def repacked(self):
        """Its own version, packed anew."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        [deb] = [deb for deb in self.into_12.debs if deb.name.startswith("postfix_")]
        target = pathlib.Path(folder.name, deb.name)
        crossing.repacked(deb, target, self.into_12.version("postfix") + "+repacked1")
        return target

    def test_a_step_without_a_mark_is_stopped_by_its_own_scripts_only(self):
        deb, stops = self.repacked(), {}
        for stock in (True, False):
            with mail.Mail(self.into_13, stock, OTHERS) as machine:
                machine.offer([deb])
                machine.begin()
                before = machine.stops()
                result = machine.upgrade()
                self.assertEqual(result.code, 0, result.output)
                self.assertTrue(machine.version().endswith("+repacked1"), result.output)
                stops[stock] = machine.stops() - before
                seen = Seen(machine, result, machine.end())
                print(f"repacked, {'stock' if stock else 'aptkeep'}: {stops[stock]} stops, {seen}")
                self.assertEqual((seen.lost, seen.corrupt), ([], []))
                if not stock:  # whose old master now and then starts a new cleanup before it ends
                    self.assertEqual(seen.who, [], result.output)
        self.assertEqual(stops, {True: 1, False: 1})
        self.assertEqual(seen.others, {"open"}, result.output)

    def test_an_admins_rule_refuses_and_is_overruled(self):
        with mail.Mail(self.into_12, count=2) as machine:
            old = machine.version()
            machine.hold(1)
            machine.bed.write(RULES, REFUSES.format(unmet="keep"))
            machine.begin()
            result = machine.upgrade()
            self.assertEqual(result.code, 100, result.output)
            self.assertEqual(machine.version(), old)
            self.assertEqual(machine.version("other000"), "ii 2.0")
            self.assertIn("postfix is not touched: guard queue-empty /var/spool/postfix/hold is "
                          "unmet: 1 file", result.output)
            self.assertIn("to do: postsuper -H ALL", result.output)
            self.assertNotIn("stopping postfix", result.output)
            machine.bed.write(RULES, REFUSES.format(unmet="stop"))
            machine.bed.must("apt-get -qq update; aptkeep release postfix")
            result = machine.upgrade()
            self.assertNotEqual(result.code, 0, result.output)
            self.assertEqual(machine.version(), old, result.output)
            result = machine.upgrade(env={"APTKEEP_FORCE": "postfix"})
            self.assertEqual(result.code, 0, result.output)
            self.assertEqual(machine.version(), f"ii {self.into_12.version('postfix')}")
            seen = Seen(machine, result, machine.end_held())
            print(f"refused, then forced: {seen}")
            self.assertEqual(len(seen.closed), 1, "closed while it was refused")
            self.assertEqual(seen.lost, [])

    def test_what_comes_to_corrupt_is_told_and_mended(self):
        with mail.Mail(self.into_12, count=2) as machine:
            machine.hold(3)
            # What is there before the run is not its doing.
            first, *rest = machine.files("hold")
            machine.bed.must(f"mv {first} {mail.SPOOL}/corrupt/; sleep 1.1")
            moves = {"postinst": {"*": f"mv {mail.SPOOL}/hold/* {mail.SPOOL}/corrupt/"}}
            machine.repository.add([units.package("other000", "3.0", scripts=moves)], "third-party")
            machine.repository.update()
            result = machine.upgrade()
            self.assertEqual(result.code, 0, result.output)
            said = re.search(r"aptkeep: services that are not as they should be:\n"
                             r"  postfix\S*: it runs, and was not well: exit status 1: (.*)\n"
                             r"aptkeep: see 'aptkeep services'", result.output)
            self.assertIsNotNone(said, result.output)
            found, _, repair = said[1].partition("to have them delivered: ")
            self.assertEqual(found, "2 files have come to /var/spool/postfix/corrupt during the "
                                    "run: mails that it could not read; ")
            self.assertIn(said[1], machine.bed.run("aptkeep services").output)
            machine.bed.must(repair)
            frontend.wait_until(lambda: len(machine.delivered()) == 3,
                                lambda: machine.bed.run("postqueue -p; ls -lR /var/spool/postfix/"
                                                        "maildrop /var/spool/postfix/corrupt; "
                                                        "journalctl -q | tail -30").output, 120)
            self.assertEqual(machine.files("corrupt"), [])
            # Nor is it told again.
            machine.repository.add([units.package("other001", "3.0")], "third-party")
            machine.repository.update()
            result = machine.upgrade()
            self.assertEqual((result.code, "corrupt" in result.output), (0, False), result.output)


if __name__ == "__main__":
    unittest.main()
