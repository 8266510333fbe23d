"""The programs that must run while libraries are replaced need none; the library that starts
processes is named in one file."""

import os
import re
import resource
import subprocess
import unittest

SOURCE = os.environ["SOURCE"]
SANITIZED = os.environ["SANITIZED"] == "1"  # the sanitizers' own build is a dynamic one


def output(*command):
    return subprocess.check_output(command, encoding="utf-8")


class StaticTest(unittest.TestCase):
    def check_static(self, program):
        headers = output("readelf", "-W", "--file-header", "--program-headers", program)
        self.assertIn("DYN", headers)
        self.assertEqual("INTERP" in headers, SANITIZED)
        self.assertEqual("(NEEDED)" in output("readelf", "-W", "--dynamic", program), SANITIZED)

    def test_launcher_needs_nothing(self):
        self.check_static(os.environ["LAUNCHER"])

    def test_driver_side_needs_nothing(self):
        self.check_static(os.environ["PROBE"])

    def test_what_scripts_call_needs_nothing(self):
        for program in ("POLICY", "SHIM"):
            self.check_static(os.environ[program])

    def test_these_are_without_the_c_plus_plus_library(self):
        for program, own in (("LAUNCHER", "launcher"), ("POLICY", "policy"), ("SHIM", "policy")):
            symbols = output("nm", "-C", os.environ[program])
            self.assertIn(f"aptkeep::{own}::", symbols)
            if not SANITIZED:
                self.assertEqual(re.findall(
                    r"\bstd::.*|__cxa_throw.*|__gxx_personality.*|operator new.*", symbols), [])

    def test_policy_answers_within_a_millisecond(self):
        """Of processor time, and where it was hardly in others' way."""
        times = []
        for _ in range(300):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            pid = os.posix_spawn(os.environ["POLICY"], ["policy-rc.d", "foo", "restart", "5"], {})
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]),
                             0 if os.path.exists("/sbin/init") else 101)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        quick, median = (sorted(times)[len(times) // part] * 1000 for part in (10, 2))
        print(f"policy-rc.d: {quick:.2f} ms, median {median:.2f} ms")
        if not SANITIZED:
            self.assertLess(quick, 1)

    def test_boost_process_is_in_one_file(self):
        found = set()
        for top in ("lib", "hooks", "cli", "policy-rc.d", "tests"):
            for folder, _, names in os.walk(os.path.join(SOURCE, top)):
                for name in names:
                    if name.endswith((".cc", ".h")):
                        path = os.path.join(folder, name)
                        with open(path, encoding="utf-8") as file:
                            if re.search(r"^\s*#\s*include\s*<boost/process", file.read(), re.M):
                                found.add(os.path.relpath(path, SOURCE))
        self.assertEqual(found, {"lib/adapters/process.cc"})


if __name__ == "__main__":
    unittest.main()
