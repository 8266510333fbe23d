#!/usr/bin/python3
"""Runs every test of a build with its full counts, and writes the result to docs/results/.

    soak.py --build DIR [--first REGEX] [--long-first] [--backwards] [--jobs N]

APTKEEP_SOAK=1 tells the tests to do so. What has passed is remembered by revision, so that a soak
that was interrupted goes on where it was; what failed is run again. Tests that play rounds are run
round by round, all of them forward together; N at a time (as many as there are cores; many rounds
wait more than they work). The result is written after each, and says how much has
not run.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

import cache
import lifetime

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def git(*arguments):
    return subprocess.run(["git", "-C", SOURCE, *arguments], check=True, capture_output=True,
                          text=True).stdout.strip()


def revision():
    # What a soak writes itself is no change of what it tries.
    dirty = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/results")
    return git("rev-parse", "--short=12", "HEAD") + ("+changes" if dirty else "")


# Tests whose rounds can be run one by one.
IN_ROUNDS = ("power_cut_test.py", "kill_rollback_test.py", "run.py")


# What ctest would not run at the same time, each in a ctest of its own here.
LOCKS = collections.defaultdict(threading.Lock)
LOCK_OF = {}  # test -> names of locks, sorted


def tests_of(build, environment):
    """name -> (how many rounds, the command)"""
    shown = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True,
                           capture_output=True, text=True).stdout
    tests = {}
    for test in json.loads(shown)["tests"]:
        command, rounds = test.get("command", []), 1
        if any(part.endswith("/" + script) for part in command for script in IN_ROUNDS):
            rounds = int(subprocess.run([*command, "--count"], env=environment, check=True,
                                        capture_output=True, text=True).stdout)
        tests[test["name"]] = (rounds, command)
        for entry in test.get("properties", []):
            if entry["name"] == "RESOURCE_LOCK":
                LOCK_OF[test["name"]] = sorted(entry["value"])
    return tests


def parts_of(tests, long_first=False, backwards=False, first="$^"):
    """(name, round) of all, in the order in which they are run: what builds the packages, what is
    asked for first, tests without rounds, then rounds, each test as far as the others (from the
    last where the first ones have been seen at another revision); what takes hours comes last, or
    first where that has to fit into the time that there is."""
    def order(part):
        name, number = part
        count = tests[name][0]
        longest = name.startswith("rollback.") or name.endswith("any-failure")
        turn = number / count * (-1 if backwards else 1)
        return (not name.endswith(".build"), not re.search(first, name), longest != long_first,
                count > 1, turn, name)
    return sorted(((name, number) for name, (count, _) in tests.items()
                   for number in range(count)), key=order)


def key_of(tests, part):
    return part[0] if tests[part[0]][0] == 1 else f"{part[0]}#{part[1]}"


def regex_of(name):
    return "^" + "".join(c if c.isalnum() else "\\" + c for c in name) + "$"


def run_one(build, tests, part, environment):
    began = time.monotonic()
    name, number = part
    count, command = tests[name]
    if count > 1:
        command = [*command, "--round", str(number)]
    else:
        # Fixtures of a test (the packages) were run before it, as tests of their own.
        command = ["ctest", "--test-dir", build, "--output-on-failure", "--timeout", "86400", "-FA",
                   ".*", "--no-tests=error", "-R", regex_of(name)]
    with contextlib.ExitStack() as held:
        for lock in LOCK_OF.get(name, ()):
            held.enter_context(LOCKS[lock])
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False,
                              capture_output=True, text=True,
                              preexec_fn=lifetime.killed_with_parent)
    skipped = "***Skipped" in done.stdout or "***Not Run" in done.stdout
    passed = done.returncode == 0 and not skipped
    if not passed:
        print(done.stdout, done.stderr, flush=True)
    return passed, time.monotonic() - began


def counts(state, tests, parts):
    """name -> (rounds that passed, rounds that failed, seconds)"""
    found = {name: [0, 0, 0] for name in tests}
    for part in parts:
        seen = state["tests"].get(key_of(tests, part))
        if seen:
            found[part[0]][0 if seen["passed"] else 1] += 1
            found[part[0]][2] += seen["seconds"]
    return found


def write_result(state, tests, parts):
    found = counts(state, tests, parts)
    whole = [name for name in tests if found[name][0] == tests[name][0]]
    failed = [name for name in tests if found[name][1]]
    folder = SOURCE / "docs" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"# Soak of {state['date']}", "",
        f"- revision: {state['revision']}",
        f"- seed: {state['seed']}",
        f"- cores: {os.cpu_count()}",
        f"- tests: {len(tests)}, passed: {len(whole)}, failed: {len(failed)}, not run, or not all "
        f"rounds of them: {len(tests) - len(whole) - len(failed)}", ""]
    lines += ["Failed:", ""] + [f"- {name}" for name in failed] + [""] if failed else []
    lines += ["| test | rounds | passed | failed | seconds |", "|---|---|---|---|---|"]
    # Single cases of the unit tests would only make the table long.
    shown = sorted((name for name in tests if any(found[name])), key=lambda n: -found[n][2])[:60]
    lines += [f"| {name} | {tests[name][0]} | {found[name][0]} | {found[name][1]} | "
              f"{found[name][2]:.0f} |" for name in shown]
    path = folder / f"{state['date']}-soak.md"
    path.write_text("\n".join(lines) + "\n")
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--first", metavar="REGEX", default="$^")
    parser.add_argument("--long-first", action="store_true")
    parser.add_argument("--backwards", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    build = arguments.build
    lifetime.end_tidily()
    # At once: the threads would first run all that is left. What they wait for ends with us, and
    # what is written is whole at any time.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(143))
    store = pathlib.Path(cache.folder()) / f"soak-{revision()}.json"
    state = {"revision": revision(), "seed": os.environ["APTKEEP_SEED"],
             "date": datetime.date.today().isoformat(), "tests": {}}
    if store.exists():
        state = json.loads(store.read_text())
        print(f"== going on with the soak of {state['revision']}, seed {state['seed']}", flush=True)
    environment = dict(os.environ, APTKEEP_SOAK="1", APTKEEP_SEED=state["seed"],
                       APTKEEP_ROUNDS=os.environ.get("APTKEEP_ROUNDS", "200000"))
    tests = tests_of(build, environment)
    parts = parts_of(tests, arguments.long_first, arguments.backwards, arguments.first)
    left = [p for p in parts if not state["tests"].get(key_of(tests, p), {}).get("passed")]
    write_result(state, tests, parts)
    # Packages first, alone: all others wait for them.
    builds = [part for part in left if part[0].endswith(".build")]
    for batch, at_once in ((builds, 1), (left[len(builds):], arguments.jobs)):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            running = {pool.submit(run_one, build, tests, part, environment): part
                       for part in batch}
            for done in concurrent.futures.as_completed(running):
                key, (passed, seconds) = key_of(tests, running[done]), done.result()
                state["tests"][key] = {"passed": passed, "seconds": seconds}
                print(f"{'passed' if passed else 'FAILED'} {key} {seconds:.0f} s", flush=True)
                temporary = store.with_suffix(".new")
                temporary.write_text(json.dumps(state))
                temporary.replace(store)
                write_result(state, tests, parts)
    print(f"== written: {write_result(state, tests, parts)}")
    failed = sum(not test["passed"] for test in state["tests"].values())
    print(f"{len(parts) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
