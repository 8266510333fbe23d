#!/usr/bin/python3
"""aptkeep's programs are missing, not executable, or die: apt and dpkg go on as if it was not there.

    programs_test.py [CASE...] [--suite S] [--debs DIR | --staged DIR] [-v]
"""

import cases
import world
from cases import case
from world import DRIVER, HOOK, LAUNCHER, ONE_FAILS, TWO_FAIL

# Starts the real driver and kills it when the first dpkg call of its own has ended.
DIES_AFTER_FIRST_CALL = """#!/bin/sh
/usr/lib/aptkeep/real/driver "$@" &
driver=$!
calls=$(grep -c ' startup ' /var/log/dpkg.log)
while kill -0 $driver 2>/dev/null; do
  now=$(grep -c ' startup ' /var/log/dpkg.log)
  if [ "$now" -gt "$calls" ] && ! pgrep -x dpkg >/dev/null; then kill -9 $driver; fi
  sleep 0.001
done
wait $driver
"""


@case
def launcher_deleted(t):
    """The hook sees that the driver is passed by, and does at the end what is left to do."""
    t.no_worse(lambda bed: bed.must(["rm", LAUNCHER]))


@case
def launcher_not_executable(t):
    t.no_worse(lambda bed: bed.must(["chmod", "644", LAUNCHER]))


@case
def launcher_vanishes_amid_a_run(t):
    t.no_worse(sabotage={"base.2.0.preinst": f"rm {LAUNCHER}"})


@case
def driver_deleted(t):
    t.like_stock(lambda bed: bed.must(["rm", DRIVER]), noise=1)


@case
def driver_not_executable(t):
    t.like_stock(lambda bed: bed.must(["chmod", "644", DRIVER]), noise=1)


@case
def driver_vanishes_amid_a_run(t):
    t.no_worse(sabotage={"base.2.0.preinst": f"rm {DRIVER}"})


@case
def driver_is_no_program(t):
    for content in ("", "not a program\n", "\x7fELF and no more"):
        t.like_stock(lambda bed, c=content: bed.write(DRIVER, c, 0o755), noise=1)


@case
def driver_crashes_at_start(t):
    t.like_stock(lambda bed: bed.write(DRIVER, "#!/bin/sh\nkill -ABRT $$\n", 0o755), noise=1)


@case
def driver_ends_with_a_failure_at_start(t):
    for code in (0, 1, 125, 127):
        t.like_stock(lambda bed, c=code: bed.write(DRIVER, f"#!/bin/sh\nexit {c}\n", 0o755),
                     amids=[ONE_FAILS])


def wrap_driver(bed, text):
    bed.must("mkdir /usr/lib/aptkeep/real && mv /usr/lib/aptkeep/driver /usr/lib/aptkeep/real/")
    bed.write(DRIVER, text, 0o755)


@case
def driver_crashes_after_its_first_call(t):
    for amid in ({}, ONE_FAILS, TWO_FAIL):
        with t.worlds.bed() as bed:
            wrap_driver(bed, DIES_AFTER_FIRST_CALL)
            ours = t.upgrade(bed, amid)
            t.expect(world.worse(ours, t.worlds.stock(amid)))
            t.expect(world.run_twice(ours, [n for n in world.NAMES if n not in ("foo", "ind3")]))
            if not amid:
                t.expect_noise(ours, 2)
            t.mend(bed, ours)


@case
def hook_deleted(t):
    t.like_stock(lambda bed: bed.must(["rm", HOOK]), noise=0)


@case
def hook_not_executable(t):
    t.like_stock(lambda bed: bed.must(["chmod", "644", HOOK]), noise=0)


@case
def hook_crashes(t):
    t.like_stock(lambda bed: bed.write(HOOK, "#!/bin/sh\nkill -SEGV $$\n", 0o755), noise=1)


@case
def hook_hangs_up_on_its_input(t):
    """Whoever reads apt's list no further must not end apt by a broken pipe."""
    t.like_stock(lambda bed: bed.write(HOOK, "#!/bin/sh\nexec <&-\nsleep 0.2\n", 0o755), noise=0)


@case
def everything_deleted(t):
    t.like_stock(lambda bed: bed.must(["rm", "-r", "/usr/lib/aptkeep"]), noise=0)


if __name__ == "__main__":
    cases.main()
