#!/usr/bin/python3
"""Queues that were copied or restored, also when they were half mended; needs root."""

import os
import re
import shutil
import signal
import unittest

import queue_test
from on_disk import SPLIT, check

SEED = queue_test.SEED


def killed_at(call, n):
    return ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e",
            f"inject={call}:signal=SIGKILL:when={n}"]


class Copied(queue_test.OnDisk):
    def fault(self):
        """Three messages that have each other's numbers, and one with a number of none."""
        queue = self.renew()
        made = [queue.new_mess(f"m{i}") for i in range(4)]
        numbers = [made[1][1], made[2][1], made[0][1], made[3][1] + 5000]
        parts = [["info", "local"], ["info", "remote", "bounce"], ["todo", "intd"], ["info", "local"]]
        for i, (path, _) in enumerate(made):
            queue.place(f"m{i}", numbers[i], parts[i], mess=path)
        return queue

    def test_killed_at_any_rename_and_copied(self):
        n = 0
        while True:
            n += 1
            queue = self.fault()
            code, out, _ = check(queue, "--fix", wrapper=killed_at("renameat2", n))
            if code == 0:
                break
            self.assertIn(code, (-signal.SIGKILL, 128 + signal.SIGKILL))
            queue.copy_again()
            if n % 2:
                check(queue, "--fix", wrapper=killed_at("renameat2", n // 2 + 3))
                queue.copy_again()
            self.assertEqual(sorted(queue.messages), sorted(
                p.read_text() for p in queue.path.glob("mess/*/*")), n)
            code, out, error = check(queue, "--fix")
            self.assertEqual((code, error), (0, ""), f"{n}\n{out}")
            self.expect_mended(queue, f"killed at {n}")
        self.assertGreater(n, 25)

    def test_leftovers_of_nobody_knows_which_message_stay(self):
        """mess/22/2000 and info/22/aptkeep-1000-2000, and the other way round: what earlier mending
        left, or a copy that was made amid it has mixed up."""
        queue = self.queue
        inodes = {}
        for text, number, other in (("m0", 2000, 1000), ("m1", 1000, 2000)):
            queue.place(text, number, ["info", "local"])
            for part in ("info", "local"):
                below = queue.path / f"{part}/{number % SPLIT}"
                (below / str(number)).rename(below / f"aptkeep-{other}-{number}")
        before = queue.snapshot()
        code, out, error = check(queue, "--fix")
        self.assertEqual((code, error), (1, ""), out)
        self.assertEqual(queue.snapshot(), before)
        self.assertEqual(out.count("no name tells whether it is message"), 8, out)  # told twice
        self.assertEqual(len(re.findall(r"^  mess/\d+/[12]000 has no envelope, and ", out, re.M)), 4)
        self.assertNotIn("from now on", out)

    def test_empty_folders_that_were_not_restored(self):
        """The folders are those of a split of 19 then, but the messages lie as one of 23 has them."""
        queue = self.queue
        kept = 0
        while kept < 6:
            path, inode = queue.new_mess(f"m{kept}")
            if inode % 23 >= 19 or inode % 19 == inode % 23:
                continue
            queue.place(f"m{kept}", inode, ["info", "local"], mess=path)
            kept += 1
        for path in queue.path.glob("pid/*"):
            path.unlink()
        for part in ("mess", "info", "local", "remote"):
            for number in range(19, 23):
                (queue.path / f"{part}/{number}").rmdir()
        queue.copy_again()
        before = queue.snapshot()
        code, out, error = check(queue, "--fix")
        self.assertEqual((code, out), (2, ""))
        self.assertIn("6 messages of 6 lie where a split of 19, which is that of its folders, does not "
                      "put them (but one of ", error)
        self.assertIn("say qmail's conf-split with --split N", error)
        self.assertEqual(queue.snapshot(), before)
        code, out, _ = check(queue)
        self.assertEqual(code, 1)
        self.assertIn("then aptkeep queue check --fix --split N --users", out)
        self.assertEqual(check(queue, "--fix", "--split", "23")[0], 0)
        self.expect_mended(queue)

    def test_missing_folders_of_parts(self):
        for gone in (("todo", "lock", "pid"), ("local", "remote"), ("info",), ("mess", "intd")):
            queue = self.renew()
            path, inode = queue.new_mess("one")
            queue.place("one", inode, [] if gone[0] in ("info", "mess") else ["info"], mess=path)
            whole = queue.snapshot()
            for part in gone:
                shutil.rmtree(queue.path / part)
            if "mess" in gone:
                queue.messages = {}
            code, out, error = check(queue, "--fix", "--split", "23")
            self.assertEqual((code, error), (0, ""), out)
            for part in gone:
                self.assertIn(f"  {part} is missing\n", out)
            self.expect_mended(queue, out)
            again = queue.snapshot()
            for name, (_, *rest) in whole.items():
                if name.split("/")[0] in gone and not name.endswith(str(inode)):
                    self.assertEqual(again[name][1:], tuple(rest), name)


class Told(queue_test.OnDisk):
    """Numbers are out before the first rename."""

    def test_killed_before_anything_is_renamed(self):
        for words in ((), ("--json",)):
            queue = self.renew().fault(SEED)
            before = queue.snapshot()
            found = [p for p in queue.path.glob("mess/*/*") if p.name != str(p.stat().st_ino)]
            code, out, _ = check(queue, "--fix", "--split", "23", *words,
                                 wrapper=killed_at("renameat2,renameat", 1))
            self.assertIn(code, (-signal.SIGKILL, 128 + signal.SIGKILL))
            self.assertEqual(queue.snapshot(), before)
            self.assertTrue(found)
            for path in found:
                new = path.stat().st_ino
                self.assertRegex(out, rf"message {path.name} is {new} from now on\n|"
                                      rf'"old": {path.name},\s+"new": {new}\s')

    def test_nothing_is_done_where_they_cannot_be_told(self):
        for words in ((), ("--json",)):
            queue = self.renew().fault(SEED)
            before = queue.snapshot()
            with open("/dev/full", "wb") as full:
                code, _, error = check(queue, "--fix", "--split", "23", *words, stdout=full)
            self.assertEqual(code, 2)
            self.assertIn("unable to write to standard output", error)
            self.assertEqual(queue.snapshot(), before)

    def test_a_command_that_can_be_pasted(self):
        queue = self.renew()
        there = self.disks.one / "my queue's"
        queue.path = queue.path.rename(there)
        self.addCleanup(lambda: setattr(queue, "path", queue.path.rename(self.disks.one / "queue")))
        os.chmod(there / "info", 0o755)
        code, out, _ = check(queue)
        self.assertEqual(code, 1)
        words = re.search("then aptkeep queue (.*)\n", out).group(1)
        import shlex
        self.assertEqual(shlex.split(words), ["check", "--fix", "--users", "1001,1002,1003,1000",
                                              str(there)])


if __name__ == "__main__":
    unittest.main()
