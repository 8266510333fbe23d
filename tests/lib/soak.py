#!/usr/bin/python3
"""Runs every test of a build with its full counts, and writes the result to docs/results/.

    soak.py --build DIR

APTKEEP_SOAK=1 tells the tests to do so. What has passed is remembered by revision, so that a soak
that was interrupted goes on where it was; a test that failed is run again. The result is written
after each test, and says how many there are that have not run.
"""

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time

import cache
import lifetime

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def git(*arguments):
    return subprocess.run(["git", "-C", SOURCE, *arguments], check=True, capture_output=True,
                          text=True).stdout.strip()


def revision():
    dirty = git("status", "--porcelain", "--untracked-files=no")
    return git("rev-parse", "--short=12", "HEAD") + ("+changes" if dirty else "")


def names_of(build):
    shown = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True,
                           capture_output=True, text=True).stdout
    return [test["name"] for test in json.loads(shown)["tests"]]


def order(name):
    """What builds the packages, then what takes hours."""
    longest = ("rollback.bookworm.power-cut", "scenario.bookworm.desktop-graph-any-failure",
               "rollback.", "robust.", "scenario.bookworm.desktop", "scenario.trixie.desktop")
    return (not name.endswith(".build"),
            next((i for i, start in enumerate(longest) if name.startswith(start)), len(longest)),
            name)


def regex_of(name):
    return "^" + "".join(c if c.isalnum() else "\\" + c for c in name) + "$"


def run_one(build, name, environment):
    began = time.monotonic()
    # Fixtures of a test (the packages) were run before it, as tests of their own.
    done = subprocess.run(
        ["ctest", "--test-dir", build, "--output-on-failure", "--timeout", "86400", "-FA", ".*",
         "--no-tests=error", "-R", regex_of(name)],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        preexec_fn=lifetime.killed_with_parent)
    skipped = "***Skipped" in done.stdout or "***Not Run" in done.stdout
    passed = done.returncode == 0 and not skipped
    if not passed:
        print(done.stdout, flush=True)
    return passed, time.monotonic() - began


def write_result(state, names):
    ran = [name for name in names if name in state["tests"]]
    failed = [name for name in ran if not state["tests"][name]["passed"]]
    folder = SOURCE / "docs" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        f"# Soak of {state['date']}", "",
        f"- revision: {state['revision']}",
        f"- seed: {state['seed']}",
        f"- cores: {os.cpu_count()}",
        f"- tests: {len(names)}, passed: {len(ran) - len(failed)}, failed: {len(failed)}, "
        f"not run: {len(names) - len(ran)}", ""]
    lines += ["Failed:", ""] + [f"- {name}" for name in failed] + [""] if failed else []
    lines += ["| test | result | seconds |", "|---|---|---|"]
    # Single cases of the unit tests would only make the table long.
    for name in sorted(ran, key=lambda n: -state["tests"][n]["seconds"])[:60]:
        test = state["tests"][name]
        lines.append(f"| {name} | {'passed' if test['passed'] else 'FAILED'} | "
                     f"{test['seconds']:.0f} |")
    path = folder / f"{state['date']}-soak.md"
    path.write_text("\n".join(lines) + "\n")
    return path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    build = parser.parse_args().build
    lifetime.end_tidily()
    store = pathlib.Path(cache.folder()) / f"soak-{revision()}.json"
    state = {"revision": revision(), "seed": os.environ["APTKEEP_SEED"],
             "date": datetime.date.today().isoformat(), "tests": {}}
    if store.exists():
        state = json.loads(store.read_text())
        print(f"== going on with the soak of {state['revision']}, seed {state['seed']}", flush=True)
    environment = dict(os.environ, APTKEEP_SOAK="1", APTKEEP_SEED=state["seed"],
                       APTKEEP_ROUNDS=os.environ.get("APTKEEP_ROUNDS", "200000"))
    names = sorted(names_of(build), key=order)
    left = [name for name in names if not state["tests"].get(name, {}).get("passed")]
    written = write_result(state, names)
    # Packages first, alone: all others wait for them.
    builds = [name for name in left if name.endswith(".build")]
    for batch, at_once in ((builds, 1), (left[len(builds):], os.cpu_count())):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            running = {pool.submit(run_one, build, name, environment): name for name in batch}
            for done in concurrent.futures.as_completed(running):
                name, (passed, seconds) = running[done], done.result()
                state["tests"][name] = {"passed": passed, "seconds": seconds}
                print(f"{'passed' if passed else 'FAILED'} {name} {seconds:.0f} s", flush=True)
                temporary = store.with_suffix(".new")
                temporary.write_text(json.dumps(state))
                temporary.replace(store)
                write_result(state, names)
    print(f"== written: {written}")
    failed = sum(not state["tests"][name]["passed"] for name in names)
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
