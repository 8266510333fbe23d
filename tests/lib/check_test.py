#!/usr/bin/python3
"""`./check` counts its tests: with its own text and the real ctest, a test that was skipped or
switched off fails the check as one does that failed."""

import subprocess
import unittest

import counting
from counting import LIB, OFF, SKIPS

LAST_LINE = 'main "$@"\n'


class Check(unittest.TestCase):
    def run_tests(self, *tests):
        with counting.tree(("check", LIB / "packages.sh"), tests) as root:
            script = root / "check"
            text = script.read_text()
            self.assertTrue(text.endswith(LAST_LINE), "check does not end as it did")
            # main() would install packages and build; what it ends with is tried here.
            script.write_text(text.removesuffix(LAST_LINE) + "run_tests dev\n")
            return subprocess.run(["bash", script], env=counting.environment(root), check=False,
                                  capture_output=True, text=True, timeout=120)

    def test_all_passed(self):
        done = self.run_tests(("one", "true", None), ("two", "true", None))
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("100% tests passed, 0 tests failed out of 2", done.stdout)
        self.assertNotIn("skipped", done.stderr)

    def test_one_failed(self):
        done = self.run_tests(("one", "true", None), ("two", "echo what it said; false", None))
        self.assertNotEqual(done.returncode, 0, done)
        self.assertIn("what it said", done.stdout)

    def test_a_skipped_one_counts_as_failed(self):
        done = self.run_tests(("one", "true", None), ("two", "exit 77", SKIPS))
        # For ctest itself all is well.
        self.assertIn("100% tests passed", done.stdout)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("check: tests were skipped", done.stderr)

    def test_one_that_is_switched_off_counts_as_failed(self):
        done = self.run_tests(("one", "true", None), ("two", "true", OFF))
        self.assertIn("100% tests passed", done.stdout)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("check: tests were skipped", done.stderr)

    def test_a_build_without_tests_counts_as_failed(self):
        self.assertNotEqual(self.run_tests().returncode, 0)


if __name__ == "__main__":
    unittest.main()
