"""What the tests of aptkeep plan share: X_test.py COMMAND MAKE_STATE SCHEMA"""

import json
import subprocess
import sys

import world
from pkg import NATIVE, Package

COMMAND, MAKE_STATE, SCHEMA = sys.argv[1:4]
NOBODY = 65534


class Base(world.Case):
    command = COMMAND

    def record(self, kind):
        path = self.world.root / "records" / (kind + ".db")
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        subprocess.run([MAKE_STATE, path, kind], check=True, timeout=60)
        return str(path)

    def chain(self):
        """base <- foo <- dep = foo's version; ind alone; new comes with ind, gone goes for it."""
        old = [Package("base", "1.0"), Package("foo", "1.0", fields={"Depends": "base"}),
               Package("dep", "1.0", fields={"Depends": "foo (= 1.0)"}),
               Package("ind", "1.0"), Package("gone", "1.0")]
        new = [p.successor("2.0") for p in old if p.name != "gone"]
        new[3].fields = {"Depends": "new", "Conflicts": "gone"}
        self.world.installed(*old)
        self.world.offers(*old, *new, Package("new", "2.0"))

    def plan(self, *args, rules=True, code=None, **more):
        done = (self.world.with_rules if rules else self.world.run)(
            "plan", "--state", self.record("empty"), "--json", *args, **more)
        self.assertEqual(done.stderr, b"")
        if code is not None:
            self.assertEqual(done.returncode, code, done)
        return json.loads(done.stdout)

    def text(self, *args, state="empty", **more):
        return self.world.with_rules("plan", "--state", self.record(state), *args, **more)

    def assert_refused(self, done, why=""):
        self.assertEqual((done.returncode, done.stdout), (2, b""), done)
        self.assertRegex(done.stderr, rb"\Aaptkeep: unable to [^\n]*\n\Z")
        self.assertIn(why.encode(), done.stderr)


def by_name(plan):
    return {step["package"].removesuffix(":" + NATIVE): step for step in plan["steps"]}
