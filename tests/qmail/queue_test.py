#!/usr/bin/python3
"""`aptkeep queue check`, mending and refusing on real file systems; needs root."""

import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import unittest

import disks
import on_disk
from on_disk import Queue, check

SEED = int(os.environ.get("APTKEEP_SEED", "20261129"))
CHANGES = ("renameat2", "renameat", "fchownat", "chmod", "mkdirat", "mknodat", "ftruncate", "syncfs")
TOP = pathlib.Path(__file__).resolve().parent.parent.parent


class OnDisk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        disks.own_mounts()
        cls.disks = disks.Disks()

    @classmethod
    def tearDownClass(cls):
        cls.disks.close()

    def setUp(self):
        self.queue = Queue(self.disks.one / "queue")
        self.addCleanup(lambda: self.queue.remove())

    def renew(self):
        self.queue.remove()
        self.queue = Queue(self.disks.one / "queue")
        return self.queue

    def expect_mended(self, queue, why=""):
        self.assertEqual(queue.found(), queue.messages, why)
        self.assertEqual(queue.wrong_names(), [], why)
        self.assertTrue((queue.path / "lock/sendmutex").exists(), why)
        code, out, _ = check(queue)
        self.assertEqual(code, 0, out + why)


class Mending(OnDisk):
    def test_nothing_is_found_in_a_good_queue(self):
        queue = self.queue
        for text in ("one", "two"):
            path, inode = queue.new_mess(text)
            queue.place(text, inode, ["info", "local"], mess=path)
        before = queue.snapshot()
        self.assertEqual(check(queue), (0, f"{queue.path}: 2 messages, split 23\n"
                                        "There is no fault.\n", ""))
        self.assertEqual(check(queue, "--fix")[0], 0)
        self.assertEqual(queue.snapshot(), before)

    def test_looking_changes_nothing(self):
        before = self.queue.fault(SEED).snapshot()
        code, out, _ = check(self.queue)
        self.assertEqual(code, 1)
        self.assertIn("faults: to mend that, stop qmail, then aptkeep queue check --fix --split N --users "
                      f"1001,1002,1003,1000 {self.queue.path}\n", out)
        self.assertEqual(self.queue.snapshot(), before)

    def test_all_messages_get_their_inode_numbers(self):
        for round_ in range(5):
            queue = self.renew().fault(SEED + round_, 25)
            old = {p.stat().st_ino: p.name for p in queue.path.glob("mess/*/*")}
            code, out, error = check(queue, "--fix", "--split", "23")
            self.assertEqual((code, error), (0, ""), out)
            self.expect_mended(queue, out)
            told = dict(re.findall(r"^message (\d+) is (\d+) from now on$", out, re.M))
            wanted = {name: str(inode) for inode, name in old.items() if name != str(inode)}
            self.assertEqual(told, wanted)

    def test_a_copied_queue(self):
        """As `cp -a` or a restored backup leaves it: all numbers are wrong, none says so."""
        queue = self.queue
        for i in range(12):
            path, inode = queue.new_mess(f"m{i}")
            queue.place(f"m{i}", inode, ["info", "remote"] if i % 2 else ["todo", "intd"], mess=path)
        copy = self.disks.one / "copy"
        subprocess.run(["cp", "-a", queue.path, copy], check=True)
        self.addCleanup(lambda: shutil.rmtree(copy))
        messages, queue.path = queue.messages, copy
        self.addCleanup(lambda: setattr(queue, "path", self.disks.one / "queue"))
        self.assertEqual(len(queue.wrong_names()), 12)
        self.assertEqual(check(queue, "--fix")[0], 0)
        self.assertEqual(queue.found(), messages)
        self.expect_mended(queue)

    def test_a_split_that_does_not_match(self):
        queue = Queue(self.disks.one / "other", split=7)
        self.addCleanup(queue.remove)
        for i in range(9):
            path, inode = queue.new_mess(f"m{i}")
            queue.place(f"m{i}", inode, ["info", "local"], mess=path)
        self.assertEqual(check(queue)[0], 0)
        code, out, _ = check(queue, "--split", "23")
        self.assertEqual(code, 1)
        self.assertIn("lie where a split of 7 puts them", out)
        # A variable of a script that is not set is no wish for a guess.
        code, _, error = check(queue, "--fix", "--split", "")
        self.assertEqual((code, error), (2, f'aptkeep: unable to mend {queue.path}: "" is no conf-split\n'))
        conf = self.disks.one / "conf-split"
        conf.write_text("23\n\nThis is the queue subdirectory split.\n")
        self.addCleanup(conf.unlink)
        code, out, error = check(queue, "--fix", "--split", str(conf))
        self.assertEqual((code, error), (0, ""), out)
        queue.split = 23
        self.expect_mended(queue)

    def test_owners_and_what_is_missing(self):
        queue = self.queue
        path, inode = queue.new_mess("one")
        queue.place("one", inode, ["info", "local"], mess=path)
        folder = inode % 23
        os.chown(queue.path / f"info/{folder}/{inode}", 0, 0)
        (queue.path / f"local/{folder}/{inode}").chmod(0o644)
        (queue.path / "lock/trigger").unlink()
        (queue.path / "lock/sendmutex").unlink()
        (queue.path / "bounce").rmdir()
        code, out, _ = check(queue)
        self.assertEqual(code, 1)
        for text in (f"info/{folder}/{inode} is of user 0, group 0, and should be of 1002, 1000",
                     f"local/{folder}/{inode} has mode 0644, and should have 0600",
                     "lock/trigger is missing", "bounce is missing"):
            self.assertIn(text, out)
        self.assertEqual(check(queue, "--fix")[0], 0)
        self.expect_mended(queue)
        self.assertTrue((queue.path / "lock/trigger").is_fifo())

    def test_what_is_not_qmails_stays(self):
        queue = self.queue.fault(SEED)
        outside = self.disks.one / "outside"
        outside.mkdir()
        self.addCleanup(lambda: shutil.rmtree(outside))
        (outside / "123").write_text("not in the queue")
        for message in (queue.path / "mess/22").iterdir():
            del queue.messages[message.read_text()]
        shutil.rmtree(queue.path / "mess/22")
        os.symlink(outside, queue.path / "mess/22")
        before = outside.stat(), (outside / "123").stat()
        os.symlink("/etc/passwd", queue.path / "info/1/4711")
        secret = outside / "secret"
        secret.write_text("root's")
        secret.chmod(0o600)
        os.link(secret, queue.path / "local/1/4712")
        code, out, error = check(queue, "--fix", "--split", "23")
        self.assertEqual((code, error), (1, ""), out)
        self.assertEqual(secret.stat().st_uid, 0)
        self.assertEqual(secret.stat().st_mode & 0o777, 0o600)
        self.assertEqual((outside / "123").stat(), before[1])
        self.assertEqual(outside.stat().st_nlink, before[0].st_nlink)
        self.assertEqual(os.readlink(queue.path / "info/1/4711"), "/etc/passwd")
        self.assertIn("mess/22 is no folder: move it away", out)
        texts = sorted(p.read_text() for p in queue.path.glob("mess/*/*")
                       if p.parent.name != "22")
        self.assertEqual(texts, sorted(queue.messages))

    def test_json_follows_the_schema(self):
        import jsonschema
        schema = json.loads((TOP / "docs/report.schema.json").read_text())
        self.queue.fault(SEED)
        code, out, _ = check(self.queue, "--json")
        found = json.loads(out)
        jsonschema.validate(found, schema)
        self.assertEqual((code, found["all_well"], found["fixed"]), (1, False, False))
        code, out, _ = check(self.queue, "--json", "--fix", "--split", "23")
        fixed = json.loads(out)
        jsonschema.validate(fixed, schema)
        self.assertEqual((code, fixed["all_well"], fixed["fixed"]), (0, True, True))
        self.assertEqual(fixed["renumbered"], found["renumbered"])
        self.expect_mended(self.queue)


class Killed(OnDisk):
    """SIGKILL at every system call that changes the queue, then once more to the end."""

    def fault(self):
        queue = self.renew().fault(SEED, 8)
        (queue.path / "lock/tcpto").unlink()
        empty = next(f for f in sorted(queue.path.glob("mess/*")) if not list(f.iterdir()))
        empty.rmdir()
        victim = next(queue.path.glob("info/*/*"))
        victim.chmod(0o666)
        return queue

    def test_at_every_call(self):
        queue = self.fault()
        trace = self.disks.one / "trace"
        self.addCleanup(trace.unlink)
        code, out, _ = check(queue, "--fix", wrapper=["strace", "-f", "-o", str(trace), "-e",
                                                      "trace=" + ",".join(CHANGES)])
        self.assertEqual(code, 0, out)
        points = []
        for call in CHANGES:
            count = len(re.findall(rf"^\d+ +{call}\(", trace.read_text(), re.M))
            points += [(call, n) for n in range(1, count + 1)]
        self.assertGreater(len(points), 40)
        for call, n in points:
            queue = self.fault()
            code, _, _ = check(queue, "--fix", wrapper=[
                "strace", "-f", "-o", "/dev/null", "-e", "trace=" + call, "-e",
                f"inject={call}:signal=SIGKILL:when={n}"])
            self.assertIn(code, (-signal.SIGKILL, 128 + signal.SIGKILL), f"{call} {n}")
            # Not one of its messages is gone meanwhile.
            texts = [p.read_text() for p in queue.path.glob("mess/*/*")]
            self.assertEqual(sorted(texts), sorted(queue.messages), f"{call} {n}")
            code, out, error = check(queue, "--fix")
            self.assertEqual((code, error), (0, ""), f"{call} {n}\n{out}")
            self.expect_mended(queue, f"killed at {call} {n}")
        print(f"{len(points)} points")

    def test_no_qmail_send_can_begin_on_a_half_mended_queue(self):
        queue = self.fault()
        code, _, _ = check(queue, "--fix", wrapper=[
            "strace", "-f", "-o", "/dev/null", "-e", "trace=renameat2", "-e",
            "inject=renameat2:signal=SIGKILL:when=5"])
        self.assertNotEqual(code, 0)
        self.assertFalse((queue.path / "lock/sendmutex").exists())
        code, out, _ = check(queue)
        self.assertEqual(code, 1)
        self.assertIn("tells of mending that was not finished", out)


class Busy(OnDisk):
    def test_a_held_lock_is_respected(self):
        queue = self.queue.fault(SEED)
        before = queue.snapshot()
        with open(queue.path / "lock/sendmutex", "wb") as mutex:
            fcntl.flock(mutex, fcntl.LOCK_EX)
            # Either kind of lock, as qmail may be built to take: still one process.
            fcntl.lockf(mutex, fcntl.LOCK_EX)
            code, out, error = check(queue, "--fix", "--split", "23")
        self.assertEqual((code, out), (2, ""))
        name = pathlib.Path("/proc/self/comm").read_text(encoding="utf-8").strip()
        self.assertEqual(error, f"aptkeep: unable to mend {queue.path}: {name} (pid {os.getpid()}) is "
                                f"at work in {queue.path}: stop qmail first\n")
        self.assertEqual(queue.snapshot(), before)

    def test_a_qmail_queue_at_work_is_found(self):
        queue = self.queue.fault(SEED)
        before = queue.snapshot()
        program = self.disks.one / "qmail-queue"
        shutil.copy("/bin/sleep", program)
        self.addCleanup(program.unlink)
        worker = subprocess.Popen([program, "60"], cwd=queue.path)
        try:
            code, _, error = check(queue, "--fix", "--split", "23")
            self.assertEqual(code, 2)
            self.assertIn(f"qmail-queue (pid {worker.pid}) is at work in", error)
            # To look is no harm.
            code, out, _ = check(queue)
            self.assertEqual(code, 1)
            self.assertIn(f"qmail-queue (pid {worker.pid}): at work, and", out)
        finally:
            worker.kill()
            worker.wait()
        self.assertEqual(queue.snapshot(), before)

    def test_what_is_no_queue(self):
        for words, why in (((str(self.disks.two),), "is no qmail queue: it has no folder mess"),
                           (("/nonexistent",), "No such file or directory")):
            code, out, error = on_disk.aptkeep("check", *words)
            self.assertEqual((code, out, error.count("\n")), (2, "", 1))
            self.assertIn(why, error)


if __name__ == "__main__":
    unittest.main()
