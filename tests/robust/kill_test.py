#!/usr/bin/python3
"""The driver is killed between and amid its dpkg calls: what was done is not done again, and the
rest is finished. 6 kills by a seed (APTKEEP_SEED); all of them with APTKEEP_SOAK=1.

    kill_test.py [CASE...] [--suite S] [--debs DIR | --staged DIR] [-v]
"""

import cases
import faults
import world
from cases import case
from world import NAMES, TWO_FAIL

# A maintainer script kills the driver above it: dpkg is at work then.
KILL_DRIVER = """
pid=$$
while [ "$pid" -gt 1 ]; do
  if [ "$(cat /proc/$pid/comm)" = driver ]; then kill -9 "$pid"; break; fi
  pid=$(cut -d' ' -f4 "/proc/$pid/stat")
done
sleep 0.2
"""
FAILING = ("foo", "ind3")
SCRIPTS = ("base.2.0.preinst", "dep1.2.0.preinst", "ind1.1.0.postrm", "ind3.2.0.preinst",
           "base.2.0.postinst", "dep2.2.0.postinst")


def judge(t, bed, ours, amid):
    wrong = world.worse(ours, t.worlds.stock(amid))
    if not amid and not (ours.code == 0 and ours.all_upgraded()):
        wrong.append("the rest is not finished")
    twice = world.run_twice(ours, [n for n in NAMES if not amid or n not in FAILING])
    wrong += [f"ran twice: {line}" for line in twice]
    wrong += [f"still running: {line}" for line in faults.leftovers(bed)]
    if not faults.state_is_whole(bed):
        wrong.append("state.db is damaged")
    if not any("driver was ended by signal 9" in line for line in ours.noise()):
        wrong.append("it was not said, or nobody was killed")
    return wrong


@case
def killed_at_a_system_call(t):
    for amid in ({}, TWO_FAIL):
        points, _ = faults.trace(t.worlds, amid)
        points = [p for p in points if p.call not in ("execve", "exit_group")]
        for point in faults.sample(f"kills with {len(amid)} failures", points, 3,
                                   lambda p: p.call):
            t.log.clear()
            with t.worlds.bed() as bed:
                faults.prepare(bed)
                faults.order(bed, point.start, faults.kill_options(point))
                ours = t.upgrade(bed, amid)
                faults.stop_faults(bed)
                wrong = judge(t, bed, ours, amid)
                t.expect([f"killed at {point}", *wrong] if wrong else [])
                t.mend(bed, ours)


@case
def killed_amid_a_call(t):
    for amid in ({}, TWO_FAIL):
        for script in faults.sample(f"scripts with {len(amid)} failures", SCRIPTS, 3):
            with t.worlds.bed() as bed:
                ours = t.upgrade(bed, {script: KILL_DRIVER, **amid})
                wrong = judge(t, bed, ours, amid)
                t.expect([f"killed by {script}", *wrong] if wrong else [])
                t.mend(bed, ours)


@case
def the_next_run_knows_of_a_killed_one(t):
    with t.worlds.bed() as bed:
        t.upgrade(bed, {"base.2.0.postinst": KILL_DRIVER, **TWO_FAIL})
        world.set_amid(bed, {})
        bed.must("rm -f " + world.PINS)
        ours = t.upgrade(bed, {})
        t.expect([line for line in ours.noise() if "unable" in line])
        t.expect(world.recover(bed))


if __name__ == "__main__":
    cases.main(faults.NEEDS)
