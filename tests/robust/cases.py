"""Cases, their judgement and the command line that the test files here have in common.

    FILE [CASE...] [--suite S] [--debs DIR | --staged DIR] [-v]

Prints one line for each case and ends 1 if one failed.
"""

import argparse
import os
import sys
import time

import world
from world import ONE_FAILS

CASES = []


class Wrong(Exception):
    """What came is not what was expected."""


def case(function):
    CASES.append(function)
    return function


class Test:
    def __init__(self, worlds, verbose):
        self.worlds = worlds
        self.verbose = verbose
        self.log = []

    def say(self, text):
        self.log.append(str(text))
        if self.verbose:
            print(text, flush=True)

    def expect(self, wrong):
        """`wrong`: what is wrong, as a list; all is well if it is empty."""
        if wrong:
            raise Wrong("\n".join(wrong))

    def expect_equal(self, found, wanted, what):
        self.expect([] if found == wanted else [f"{what}: {found!r}, expected {wanted!r}"])

    def upgrade(self, bed, amid, command=world.UPGRADE, env=None):
        self.say(f"$ {command}   with {amid}")
        outcome = world.upgrade(bed, amid, command, env)
        self.say(outcome)
        return outcome

    def like_stock(self, breakage=None, noise=1, **options):
        """With `breakage` done to a bed, runs end as they would without aptkeep, which says so in
        `noise` lines at most, and afterwards all can be mended."""
        for ours, stock in self.runs(breakage, **options):
            self.expect(world.same(ours, stock))
            self.expect_noise(ours, noise)

    def no_worse(self, breakage=None, **options):
        """The same where aptkeep may do better than stock."""
        for ours, stock in self.runs(breakage, **options):
            self.expect(world.worse(ours, stock))

    def runs(self, breakage=None, amids=({}, ONE_FAILS), sabotage=None, command=world.UPGRADE,
             env=None, after=None):
        """Yields each run's outcome and stock's. `sabotage`: what maintainer scripts do to aptkeep
        amid the run. `after` looks at the bed."""
        for amid in amids:
            with self.worlds.bed() as bed:
                if breakage:
                    breakage(bed)
                stock = self.worlds.stock(amid, command)
                ours = self.upgrade(bed, {**(sabotage or {}), **amid}, command, env)
                yield ours, stock
                if after:
                    after(bed, ours)
                self.mend(bed, ours)

    def mend(self, bed, ours):
        if not ours.all_upgraded():
            self.expect(world.recover(bed))

    def expect_noise(self, outcome, most):
        lines = outcome.noise()
        wrong = [f"more than {most} lines about aptkeep:", *lines] if len(lines) > most else []
        self.expect(wrong + [f"not a clear line: {line}" for line in lines
                             if not line.startswith("aptkeep: unable to ")])


def _play(function, args, worlds):
    test = Test(worlds, args.verbose)
    began = time.monotonic()
    try:
        function(test)
    except (Wrong, world.beds.BedError, world.subprocess.TimeoutExpired) as error:
        if not args.verbose:
            print("\n".join(test.log))
        print(f"FAILED {function.__name__} on {args.suite}: {error}", flush=True)
        return False
    print(f"ok {function.__name__} on {args.suite} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def main(needs=()):
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", help="cases (all, if none)")
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--debs", help="folder with aptkeep's packages (built if not given)")
    parser.add_argument("--staged", help="folder to copy over the root instead of the packages")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("unable to make a test bed: only root may")
    worlds = world.Worlds(args.suite, args.debs, args.staged, needs)
    chosen = [c for c in CASES if not args.names or c.__name__ in args.names]
    unknown = set(args.names) - {c.__name__ for c in chosen}
    if unknown or not chosen:
        sys.exit(f"unable to find cases: {', '.join(sorted(unknown)) or 'none given'}")
    results = [_play(c, args, worlds) for c in chosen]
    sys.exit(0 if all(results) else 1)
