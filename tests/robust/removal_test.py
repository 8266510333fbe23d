#!/usr/bin/python3
"""aptkeep itself is removed, purged or upgraded, alone and in a run in which others fail: the rest
of the run is no worse than it would be on a system that never had it.

    removal_test.py [CASE...] [--suite S] [--debs DIR] [-v]
"""

import os

import cases
import world
from cases import case
from world import EXTRA, NAMES, ONE_FAILS, TWO_FAIL

import installed

OTHERS = " ".join(NAMES)
DPKG_LOG = "/var/log/dpkg.log"
TRACES = ("/usr/lib/aptkeep", "/usr/bin/aptkeep", world.PINS)


def run(more="", options=""):
    return f"apt-get -q -y {options} install {OTHERS} {EXTRA}- {more}"


def debs(t):
    return t.worlds.debs or installed.build.debs(t.worlds.suite)


def expect_gone(t, bed, *more):
    left = [path for path in (*TRACES, *more) if bed.path(path).exists()]
    t.expect([f"left behind: {path}" for path in left])


def in_order(bed):
    """What dpkg has removed and upgraded, as it began with it."""
    words = [line.split() for line in bed.read(DPKG_LOG).splitlines()]
    return [(w[2], w[3].partition(":")[0]) for w in words if w[2] in ("remove", "upgrade")]


def expect_amid(t, bed, whole):
    """aptkeep went first: others were removed and upgraded after that, all of them where nothing
    failed."""
    began = in_order(bed)
    ours = ("remove", "aptkeep")
    t.expect([] if ours in began else [f"aptkeep is not removed by the run: {began}"])
    before, after = began[:began.index(ours)], began[began.index(ours) + 1:]
    t.expect_equal(before, [], "before aptkeep is removed")
    wanted = {("remove", EXTRA), *((("upgrade", name) for name in NAMES) if whole else ())}
    t.expect([f"not after aptkeep is removed: {what}" for what in wanted - set(after)])


def amid_a_run(t, more, options="", traces=()):
    for amid in ({}, ONE_FAILS, TWO_FAIL):
        with t.worlds.bed() as bed:
            bed.write(DPKG_LOG, "")
            ours = t.upgrade(bed, amid, run(more, options))
            expect_amid(t, bed, not amid)
            stock = t.worlds.stock(amid, run("", options))
            t.expect(world.worse(ours, stock))
            t.expect_equal(ours.states.get(EXTRA), stock.states.get(EXTRA), EXTRA)
            # "aptkeep: foo is kept ..." is work, not noise: only what went wrong counts here.
            t.expect([line for line in ours.noise()
                      if "unable" in line or "not found" in line or "rror" in line])
            t.mend(bed, ours)
            # Where the run ended before the removal, that is made up for.
            bed.must(f"dpkg {options or '--remove'} aptkeep libaptkeep0")
            expect_gone(t, bed, *traces)
            t.expect([] if bed.run(["apt-get", "check"]).code == 0 else ["apt-get check fails"])


@case
def removed_amid_a_run(t):
    amid_a_run(t, "aptkeep-")


@case
def purged_with_its_library_amid_a_run(t):
    amid_a_run(t, "aptkeep- libaptkeep0-", "--purge",
               ("/var/lib/aptkeep", "/run/aptkeep", "/etc/apt/apt.conf.d/20aptkeep"))


def rival(name, fields):
    return world.pkg.Package(name, "1.0", fields=fields)


@case
def pushed_out_by_a_package_amid_a_run(t):
    """A new package conflicts with aptkeep, so that dpkg's calls of one run go on without it."""
    for fields in ({"Conflicts": "aptkeep"}, {"Breaks": "aptkeep", "Replaces": "aptkeep"}):
        for amid in ({}, ONE_FAILS):
            with t.worlds.bed() as bed:
                bed.write("/root/rival.deb", rival("rival", fields).deb())
                ours = t.upgrade(bed, amid, run("/root/rival.deb"))
                t.expect(world.worse(ours, t.worlds.stock(amid, run())))
                t.mend(bed, ours)
                bed.must("dpkg --configure -a && apt-get -q -y install /root/rival.deb")
                expect_gone(t, bed)


@case
def removed_alone(t):
    """Also with something kept: then nothing is kept any more."""
    for verb, amid in (("remove", {}), ("remove", ONE_FAILS), ("purge", ONE_FAILS)):
        with t.worlds.bed() as bed:
            t.upgrade(bed, amid)
            result = bed.run(f"apt-get -q -y {verb} aptkeep")
            t.say(result)
            t.expect_equal(result.code, 0, verb)
            t.expect([line for line in result.output.splitlines() if "unable" in line])
            expect_gone(t, bed, *(["/var/lib/aptkeep"] if verb == "purge" else []))
            world.set_amid(bed, {})
            ours = t.upgrade(bed, {})
            t.expect([] if ours.code == 0 and ours.all_upgraded() else ["not all is upgraded"])
            t.expect(ours.noise())


def offer_next(t, bed, postinst=""):
    text, files = installed.next_version(debs(t), postinst)
    repository = world.repo.Repositories(bed, t.worlds.suite)
    repository.write_raw("third-party", text, files)
    repository.update()
    return os.path.basename(sorted(files)[0]).split("_")[1] + installed.NEXT


@case
def upgraded_amid_a_run(t):
    """The new driver goes by the plan that the old hook has made."""
    for amid in ({}, ONE_FAILS, TWO_FAIL):
        with t.worlds.bed() as bed:
            version = offer_next(t, bed)
            ours = t.upgrade(bed, amid)
            t.expect(world.worse(ours, t.worlds.stock(amid)))
            t.expect_equal(ours.states["aptkeep"], ("ii", version), "aptkeep")
            kept = {n for n in NAMES if ours.states[n] != ("ii", "2.0")}
            t.expect_equal(kept, {n for n in ("foo", "depv") if "foo.2.0.preinst" in amid} |
                           {n for n in ("ind3",) if "ind3.2.0.postinst" in amid}, "kept")
            t.expect([line for line in ours.noise() if "unable" in line])
            t.mend(bed, ours)


@case
def reinstalled_amid_a_run(t):
    for amid in ({}, ONE_FAILS):
        with t.worlds.bed() as bed:
            names = [os.path.basename(p) for pattern in installed.RUNTIME
                     for p in installed.glob.glob(f"{debs(t)}/{pattern}")]
            for name in names:
                bed.write(f"/root/{name}", open(f"{debs(t)}/{name}", "rb").read())
            ours = t.upgrade(bed, amid, run(" ".join(f"/root/{n}" for n in names), "--reinstall"))
            t.expect(world.worse(ours, t.worlds.stock(amid, run())))
            t.expect_equal(ours.states["aptkeep"][0], "ii", "aptkeep")
            t.expect_equal(ours.states["foo"], ("ii", "1.0" if amid else "2.0"), "foo")
            t.expect_equal(ours.states["ind1"], ("ii", "2.0"), "ind1")
            t.expect([line for line in ours.noise() if "unable" in line])


@case
def own_postinst_fails(t):
    for amid in ({}, ONE_FAILS):
        with t.worlds.bed() as bed:
            offer_next(t, bed, "exit 1")
            ours = t.upgrade(bed, amid)
            # Stock apt on a system without this package has one failure less.
            wrong = world.worse(ours, t.worlds.stock(amid))
            t.expect([line for line in wrong if not line.startswith(("exit status", "dpkg --audit"))])
            t.expect_equal(ours.states["aptkeep"][0], "ii", "aptkeep, put back")
            t.expect_equal(ours.code, 100, "exit status")
            t.expect_equal(ours.states["ind1"], ("ii", "2.0"), "ind1")
            _, files = installed.next_version(debs(t))
            mended = [name for name in files if name.startswith(("aptkeep_", "libaptkeep0_"))]
            for name in mended:
                bed.write(f"/root/{name}", files[name])
            bed.must(["dpkg", "-i", *(f"/root/{name}" for name in mended)])
            t.mend(bed, ours)


if __name__ == "__main__":
    cases.main()
