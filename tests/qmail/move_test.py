#!/usr/bin/python3
"""`aptkeep queue move`: one rename within one file system, or nothing; needs root."""

import os
import shutil
import signal
import subprocess
import unittest

import queue_test
from on_disk import Queue, aptkeep


class Move(queue_test.OnDisk):
    def setUp(self):
        super().setUp()
        for i in range(3):
            path, inode = self.queue.new_mess(f"m{i}")
            self.queue.place(f"m{i}", inode, ["info", "local"], mess=path)
        self.old = self.queue.path
        self.new = self.disks.one / "moved"
        self.before = self.queue.snapshot()

    def refused(self, old, new, why):
        code, out, error = aptkeep("move", str(old), str(new))
        self.assertEqual((code, out), (2, ""))
        self.assertEqual(error.count("\n"), 1)
        self.assertTrue(error.startswith(f"aptkeep: unable to move {old} to {new}: "), error)
        self.assertIn(why, error)
        self.assertEqual(self.queue.snapshot(), self.before)

    def expect_moved(self):
        self.assertFalse(self.old.exists())
        self.queue.path = self.new
        self.assertEqual(self.queue.snapshot(), self.before)
        self.expect_mended(self.queue)

    def test_all_numbers_stay(self):
        self.assertEqual(aptkeep("move", str(self.old), str(self.new) + "/"),
                         (0, f"Moved to {self.new}/\n", ""))
        self.expect_moved()
        # Again, as one does who does not know whether it came to its end.
        self.assertEqual(aptkeep("move", str(self.old), str(self.new)),
                         (0, f"Nothing to move: there is no {self.old}, and the queue {self.new} is "
                             "there already\n", ""))
        self.expect_moved()

    def test_another_file_system_is_refused(self):
        new = self.disks.two / "queue"
        self.refused(self.old, new, "would be on another file system")
        self.assertFalse(new.exists())

    def test_refusals(self):
        other = Queue(self.disks.one / "other")
        self.addCleanup(other.remove)
        link = self.disks.one / "link"
        link.symlink_to(self.old)
        self.addCleanup(link.unlink)
        self.refused(self.old, other.path, "exists")
        self.refused(link, self.new, "is a symbolic link")
        self.refused(self.disks.one / "none", self.new, "there is no ")
        self.refused(self.old, self.old / "below", "is below")
        self.refused(self.old, self.disks.one / "no/such", "No such file or directory")
        self.refused(self.disks.one, self.disks.one / "x", "is a mount point")
        self.refused(self.old / "mess", self.new, "is no qmail queue")
        self.refused(self.old, "/", "names no folder")
        self.assertFalse(self.new.exists())

    def test_a_mount_within_is_refused(self):
        at = self.old / "mess/5"
        for message in at.iterdir():
            message.unlink()
        self.before = self.queue.snapshot()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", at], check=True)
        try:
            code, out, error = aptkeep("move", str(self.old), str(self.new))
        finally:
            subprocess.run(["umount", at], check=True)
        self.assertEqual((code, out), (2, ""))
        self.assertIn("mess/5 is a mount point", error)
        self.assertEqual(self.queue.snapshot(), self.before)

    def test_a_mount_anywhere_below_is_refused(self):
        """rename(2) would take it along."""
        source = self.disks.one / "source"
        source.mkdir()
        self.addCleanup(source.rmdir)
        for name, words in (("extra", ("-t", "tmpfs", "tmpfs")), ("extra/a/b", ("-t", "tmpfs", "tmpfs")),
                            ("mess/extra", ("--bind", source)), ("mess/4", ("--bind", source)),
                            ("info", ("--bind", source))):
            at = self.old / name
            at.mkdir(parents=True, exist_ok=True)
            self.before = self.queue.snapshot()
            subprocess.run(["mount", *map(str, words), at], check=True)
            try:
                code, out, error = aptkeep("move", str(self.old), str(self.new))
            finally:
                subprocess.run(["umount", at], check=True)
            self.assertEqual((code, out), (2, ""))
            self.assertIn(f"{at} is a mount point", error)
            self.assertEqual(self.queue.snapshot(), self.before)
            self.assertFalse(self.new.exists())

    def test_a_queue_that_is_mounted_is_refused(self):
        at = self.disks.one / "bound"
        at.mkdir()
        self.addCleanup(at.rmdir)
        subprocess.run(["mount", "--bind", self.old, at], check=True)
        try:
            self.refused(at, self.new, "is a mount point")
        finally:
            subprocess.run(["umount", at], check=True)

    def test_a_mount_of_the_same_file_system_is_refused(self):
        """Device numbers are equal there; rename(2) does not work all the same."""
        at = self.disks.one / "bound"
        source = self.disks.one / "source"
        for path in (at, source):
            path.mkdir()
            self.addCleanup(path.rmdir)
        subprocess.run(["mount", "--bind", source, at], check=True)
        try:
            self.refused(self.old, at / "queue", "Invalid cross-device link")
        finally:
            subprocess.run(["umount", at], check=True)

    def test_a_qmail_at_work_is_refused(self):
        program = self.disks.one / "qmail-send"
        shutil.copy("/bin/sleep", program)
        self.addCleanup(program.unlink)
        worker = subprocess.Popen([program, "60"], cwd=self.old)
        try:
            self.refused(self.old, self.new, f"qmail-send (pid {worker.pid}) is at work in ")
        finally:
            worker.kill()
            worker.wait()

    def test_killed_at_any_call_and_begun_again(self):
        """At each of its system calls from the first that looks at the queue on."""
        calls = ("openat", "renameat2", "fsync", "flock", "newfstatat")
        kills = 0
        for call in calls:
            # Counted from the end of what the dynamic linker does: openat of the queue is late.
            for n in range(1, 400, 1 if call in ("renameat2", "fsync", "flock") else 37):
                code, _, _ = aptkeep("move", str(self.old), str(self.new), wrapper=[
                    "strace", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                    f"inject={call}:signal=SIGKILL:when={n}"])
                self.queue.path = self.old if self.old.exists() else self.new
                self.assertEqual(self.queue.snapshot(), self.before, f"{call} {n}")
                if code == 0:
                    os.rename(self.new, self.old)
                    break
                self.assertIn(code, (-signal.SIGKILL, 128 + signal.SIGKILL))
                kills += 1
                self.assertEqual(aptkeep("move", str(self.old), str(self.new))[0], 0)
                self.assertFalse(self.old.exists())
                os.rename(self.new, self.old)
                self.queue.path = self.old
        self.queue.path = self.old
        self.assertGreater(kills, 10)


if __name__ == "__main__":
    unittest.main()
