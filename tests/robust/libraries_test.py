#!/usr/bin/python3
"""Libraries that aptkeep's programs need are missing: before a run, or since a package of the run.

    libraries_test.py [CASE...] [--suite S] [--debs DIR | --staged DIR] [-v]
"""

import re

import cases
import world
from cases import case
from world import HOOK, ONE_FAILS, TWO_FAIL

LIBRARIES = "/usr/lib/*-linux-gnu"


def library(bed, name):
    return bed.must(f"ls {LIBRARIES}/{name} | head -1").strip()


def without_aptkeeps_own(bed):
    bed.must(f"rm -f {LIBRARIES}/libaptkeep.so.0*")


def without_sqlite(bed):
    bed.must(f"rm {LIBRARIES}/libsqlite3.so.0*")


def without_the_hooks_apt_pkg(bed):
    """apt needs this one too: so the hook is made to ask for another, as after an upgrade of it."""
    content = bed.path(HOOK).read_bytes()
    changed = re.sub(rb"libapt-pkg\.so\.(\d)\.0\0", rb"libapt-pkg.so.\1.X\0", content)
    assert changed != content
    bed.write(HOOK, changed, 0o755)


@case
def aptkeeps_library_is_missing(t):
    """It is the command's and other programs' alone: the hook and the driver have all inside."""
    t.no_worse(without_aptkeeps_own)


@case
def sqlite_is_missing(t):
    t.like_stock(without_sqlite)


@case
def apt_pkg_is_missing_for_the_hook(t):
    t.like_stock(without_the_hooks_apt_pkg)


@case
def library_goes_amid_a_run(t):
    """A package of the run takes the library away, and the hook behind the run does not start: the
    driver ends the run, with its record, pins and summary."""
    for name in ("libsqlite3.so.0", "libapt-pkg.so.*.0"):
        for amid in ({}, ONE_FAILS, TWO_FAIL):
            with t.worlds.bed() as bed:
                path = library(bed, name)
                world.set_amid(bed, {"ind1.2.0.postinst": f"mv {path} /root/away", **amid})
                result = bed.run(world.UPGRADE, timeout=world.HANG)
                bed.must(["mv", "/root/away", path])
                ours = world.outcome(bed, result)
                t.say(ours)
                t.expect(world.worse(ours, t.worlds.stock(amid)))
                t.expect([line for line in ours.noise() if "/apt-hook" in line])
                if amid:
                    t.expect_equal(ours.states["foo"], ("ii", "1.0"), "foo")
                    t.expect_equal(ours.states["dep2"], ("ii", "2.0"), "dep2")
                    t.expect_equal("Package: foo" in bed.read(world.PINS), True, "foo is pinned")
                    t.expect([] if any("package changes done" in line for line in ours.noise())
                             else ["no summary"])
                t.mend(bed, ours)


if __name__ == "__main__":
    cases.main()
