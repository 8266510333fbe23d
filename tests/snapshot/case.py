"""What the tests of the way back have in common."""

import os
import sys
import unittest

import world
from world import differences

PROGRAM = SUITE = None
FAILS = "echo failing on purpose >&2; exit 1"


class Case(unittest.TestCase):
    maxDiff = None
    looked_at = world.LOOKED_AT

    def world(self, packages=()):
        made = world.World(SUITE, PROGRAM, packages)
        self.enterContext(made)
        return made

    if not hasattr(unittest.TestCase, "enterContext"):  # Python 3.10
        def enterContext(self, context):
            result = context.__enter__()
            self.addCleanup(context.__exit__, None, None, None)
            return result

    def look(self, w):
        return w.look(self.looked_at)

    def same(self, before, after):
        self.assertEqual(differences(before, after), "")

    def there_and_back(self, w, archives, packages=("foo:amd64",), args=("-i",), expect=1,
                       differs=0):
        """Takes, installs `archives` (which fails), leads back, and compares."""
        before = self.look(w)
        self.assertEqual(w.snapshots("take", *packages), "")
        output = w.dpkg(*args, *archives, expect=expect).output
        output += w.snapshots("back", *packages, expect=differs)
        self.same(before, self.look(w))
        self.assertEqual(w.dpkg("--audit").output, "")
        return output


def main():
    global PROGRAM, SUITE
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    SUITE = "bookworm"
    if "--suite" in sys.argv:
        at = sys.argv.index("--suite")
        SUITE = sys.argv[at + 1]
        del sys.argv[at:at + 2]
    unittest.main()
