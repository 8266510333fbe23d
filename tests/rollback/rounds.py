"""What tests share that play rounds by a seed: their options, and how each round is told."""

import argparse
import os
import sys
import time

import lifetime


def options(refusal, count):
    """The command line; `refusal` is what only root may do, `count` how many rounds there are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--round", type=int, help="only this one")
    parser.add_argument("--count", action="store_true", help="only say how many rounds there are")
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--debs", help="folder with aptkeep's packages (built if not given)")
    parser.add_argument("--staged", help="folder to copy over the root instead of the packages")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    if args.count:
        print(count)
        sys.exit(0)
    if os.geteuid() != 0:
        sys.exit(f"{refusal}: only root may")
    lifetime.end_tidily()
    return args


def play(args, count, one):
    """Plays all rounds, or the one that is asked for; 1 if one went wrong, else 0. `one(number)`
    returns (what it was, what was wrong, its log)."""
    failed = 0
    for number in [args.round] if args.round is not None else range(count):
        began = time.monotonic()
        name, wrong, log = one(number)
        what = f"{name} ({time.monotonic() - began:.1f} s)"
        if wrong:
            failed += 1
            # First: of a long text a CI may show the beginning only.
            print("\n".join([f"FAILED {what}", *wrong]), flush=True)
            if not args.verbose:
                lines = "\n".join(log).splitlines()
                print("\n".join(x for x in lines if not x.startswith("(Reading database")), flush=True)
        else:
            print(f"ok {what}", flush=True)
    return 1 if failed else 0
