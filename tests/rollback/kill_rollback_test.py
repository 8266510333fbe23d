#!/usr/bin/python3
"""An upgrade of thirty packages, three of which fail, is cut off by a kill -9 of one of its
processes; then `aptkeep resume`, and apt again. 8 kills by a seed (APTKEEP_SEED), 200 with
APTKEEP_SOAK=1.

    kill_rollback_test.py [--round N] [--suite S] [--debs DIR | --staged DIR] [-v]
"""

import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

import thirty  # first: it tells where the others are

import bed as beds
import lifetime
import pkg
import rounds

KINDS = {
    "apt": lambda exe, argv: exe == "/usr/bin/apt-get",
    "launcher": lambda exe, argv: exe == "/usr/lib/aptkeep/bin/dpkg",
    "driver": lambda exe, argv: exe == "/usr/lib/aptkeep/driver",
    "dpkg": lambda exe, argv: exe == "/usr/bin/dpkg",
    "hook": lambda exe, argv: exe == "/usr/lib/aptkeep/apt-hook",
    "script": lambda exe, argv: bool(re.search(
        r"/var/lib/dpkg/(info/.*\.|tmp\.ci/)(pre|post)(inst|rm)( |$)", argv)),
}
ROUNDS = 200 if os.environ.get("APTKEEP_SOAK") == "1" else 8
# So many calls of maintainer scripts there are in the run if nothing fails.
CALLS = 4 * thirty.COUNT
# Far more than any of these runs takes: what reaches it hangs.
HANG = 240


def processes(bed, top):
    """(pid, program, command line) of all that runs in the bed: below `top`, and orphans."""
    found, todo = [], [bed.pid, top]
    while todo:
        pid = todo.pop()
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                path = pathlib.Path(f"/proc/{pid}/task/{task}/children")
                todo += map(int, path.read_text(encoding="ascii").split())
            if pid in (bed.pid, top):
                continue
            exe = os.readlink(f"/proc/{pid}/exe")
            argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append((pid, exe, argv.replace(b"\0", b" ").decode(errors="replace")))
    return sorted(found)


def script_calls(bed):
    try:
        return bed.path(pkg.LOG).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def start(bed, argv):
    settings = [f"{k}={v}" for k, v in beds.ENVIRONMENT.items()]
    command = bed.command(argv)
    at = command.index("env") + 2
    log = open(bed.path("/root") / "log", "ab")
    with log:
        return subprocess.Popen(command[:at] + settings + command[at:], stdin=subprocess.DEVNULL,
                                stdout=log, stderr=subprocess.STDOUT,
                                preexec_fn=lifetime.killed_with_parent)


def kill(pid):
    """False: it has just ended by itself."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def wait_for_all(bed, child):
    """Until nothing of the run is left: who only lost its parent may go on."""
    end = time.monotonic() + HANG
    while time.monotonic() < end:
        left = processes(bed, child.pid)
        if child.poll() is not None and not left:
            return []
        time.sleep(0.05)
    for pid, _, _ in left:
        kill(pid)
    child.wait()
    return [f"still running: {argv}" for _, _, argv in left]


def kill_one(bed, child, kind, ready, delay):
    """Kills the first process of the kind that is seen when `ready` and some time later. What it
    was; None if there was none any more."""
    due = None
    while child.poll() is None:
        if due is None and ready():
            due = time.monotonic() + delay
        if due is not None and time.monotonic() >= due:
            for pid, exe, argv in processes(bed, child.pid):
                if KINDS[kind](exe, argv) and kill(pid):
                    return argv
        time.sleep(0.001)
    return None


class Round:
    def __init__(self, world, number, verbose):
        self.world, self.verbose = world, verbose
        # The kinds come in turns, so that each is hit.
        self.kind = sorted(KINDS)[number % len(KINDS)]
        self.rng = random.Random(f"{thirty.seed()} kill {number}")
        self.failures = thirty.draw_failures(world, 3, self.rng)
        self.again = self.rng.random() < 0.25
        self.number = number
        self.log = [f"round {number}, APTKEEP_SEED={thirty.seed()}: {self.failures}"]

    def say(self, text):
        self.log.append(text)
        if self.verbose:
            print(text, flush=True)

    def run(self, bed, argv, **options):
        result = bed.run(argv, timeout=HANG, **options)
        self.say(f"$ {argv}\n{result.output}-> exit {result.code}")
        return result

    def play(self):
        """What is wrong. A moment at which there was nobody to kill is drawn again."""
        for _ in range(8):
            with self.world.bed() as bed:
                thirty.set_amid(bed, self.failures.amid())
                hit, wrong = self.cut_off(bed)
                if hit:
                    return wrong + self.afterwards(bed)
        return ["nobody was killed"]

    def cut_off(self, bed):
        # The hook runs at the begin and at the end.
        calls = (self.rng.choice((0, CALLS // 2)) if self.kind == "hook"
                 else self.rng.randrange(CALLS))
        child = start(bed, thirty.UPGRADE)
        hit = kill_one(bed, child, self.kind, lambda: script_calls(bed) >= calls,
                       self.rng.random() * 0.05)
        wrong = wait_for_all(bed, child)
        self.say(f"{bed.read('/root/log')}-> exit {child.returncode}; after {calls} script calls "
                 f"{self.kind} was killed: {hit}")
        return hit, wrong

    def resume(self, bed):
        wrong = []
        if self.again:
            child = start(bed, ["aptkeep", "resume"])
            time.sleep(self.rng.random())
            victims = [p for p in processes(bed, child.pid) if not p[1].endswith("/env")]
            if victims:
                pid, _, argv = self.rng.choice(victims)
                if kill(pid):
                    self.say(f"in resume was killed: {argv}")
            wrong += wait_for_all(bed, child)
        self.run(bed, ["aptkeep", "resume"])
        return wrong

    def afterwards(self, bed):
        root = bed.path("/")
        recorded = len(self.run(bed, ["aptkeep", "runs"]).output.splitlines()) > 1
        wrong = self.resume(bed)
        if not recorded:
            # The hook died before it had a plan: what followed was stock apt's run.
            return wrong + self.mended(bed, stock=True)
        wrong += [f"after resume {line}" for line in thirty.limbo(self.world, root)]
        before = thirty.states(root)
        if self.run(bed, ["dpkg", "--configure", "-a"]).code != 0 or before != thirty.states(root):
            wrong.append("resume has left something to dpkg --configure -a")
        self.run(bed, thirty.UPGRADE)
        if self.run(bed, thirty.UPGRADE).code != 0:
            wrong.append("the second upgrade fails")
        wrong += thirty.judge(self.world, self.failures, root, 1)
        wrong += thirty.left_behind(self.world, root)
        return wrong + self.sound(bed) + self.mended(bed)

    def sound(self, bed):
        wrong = []
        for command in ("dpkg --audit", "apt-get check", "aptkeep runs", "aptkeep status"):
            result = self.run(bed, command)
            well = (0, 1) if command == "aptkeep status" else (0,)  # 1: something is kept
            if result.code not in well or (command == "dpkg --audit" and result.output):
                wrong.append(f"{command} ends {result.code}: {result.output}")
        return wrong + thirty.state_wrong(bed.path("/"))

    def mended(self, bed, stock=False):
        """With the scripts mended everything gets to 2.0, just as with stock apt; conffiles too."""
        thirty.set_amid(bed, {})
        if stock:
            self.run(bed, "dpkg --configure -a; apt-get -q -y -f install")
        # The pins stand for versions that are expected to fail.
        ended = self.run(bed, [*thirty.UPGRADE, "-o", "Dir::Etc::PreferencesParts=/nowhere"])
        wrong = [] if ended.code == 0 else [f"after mending, apt ends {ended.code}"]
        wrong += thirty.judge(self.world, thirty.Failures({}, set()), bed.path("/"))
        wrong += thirty.left_behind(self.world, bed.path("/"))
        return [f"scripts mended: {line}" for line in wrong]


def main():
    args = rounds.options("unable to make a test bed", ROUNDS)
    print(f"{ROUNDS} kills, APTKEEP_SEED={thirty.seed()}", flush=True)
    worlds = {}

    def one(number):
        graph = 1 + number // 40
        if graph not in worlds:
            worlds.clear()
            worlds[graph] = thirty.World(args.suite, graph, args.debs, args.staged)
        played = Round(worlds[graph], number, args.verbose)
        wrong = played.play()
        return f"round {number}: {played.kind} killed", wrong, played.log

    sys.exit(rounds.play(args, ROUNDS, one))


if __name__ == "__main__":
    main()
