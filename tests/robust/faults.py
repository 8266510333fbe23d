"""Faults in the driver's own system calls, by strace: one run is traced with the stack of each
call, then points in it are chosen, one for each call and site, and runs are made in which just
that call fails or in which the driver is killed at it.
"""

import dataclasses
import os
import random
import re
import sqlite3
import tempfile
import time

import world
from world import DRIVER, STATE

NEEDS = ("strace",)
REAL = "/usr/lib/aptkeep/real/driver"
FOLDER = "/run/faults"

# Stands in the driver's place. Each of apt's dpkg calls starts it once: the first is number 0. With
# -D the tracer is nobody's parent, so that the driver stays what the launcher has started.
WRAPPER = f"""#!/bin/sh
number=$(cat {FOLDER}/count)
echo $((number + 1)) >{FOLDER}/count
if [ -e {FOLDER}/options.$number ]; then
  exec strace -D -qqq $(cat {FOLDER}/options.$number) {REAL} "$@"
fi
exec {REAL} "$@"
"""

WRITES = ("ENOSPC", "EIO")
ERRORS = {
    "openat": ("EMFILE", "EIO"),  # and for those that write see below
    "read": ("EIO",),
    "pread64": ("EIO",),
    "write": WRITES,
    "pwrite64": WRITES,
    "fsync": WRITES,
    "fdatasync": WRITES,
    "ftruncate": WRITES,
    "memfd_create": ("EMFILE", "ENOMEM"),
    "mmap": ("ENOMEM",),
    "pipe2": ("EMFILE",),
    "socketpair": ("EMFILE",),
    "clone": ("EAGAIN",),
    "fork": ("EAGAIN",),
    "vfork": ("EAGAIN",),
    "fcntl": ("EIO", "ENOLCK"),
    "fallocate": WRITES,
    "newfstatat": ("EIO",),
    "fstat": ("EIO",),
    "getdents64": ("EIO",),
    "lseek": ("EIO",),
    "unlink": ("EROFS", "EIO"),
    "rename": ("EROFS", "EIO"),
    "mkdir": ("EROFS",),
    "access": ("EIO",),
    "readlink": ("EIO",),
    "pidfd_open": ("EMFILE",),
}
OPENED_TO_WRITE = ("EROFS", "ENOSPC")


@dataclasses.dataclass(frozen=True)
class Point:
    """The `nth` system call of this name in the driver's `start`-th start of a run."""
    start: int
    call: str
    nth: int
    text: str   # the call's line in the trace, for people
    site: tuple  # the functions that led to it

    def __str__(self):
        return f"start {self.start}, {self.call} {self.nth}: {self.text}"


def prepare(bed):
    bed.must(f"mkdir -p /usr/lib/aptkeep/real {FOLDER} && mv {DRIVER} {REAL} && echo 0 >{FOLDER}/count")
    bed.write(DRIVER, WRAPPER, 0o755)


def order(bed, start, options):
    bed.write(f"{FOLDER}/options.{start}", options)


def stop_faults(bed):
    bed.must(f"rm -f {FOLDER}/options.*")


def points_of_trace(start, text):
    """One point for each call and site of a trace by `strace -k`: its first occurrence."""
    found, counts, pending = {}, {}, None
    stack = []

    def close():
        if pending:
            key = (pending[0], *stack)
            found.setdefault(key, Point(start, *pending, tuple(stack)))

    for line in text.splitlines():
        if line.startswith(" > "):
            frame = re.match(r" > [^(]*\(([^)]*)\)", line)
            stack.append(frame.group(1) if frame else line)
            continue
        call = re.match(r"([a-z0-9_]+)\(", line)
        if not call:
            continue
        close()
        name = call.group(1)
        if name == "restart_syscall":  # the kernel's own, where something happened to stop the call
            continue
        counts[name] = counts.get(name, 0) + 1
        pending, stack = (name, counts[name], line[:160]), []
    close()
    return list(found.values())


def trace(worlds, amid):
    """All points of a run: every call at every site of each of the driver's starts, once."""
    points = {}
    with worlds.bed() as bed:
        prepare(bed)
        for start in range(20):
            order(bed, start, f"-k -o {FOLDER}/trace.{start}")
        ended = world.upgrade(bed, amid)
        starts = int(bed.read(f"{FOLDER}/count"))
        for start in range(starts):
            for point in points_of_trace(start, bed.read(f"{FOLDER}/trace.{start}")):
                points.setdefault((point.call, point.site), point)
    return list(points.values()), ended


def errors_of(point):
    errors = ERRORS.get(point.call, ())
    if point.call == "openat" and re.search(r"O_WRONLY|O_RDWR|O_CREAT", point.text):
        errors += OPENED_TO_WRITE
    return errors


def faults(points):
    """Each point with each error that it may meet, as (point, error, from then on)."""
    single = [(p, e, False) for p in points for e in errors_of(p)]
    # A full or failing disk, or a table of open files that is full, stays so for a while.
    lasting = [(p, e, True) for p in points for e in errors_of(p)
               if e in ("ENOSPC", "EROFS", "EMFILE", "ENOMEM")]
    return single + lasting


def options_of(point, error, lasting):
    return (f"-o {FOLDER}/injected -e trace={point.call} "
            f"-e inject={point.call}:error={error}:when={point.nth}{'+' if lasting else ''}")


def kill_options(point):
    return (f"-o {FOLDER}/injected -e trace={point.call} "
            f"-e inject={point.call}:signal=KILL:when={point.nth}")


def sample(name, choices, count, kind=lambda choice: None):
    """`count` of them by the seed, of as many kinds as there are; all of them in a soak."""
    if os.environ.get("APTKEEP_SOAK"):
        print(f"{name}: all {len(choices)}", flush=True)
        return choices
    seed = os.environ.get("APTKEEP_SEED") or str(random.SystemRandom().randrange(10**6))
    os.environ["APTKEEP_SEED"] = seed
    print(f"{name}: {min(count, len(choices))} of {len(choices)}, APTKEEP_SEED={seed}", flush=True)
    rest = random.Random(f"{seed} {name}").sample(choices, len(choices))
    chosen = []
    while rest and len(chosen) < count:
        seen = set()
        for choice in list(rest):
            if kind(choice) not in seen and len(chosen) < count:
                seen.add(kind(choice))
                chosen.append(choice)
                rest.remove(choice)
    return chosen


def state_is_whole(bed):
    """SQLite's own check of a copy of state.db; True where there is none."""
    if not bed.path(f"{STATE}/state.db").exists():
        return True
    with tempfile.TemporaryDirectory() as folder:
        for name in ("state.db", "state.db-wal"):
            path = bed.path(f"{STATE}/{name}")
            if path.exists():
                with open(f"{folder}/{name}", "wb") as copy:
                    copy.write(path.read_bytes())
        database = sqlite3.connect(f"{folder}/state.db")
        try:
            return database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        except sqlite3.DatabaseError:
            return False
        finally:
            database.close()


def leftovers(bed):
    """Processes of a run that outlive it by more than the moment that its end takes."""
    ours = r"^(dpkg|driver|strace|aptkeep-relay|apt-hook|apt-get)$"
    found = []
    for _ in range(50):
        shown = bed.run(["ps", "-eo", "comm=,args="]).output.splitlines()
        found = [line for line in shown
                 if re.match(ours, line.split()[0]) and "<defunct>" not in line]
        if not found:
            break
        time.sleep(0.1)
    return found
