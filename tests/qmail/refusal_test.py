#!/usr/bin/python3
"""What `aptkeep queue check --fix` refuses, and touches nothing then; needs root."""

import json
import os
import subprocess
import time
import unittest

import on_disk
import queue_test
from on_disk import check


class Refused(queue_test.OnDisk):
    def fault(self):
        queue = self.renew()
        for i in range(4):
            path, inode = queue.new_mess(f"m{i}")
            queue.place(f"m{i}", inode + 1000, ["info", "local"], mess=path)
        return queue

    def test_mounts_of_the_same_file_system(self):
        """Device numbers are equal there; rename(2) does not work all the same."""
        source = self.disks.one / "source"
        source.mkdir()
        self.addCleanup(source.rmdir)
        file = self.disks.one / "file"
        file.write_text("a file")
        self.addCleanup(file.unlink)
        for name in ("info", "mess/3", "todo", "a file"):
            queue = self.fault()
            at = queue.path / name
            if name == "a file":
                at = next(queue.path.glob("mess/*/*"))
            before = queue.snapshot()
            subprocess.run(["mount", "--bind", file if at.is_file() else source, at], check=True)
            try:
                code, out, error = check(queue, "--fix", "--split", "23")
            finally:
                subprocess.run(["umount", at], check=True)
            self.assertEqual((code, out), (2, ""), name)
            self.assertIn(f"{at} is a mount point", error)
            self.assertEqual(queue.snapshot(), before)

    def test_nobodys_number(self):
        queue = self.fault()
        before = queue.snapshot()
        for users in ("4294967295,1002,1003,1000", "1001,1002,1003,4294967295"):
            code, out, error = on_disk.aptkeep("check", "--fix", "--users", users, str(queue.path))
            self.assertEqual((code, out), (2, ""))
            self.assertIn("4294967295 is nobody's number", error)
        self.assertEqual(queue.snapshot(), before)

    def test_another_folder_under_the_name(self):
        """Its owner and mode are set only of the folder that was looked at."""
        self.another_folder([], "from now on")
        out = json.loads(self.another_folder(["--json"], '"renumbered": ['))
        self.assertEqual((out["fixed"], out["all_well"]), (False, False))

    def another_folder(self, words, told):
        queue = self.fault()
        used = {int(p.parent.name) for p in queue.path.glob("mess/*/*")}
        used |= {p.stat().st_ino % 23 for p in queue.path.glob("mess/*/*")}
        folder = queue.path / f"info/{min(set(range(23)) - used)}"
        folder.chmod(0o777)
        worker = subprocess.Popen(
            ["strace", "-f", "-o", "/dev/null", "-e", "trace=renameat", "-e",
             "inject=renameat:delay_enter=3000000:when=1", os.environ["APTKEEP_COMMAND"], "queue",
             "check", "--fix", *words, "--users", "1001,1002,1003,1000", str(queue.path)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert worker.stdout is not None and worker.stderr is not None
            out = ""
            for line in worker.stdout:  # what it will do is told before
                out += line
                if told in line:
                    break
            time.sleep(0.5)
            folder.rename(queue.path / "info/away")
            folder.mkdir(0o755)
            out += worker.stdout.read()
            error = worker.stderr.read()
            worker.wait(timeout=60)
        finally:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdout, worker.stderr):
                pipe.close()
        self.assertEqual(worker.returncode, 2, error)
        self.assertIn(f"{folder}: it is another file now", error)
        self.assertEqual(folder.stat().st_mode & 0o7777, 0o755)
        self.assertEqual(folder.stat().st_uid, 0)
        folder.rmdir()
        (queue.path / "info/away").rename(folder)
        self.assertEqual(check(queue, "--fix")[0], 0)
        self.expect_mended(queue)
        return out


if __name__ == "__main__":
    unittest.main()
