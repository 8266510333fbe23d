#!/usr/bin/python3
"""aptkeep's state is damaged or cannot be written: stock behaviour, said in one line.

    state_test.py [CASE...] [--suite S] [--debs DIR | --staged DIR] [-v]
"""

import random

import cases
import world
from cases import case
from world import ONE_FAILS, RUN, STATE

DB = f"{STATE}/state.db"


def fill(bed):
    """A state.db as it is after a run that kept something, then whole again."""
    world.upgrade(bed, ONE_FAILS)
    bed.must(["test", "-s", DB])
    world.set_amid(bed, {})
    bed.must(f"rm -f {world.PINS}; apt-get -qq -y --allow-downgrades install " +
             " ".join(f"{name}=1.0" for name in world.NAMES), env={"APTKEEP": "off"})
    bed.must(["rm", "-f", world.pkg.LOG])


def random_bytes(bed):
    fill(bed)
    bed.must(f"rm -f {DB}-wal {DB}-shm")
    bed.write(DB, random.Random(1).randbytes(8192))


def random_page(bed):
    fill(bed)
    bed.must(f"rm -f {DB}-wal {DB}-shm")
    content = bytearray(bed.path(DB).read_bytes())
    content[4096:8192] = random.Random(2).randbytes(4096)
    bed.write(DB, bytes(content))


def truncated(bed):
    fill(bed)
    bed.must(f"rm -f {DB}-wal {DB}-shm; truncate -s 6000 {DB}")


def zero_length(bed):
    """SQLite takes this for a new database, and so do we."""
    bed.must(f"mkdir -p {STATE}; : >{DB}")


def a_directory(bed):
    bed.must(f"mkdir -p {DB}")


def a_dangling_link(bed):
    bed.must(f"mkdir -p {STATE}; ln -s /nowhere/state.db {DB}")


def newer_schema(bed):
    fill(bed)
    content = bytearray(bed.path(DB).read_bytes())
    content[60:64] = (999).to_bytes(4, "big")  # user_version, sqlite.org/fileformat2.html 1.3.12
    bed.write(DB, bytes(content))


def state_as_file(bed):
    bed.must(f"rm -rf {STATE}; echo >{STATE}")


def run_as_file(bed):
    bed.must(f"rm -rf {RUN}; echo >{RUN}")


def state_read_only(bed):
    bed.must(f"mkdir -p {STATE}; mount --bind {STATE} {STATE}; mount -o remount,bind,ro {STATE}")


def state_read_only_filled(bed):
    fill(bed)
    state_read_only(bed)


def run_read_only(bed):
    bed.must(f"mkdir -p {RUN}; mount --bind {RUN} {RUN}; mount -o remount,bind,ro {RUN}")


def state_full(bed, size="64k"):
    bed.must(f"mkdir -p {STATE}; mount -t tmpfs -o size={size} full {STATE}; "
             f"cat /dev/zero >{STATE}/ballast 2>/dev/null || true")


def state_nearly_full(bed):
    """Room for the database's first pages, not for what a plan needs."""
    bed.must(f"mkdir -p {STATE}; mount -t tmpfs -o size=200k full {STATE}; "
             f"head -c 120k /dev/zero >{STATE}/ballast")


def state_nowhere(bed):
    bed.must(f"rm -rf {STATE}")


@case
def state_db_is_random_bytes(t):
    t.like_stock(random_bytes)


@case
def state_db_has_a_damaged_page(t):
    t.no_worse(random_page, after=lambda bed, ours: t.expect(said_or_well(bed, ours)))


@case
def state_db_is_truncated(t):
    t.like_stock(truncated)


@case
def state_db_is_empty(t):
    t.no_worse(zero_length, after=lambda bed, ours: t.expect(kept_going(ours)))


@case
def state_db_is_a_directory(t):
    t.like_stock(a_directory)


@case
def state_db_is_a_dangling_link(t):
    t.like_stock(a_dangling_link)


@case
def state_db_has_a_newer_schema(t):
    t.like_stock(newer_schema)


@case
def state_folder_is_a_file(t):
    t.like_stock(state_as_file)


@case
def state_folder_is_missing(t):
    t.no_worse(state_nowhere, after=lambda bed, ours: t.expect(kept_going(ours)))


@case
def run_folder_is_a_file(t):
    t.no_worse(run_as_file, after=lambda bed, ours: t.expect(kept_going(ours)))


@case
def state_folder_is_read_only(t):
    t.like_stock(state_read_only)
    t.like_stock(state_read_only_filled)


@case
def run_folder_is_read_only(t):
    t.no_worse(run_read_only, after=lambda bed, ours: t.expect(kept_going(ours)))


@case
def state_folder_is_on_a_full_file_system(t):
    t.like_stock(state_full)


@case
def state_folder_has_little_room(t):
    t.no_worse(state_nearly_full, after=lambda bed, ours: t.expect(said_or_well(bed, ours)))


@case
def pins_file_cannot_be_written(t):
    """aptkeep does its work, and says once that apt will try the failed version again."""
    for ours, _ in t.runs(lambda bed: bed.must(["mkdir", world.PINS]), amids=[ONE_FAILS]):
        t.expect(kept_going(ours))
        t.expect_equal([line for line in ours.noise() if "unable to write" in line],
                       [f"aptkeep: unable to write {world.PINS}: Is a directory"], "complaints")


@case
def state_is_damaged_amid_a_run(t):
    """Between two dpkg calls, and between the last one and the end of the run."""
    for script in ("base.2.0.preinst", "base.2.0.postinst"):
        for damage in (f"head -c 20000 /dev/urandom >{DB}; rm -f {DB}-wal", f"rm -rf {STATE}",
                       f"mount -t tmpfs -o ro none {STATE}"):
            t.no_worse(sabotage={script: damage})


@case
def plain_dpkg_calls(t):
    """dpkg's own hooks meet the same trouble."""
    archives = "/srv/repository/main/ind1_2.0_*.deb /srv/repository/main/ind2_2.0_*.deb"
    for breakage in (random_bytes, a_directory, state_as_file, run_as_file, state_read_only,
                     run_read_only, state_full):
        with t.worlds.bed() as bed:
            breakage(bed)
            ours = t.upgrade(bed, {"ind2.2.0.preinst": "exit 1"}, f"dpkg -i {archives}")
            t.expect_equal(ours.code, 1, "exit status")
            t.expect_equal([ours.states["ind1"], ours.states["ind2"]],
                           [("ii", "2.0"), ("ii", "1.0")], "states")
            t.expect_noise(ours, 1)
            world.set_amid(bed, {})
            bed.must(f"dpkg -i {archives}")


def kept_going(ours):
    """aptkeep did its work."""
    if "foo" in str(ours.noise()) or ours.code == 0:
        return []
    return [f"aptkeep did nothing:\n{ours}"]


def said_or_well(bed, ours):
    if any("unable to" in line for line in ours.noise()):
        return []
    status = bed.run(["apt-get", "check"])
    return kept_going(ours) + ([] if status.code == 0 or ours.code else ["neither said nor well"])


if __name__ == "__main__":
    cases.main()
