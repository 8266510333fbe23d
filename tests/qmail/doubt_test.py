#!/usr/bin/python3
"""`aptkeep queue check` where names and folders do not say all: half renamed messages and new mail,
queues that look like those of big-todo, parts of an envelope in other folders, empty queues of
another split; needs root."""

import json
import os
import re
import subprocess
import unittest

import queue_test
from on_disk import GROUP, Q, S, SPLIT, Queue, check
from restored_test import killed_at


class Doubt(queue_test.OnDisk):
    def files(self):
        """Of messages, by path."""
        return {name: info for name, info in self.queue.snapshot().items()
                if re.search(r"\d$", name) and not (self.queue.path / name).is_dir()}

    def good(self, text="one", parts=("info", "local")):
        path, inode = self.queue.new_mess(text)
        self.queue.place(text, inode, parts, mess=path)
        return inode


class HalfRenamed(Doubt):
    def half(self):
        """A restored message whose mending was killed, and a new mail that got its old number."""
        queue = self.queue
        new, number = queue.new_mess("new")
        old, inode = queue.new_mess("old")
        queue.place("old", number, ["info", "local"], mess=old)
        kept = queue.path.with_name("kept")
        new.rename(kept)
        code, _, _ = check(queue, "--fix", wrapper=killed_at("renameat2", 2))
        self.assertNotEqual(code, 0)
        folder = number % SPLIT
        self.assertTrue((queue.path / f"mess/{folder}/aptkeep-{number}-{inode}").exists())
        kept.rename(queue.path / f"mess/{folder}/{number}")
        queue.file(f"intd/{number}", b"todo of new", Q, 0o644)
        os.link(queue.path / f"intd/{number}", queue.path / f"todo/{number}")
        queue.messages["new"] = {"intd": "todo of new", "todo": "todo of new"}
        return folder, number, inode

    def test_no_qmail_send_can_start_and_clear_its_envelope_away(self):
        queue = self.queue
        folder, number, inode = self.half()
        for _ in range(2):
            code, out, error = check(queue, "--fix")
            self.assertEqual((code, error), (1, ""), out)
            self.assertFalse((queue.path / "lock/sendmutex").exists())
            self.assertIn(f"lock/aptkeep-sendmutex stays, and no qmail-send can start, because mess/{folder}/"
                          f"aptkeep-{number}-{inode} is half renamed: decide what is its", out)
            self.assertNotIn("has no envelope", out)
        self.assertEqual((queue.path / f"local/{folder}/{number}").read_text(), "local of old")
        # As the howto says.
        for part in ("info", "local"):
            below = queue.path / f"{part}/{folder}"
            (below / str(number)).rename(below / f"aptkeep-{number}-{inode}")
        code, out, error = check(queue, "--fix")
        self.assertEqual((code, error), (0, ""), out)
        self.expect_mended(queue)


class BigTodo(Doubt):
    def folders(self, numbers, parts=("todo", "intd")):
        for part in parts:
            for number in numbers:
                self.queue.folder(f"{part}/{number}", Q, 0o750 if part == "todo" else 0o700)

    def test_waiting_mail_is_not_moved_into_folders_on_a_guess(self):
        for numbers, parts in (([7], ["todo"]), ([5], ["intd"]), ([4711], ["todo"]),
                               (range(22), ["todo", "intd"]), (range(SPLIT), ["todo"])):
            self.renew()
            self.good("waiting", ["todo", "intd"])
            self.folders(numbers, parts)
            before = self.queue.snapshot()
            code, out, error = check(self.queue, "--fix")
            self.assertEqual((code, error), (0, ""), out)
            self.assertEqual(self.queue.snapshot(), before)
            for part in parts:
                self.assertIn(f"{part}/{list(numbers)[0]} is no folder of qmail's without the big-todo patch",
                              out)
            self.assertEqual(self.queue.found(), self.queue.messages)

    def test_with_all_folders_it_is_a_fault_and_left(self):
        inode = self.good("waiting", ["todo", "intd"])
        self.folders(range(SPLIT))
        before = self.queue.snapshot()
        for words in ((), ("--fix",)):
            code, out, error = check(self.queue, *words)
            self.assertEqual((code, error), (1, ""), out)
            self.assertIn(f"todo/{inode} lies beside folders as the big-todo patch has them", out)
            self.assertEqual(self.queue.snapshot(), before)
        # As it tells to.
        for part in ("todo", "intd"):
            (self.queue.path / f"{part}/{inode}").rename(
                self.queue.path / f"{part}/{inode % SPLIT}/{inode}")
        self.assertEqual(check(self.queue)[0], 0)

    def test_a_real_one(self):
        inode = self.good("waiting", ["todo", "intd"])
        self.folders(range(SPLIT))
        for part in ("todo", "intd"):
            below = self.queue.path / part
            (below / str(inode)).rename(below / str((inode + 1) % SPLIT) / str(inode))
        code, out, _ = check(self.queue)
        self.assertEqual(code, 1)
        self.assertIn(f"todo/{(inode + 1) % SPLIT}/{inode} belongs to the message mess/{inode % SPLIT}", out)
        self.assertEqual(check(self.queue, "--fix")[0], 0)
        self.assertTrue((self.queue.path / f"todo/{inode % SPLIT}/{inode}").exists())
        self.queue.copy_again()
        self.assertEqual(check(self.queue, "--fix")[0], 0)
        mess, = self.queue.path.glob("mess/*/*")
        inode = mess.stat().st_ino
        for part in ("mess", "todo", "intd"):
            self.assertTrue((self.queue.path / f"{part}/{inode % SPLIT}/{inode}").exists())
        self.assertEqual(check(self.queue), (0, f"{self.queue.path}: 1 message, split 23\n"
                                             "There is no fault.\n", ""))

    def test_what_is_in_some_folders_stays_with_its_message(self):
        inode = self.good("waiting", ["todo", "intd"])
        self.folders([inode % SPLIT])
        for part in ("todo", "intd"):
            below = self.queue.path / part
            (below / str(inode)).rename(below / str(inode % SPLIT) / str(inode))
        self.queue.copy_again()
        before = self.queue.snapshot()
        code, out, error = check(self.queue, "--fix")
        self.assertEqual((code, error), (1, ""), out)
        self.assertEqual(self.queue.snapshot(), before)
        self.assertIn(f"todo/{inode % SPLIT}/{inode} lies where qmail does not look without", out)


class Apart(Doubt):
    def test_recipients_in_another_folder(self):
        for restored in (0, 1000001):
            for gone in ("local", "remote", "info"):
                queue = self.renew()
                path, inode = queue.new_mess("one")
                queue.place("one", inode + restored, ["info", "local", "remote"], mess=path)
                number = inode + restored
                (queue.path / f"{gone}/{number % SPLIT}/{number}").rename(
                    queue.path / f"{gone}/{(number + 1) % SPLIT}/{number}")
                code, out, _ = check(queue)
                self.assertEqual(code, 1)
                self.assertIn(f"{gone}/{(number + 1) % SPLIT}/{number} belongs to the message "
                              f"mess/{number % SPLIT}/{number}\n", out)
                code, out, error = check(queue, "--fix")
                self.assertEqual((code, error), (0, ""), out)
                self.expect_mended(queue, out)

    def test_a_list_that_is_older_than_the_message(self):
        """Of a message that is gone, whose number another one has got."""
        queue = self.queue
        inode = self.good("one", ["info", "remote"])
        stale = f"local/{(inode + 1) % SPLIT}/{inode}"
        queue.file(stale, b"whose", S, 0o600)
        os.utime(queue.path / stale, (1000000000, 1000000000))
        before = queue.snapshot()
        code, out, _ = check(queue, "--fix")
        self.assertEqual(code, 1)
        self.assertIn(f"{stale} may belong to a message in another folder, which is not certain", out)
        self.assertEqual(queue.snapshot(), before)

    def test_two_lists_for_one_message(self):
        queue = self.queue
        inode = self.good("one", ["info"])
        for folder in (1, 2):
            queue.file(f"local/{(inode + folder) % SPLIT}/{inode}", b"whose", S, 0o600)
        before = queue.snapshot()
        code, out, _ = check(queue, "--fix")
        self.assertEqual(code, 1)
        self.assertEqual(out.count(f"{inode} may belong to a message in another folder, which is not certain"), 4, out)
        self.assertEqual(queue.snapshot(), before)

    def test_a_queue_that_was_half_sorted_by_hand(self):
        """mess and info of a split of 29 are where one of 23 has them, recipients are not."""
        queue = self.queue
        for i in range(6):
            inode = self.good(f"m{i}", ["info", "local" if i % 2 else "remote"])
            part = "local" if i % 2 else "remote"
            queue.folder(f"{part}/{inode % 29}", S, 0o700)
            (queue.path / f"{part}/{inode % 23}/{inode}").rename(
                queue.path / f"{part}/{inode % 29}/{inode}")
        self.assertEqual(check(queue, "--split", "23")[0], 1)
        code, out, _ = check(queue, "--split", "23", "--fix")
        self.assertEqual(code, 0, out)
        self.assertEqual(queue.found(), queue.messages)
        self.assertEqual(check(queue, "--split", "23")[0], 0)


class Empty(Doubt):
    def test_another_split_is_no_fault_of_an_empty_queue(self):
        for split in (19, 29):
            queue = Queue(self.disks.one / "other", split)
            try:
                before = queue.snapshot()
                code, out, error = check(queue, "--split", "23")
                self.assertEqual((code, error), (0, ""), out)
                self.assertIn("mess/22 is missing: the queue is empty" if split == 19 else
                              "mess/28 is not of a split of 23", out)
                self.assertEqual(queue.snapshot(), before)
                code, out, error = check(queue, "--split", "23", "--fix")
                self.assertEqual((code, error), (0, ""), out)
                made = set(queue.snapshot()) - set(before)
                self.assertEqual(made, {f"{part}/{i}" for part in ("mess", "info", "local", "remote")
                                        for i in range(split, 23)})
                for name in made:
                    info = (queue.path / name).stat()
                    self.assertEqual((info.st_uid, info.st_gid), (Q if name[:4] == "mess" else S, GROUP))
                # The right one comes after that.
                path, inode = queue.new_mess("one")
                queue.split = 23
                queue.place("one", inode, ["info", "local"], mess=path)
                self.assertEqual(check(queue, "--split", "23")[0], 0)
            finally:
                queue.remove()

    def test_it_is_one_where_there_is_mail(self):
        queue = Queue(self.disks.one / "other", 19)
        self.addCleanup(queue.remove)
        queue.file("intd/123456", b"envelope", Q, 0o644)
        code, out, _ = check(queue, "--split", "23")
        self.assertEqual(code, 1)
        self.assertIn("mess/22 is missing\n", out)


class Names(Doubt):
    def test_names_are_in_one_line(self):
        self.good()
        evil = self.queue.path / "mess/3/x\nThere is no fault.\t\x1b[31m\\n\udcff"
        evil.write_text("x")
        code, out, _ = check(self.queue)
        self.assertEqual(code, 0)
        self.assertEqual(out.count("\n"), 3, out)
        self.assertIn("  mess/3/x\\nThere is no fault.\\t\\033[31m\\\\n\\377 is no file of qmail's (no fault)\n",
                      out)
        code, out, _ = check(self.queue, "--json")
        self.assertEqual(code, 0)
        self.assertIn("mess/3/x\nThere is no fault.", json.loads(out)["findings"][0]["path"])

    def test_the_queues_own(self):
        there = self.disks.one / "my\nqueue's"
        self.queue.path = self.queue.path.rename(there)
        self.addCleanup(lambda: setattr(self.queue, "path", there.rename(self.disks.one / "queue")))
        (there / "info").chmod(0o755)
        code, out, _ = check(self.queue)
        self.assertEqual((code, out.count("\n")), (1, 3), out)
        self.assertIn("/my\\nqueue's: 0 messages, split 23\n", out)
        # That it can be pasted still.
        words = re.search("then (aptkeep queue .*)\n", out).group(1)
        shown = subprocess.run(["bash", "-c", words.replace("aptkeep", "printf '%s|'", 1)], check=True,
                               stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual(shown.split("|")[-2], str(there))
        code, out, error = check(self.queue, "--split", "0")
        self.assertEqual((code, out, error.count("\n")), (2, "", 1), error)


if __name__ == "__main__":
    unittest.main()
