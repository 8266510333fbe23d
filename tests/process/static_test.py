"""The programs that must run while libraries are replaced need none; the library that starts
processes is named in one file."""

import os
import re
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

    def test_launcher_is_without_the_c_plus_plus_library(self):
        symbols = output("nm", "-C", os.environ["LAUNCHER"])
        self.assertIn("aptkeep::launcher::", symbols)
        if not SANITIZED:
            self.assertEqual(re.findall(r"\bstd::.*|__cxa_throw.*|__gxx_personality.*|operator new.*",
                                        symbols), [])

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
