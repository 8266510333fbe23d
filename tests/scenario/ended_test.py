#!/usr/bin/python3
"""A throw-away system ends with whoever made it: with the test, or with ./check above it, however
these are ended."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "lib"))

import cache  # noqa: E402
import lifetime  # noqa: E402

PLAYER = ["/usr/bin/python3", "-B", str(HERE / "run.py"), "--stock"]
# As check and demo run what they run.
SHELL = '. tests/lib/packages.sh; run "$@"'
PATIENCE = 120


def processes(mark):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sleep", mark.encode()]:
            found.append(int(path.parent.name))
    return found


def mounts():
    where = str(cache.folder("mnt"))
    lines = pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.split()[1].startswith(where)]


def wait_until(condition):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Ended(unittest.TestCase):
    def end(self, command, number, mark):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "waits.scenario")
            file.write_text(f"[stock]\n[run] exec sleep {mark}\n[expect] some\n", encoding="utf-8")
            child = subprocess.Popen([*command, *PLAYER, str(file)], cwd=HERE.parent.parent,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, start_new_session=True,
                                     preexec_fn=lifetime.killed_with_parent)
            try:
                wait_until(lambda: processes(mark) or child.poll() is not None)
                self.assertTrue(processes(mark), "it did not begin")
                os.kill(child.pid, number)
                child.wait(PATIENCE)
                self.assertTrue(wait_until(lambda: not processes(mark)),
                                f"left: {processes(mark)} after {number.name}")
                self.assertEqual(mounts(), [])
            finally:
                child.kill()
                child.wait()
                child.stdout.close()
                for pid in processes(mark):
                    os.kill(pid, signal.SIGKILL)

    def each(self, command, mark):
        for i, number in enumerate((signal.SIGTERM, signal.SIGINT, signal.SIGKILL)):
            with self.subTest(number.name):
                self.end(command, number, f"{mark}{i}{os.getpid()}")

    def test_with_the_test(self):
        self.each([], 7)

    def test_with_check_above_it(self):
        self.each(["/bin/bash", "-c", SHELL, "check"], 8)


if __name__ == "__main__":
    lifetime.end_tidily()
    unittest.main()
