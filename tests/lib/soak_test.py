#!/usr/bin/python3
"""A soak that was interrupted goes on where it was: what has passed is not run again, what failed
and what was being run is; what was skipped counts as failed; another revision begins anew."""

import contextlib
import json
import os
import signal
import subprocess
import time
import unittest

import counting
import lifetime
from counting import LIB, SKIPS

FILES = tuple(LIB / name for name in ("soak.py", "cache.py", "lifetime.py"))
SECONDS = 60


class Soak(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def tree(self, *tests):
        """`tests`: (name, what it does after noting that it ran, properties); `~` is the tree."""
        root = self.stack.enter_context(counting.tree(FILES, ()))
        lines = []
        for name, command, properties in tests:
            command = f"echo {name} >> ~/log; {command}".replace("~", str(root))
            lines.append(f"add_test({name} /bin/sh -c [=[{command}]=])")
            if properties:
                lines.append(f"set_tests_properties({name} PROPERTIES {properties})")
        (root / "build/dev/CTestTestfile.cmake").write_text("\n".join(lines) + "\n")
        self.git(root, "init", "-q")
        self.commit(root)
        return root

    def git(self, root, *arguments):
        subprocess.run(["git", "-C", root, "-c", "user.name=t", "-c", "user.email=t@localhost",
                        *arguments], check=True, env=counting.environment(root))

    def commit(self, root):
        self.git(root, "add", "tests")
        self.git(root, "commit", "-q", "--allow-empty", "-m", "state")

    def start(self, root, *options):
        return subprocess.Popen(
            ["/usr/bin/python3", root / LIB / "soak.py", "--build", root / "build/dev",
             "--jobs", "1", *options], env=counting.environment(root), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=lifetime.killed_with_parent)

    def soak(self, root, *options):
        process = self.start(root, *options)
        output, _ = process.communicate(timeout=SECONDS)
        return process.returncode, output

    def ran(self, root):
        return (root / "log").read_text().split()

    def result(self, root):
        found = list((root / "docs/results").glob("*-soak.md"))
        self.assertEqual(len(found), 1)
        return found[0].read_text()

    def wait_for(self, path):
        end = time.monotonic() + SECONDS
        while not path.exists():
            self.assertLess(time.monotonic(), end, f"{path} does not come")
            time.sleep(0.05)

    def test_goes_on_where_it_was(self):
        root = self.tree(("a.passes", "true", None),
                         ("b.fails-once", "test -e ~/again", None),
                         ("c.is-amid", "test -e ~/again || { echo $$ > ~/pid.new; "
                                       "mv ~/pid.new ~/pid; exec sleep 60; }", None),
                         ("d.not-begun", "true", None))
        process = self.start(root)
        self.wait_for(root / "pid")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
        # What ctest had begun outlives it.
        os.kill(int((root / "pid").read_text()), signal.SIGKILL)
        self.assertEqual(process.returncode, 143)
        self.assertEqual(self.ran(root), ["a.passes", "b.fails-once", "c.is-amid"])
        self.assertIn("tests: 4, passed: 1, failed: 1, not run, or not all rounds of them: 2",
                      self.result(root))

        (root / "again").touch()
        code, output = self.soak(root)
        self.assertEqual(code, 0, output)
        self.assertIn("== going on with the soak of", output)
        self.assertIn("4 passed, 0 failed", output)
        self.assertEqual(self.ran(root)[3:], ["b.fails-once", "c.is-amid", "d.not-begun"])
        self.assertIn("tests: 4, passed: 4, failed: 0, not run, or not all rounds of them: 0",
                      self.result(root))

        code, output = self.soak(root)  # nothing is left
        self.assertEqual((code, len(self.ran(root))), (0, 6), output)

    def test_what_was_skipped_has_failed(self):
        root = self.tree(("a.passes", "true", None), ("b.skips", "exit 77", SKIPS))
        code, output = self.soak(root)
        self.assertEqual(code, 1, output)
        self.assertIn("FAILED b.skips", output)
        self.assertIn("- b.skips\n", self.result(root))
        self.soak(root)
        self.assertEqual(self.ran(root), ["a.passes", "b.skips", "b.skips"])

    def test_another_revision_begins_anew(self):
        root = self.tree(("a.passes", "true", None))
        self.assertEqual(self.soak(root)[0], 0)
        self.commit(root)
        code, output = self.soak(root)
        self.assertEqual((code, self.ran(root)), (0, ["a.passes"] * 2), output)
        self.assertNotIn("going on", output)
        stores = sorted((root / "cache").glob("soak-*.json"))
        self.assertEqual([json.loads(s.read_text())["seed"] for s in stores], ["7", "7"])

    def test_what_is_asked_for_comes_first(self):
        root = self.tree(*((name, "true", None) for name in ("a", "b.kill", "c", "d.kill")))
        code, output = self.soak(root, "--first", r"\.kill$")
        self.assertEqual((code, self.ran(root)), (0, ["b.kill", "d.kill", "a", "c"]), output)


if __name__ == "__main__":
    unittest.main()
