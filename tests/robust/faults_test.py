#!/usr/bin/python3
"""System calls of the driver fail: apt ends, no worse than stock apt does, and state.db is whole or
the trouble is said. 25 faults by a seed (APTKEEP_SEED); all of them with APTKEEP_SOAK=1.

    faults_test.py [CASE...] [--suite S] [--debs DIR | --staged DIR] [-v]
"""

import cases
import faults
import world
from cases import case
from world import TWO_FAIL

COUNT = 25


def run_with(t, point, options, what, usual=None):
    """One run with a fault; what is wrong with its end. `usual`: the end without a fault, behind
    which nothing has to be looked for."""
    with t.worlds.bed() as bed:
        faults.prepare(bed)
        faults.order(bed, point.start, options)
        ours = t.upgrade(bed, TWO_FAIL)
        faults.stop_faults(bed)
        wrong = world.worse(ours, t.worlds.stock(TWO_FAIL))
        wrong += [f"still running: {line}" for line in faults.leftovers(bed)]
        said = any("unable to" in line for line in ours.noise())
        if not faults.state_is_whole(bed) and not said:
            wrong.append("state.db is damaged, and nothing was said")
        # What cannot find out whose dpkg call it is may leave it to dpkg without a word.
        if not ours.noise() and world.same(ours, t.worlds.stock(TWO_FAIL)):
            wrong.append("neither what was kept nor what went wrong was said")
        if usual is None or (ours.states, ours.clean) != (usual.states, usual.clean):
            wrong += world.recover(bed)
        return [f"{what} at {point}", *wrong, str(ours)] if wrong else []


def try_all(t, chosen, usual):
    wrong = []
    for point, error, lasting in chosen:
        t.log.clear()
        what = f"{error}{' from then on' if lasting else ''}"
        found = run_with(t, point, faults.options_of(point, error, lasting), what,
                         usual)
        t.say(f"{'wrong' if found else 'well'}: {what} at {point}")
        wrong += found
    t.log.clear()
    t.expect(wrong)


def all_faults(t):
    points, ended = faults.trace(t.worlds, TWO_FAIL)
    t.expect(world.worse(ended, t.worlds.stock(TWO_FAIL)))
    t.expect([] if len(points) > 100 else [f"the trace has only {len(points)} points"])
    return faults.faults(points), ended


@case
def failing_system_calls(t):
    choices, usual = all_faults(t)
    chosen = faults.sample("faults", choices, COUNT, lambda fault: (fault[0].call, fault[2]))
    try_all(t, chosen, usual)


@case
def dpkg_cannot_be_started(t):
    """In the child that the driver makes for it: with -P, strace looks at no other call."""
    point = faults.Point(0, "execve", 1, "/usr/bin/dpkg", ())
    for start in (0, 1):
        for error in ("ENOMEM", "EIO", "EMFILE"):
            options = (f"-f -o /dev/null -P /usr/bin/dpkg -e trace=execve "
                       f"-e inject=execve:error={error}:when=1")
            chosen = faults.dataclasses.replace(point, start=start)
            t.expect(run_with(t, chosen, options, error))


if __name__ == "__main__":
    cases.main(faults.NEEDS)
