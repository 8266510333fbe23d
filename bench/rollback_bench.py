#!/usr/bin/python3
"""What snapshots cost an upgrade in which nothing fails, and how long the way back takes.

    sudo bench/rollback_bench.py                           # both, with aptkeep's .debs, in memory
    sudo bench/rollback_bench.py --only snapshots --disk   # on the disk instead
    sudo bench/rollback_bench.py --result docs/results/…   # and the page about it
    sudo bench/rollback_bench.py --staged DIR              # see tests/scenario/README.md

README.md tells what is measured and how.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import time

import upgrade_bench  # first: it tells where the others are
from upgrade_bench import say, spread

import bed as beds
import cache
import pkg
import repo
import rootfs

# Small, many small files, large.
PACKAGES = ("less", "vim-runtime", "git")
COST_GOAL, WAY_GOAL = 1.03, 2.0
NEXT = "+next"
NO_PINS = ["-o", "Dir::Etc::PreferencesParts=/nowhere"]


def snapshot_pairs(args, scratch):
    """Yields (without, with), each a run of the whole upgrade. The old packages lie in the upper
    layer: overlayfs would copy each file of a lower one that is linked."""
    old, new = upgrade_bench.world(args.suite, args.packages, args.seed, args.files, args.size)
    ours = upgrade_bench.with_aptkeep(args.suite, [rootfs.root(args.suite)], scratch / "aptkeep",
                                      args.staged, args.debs)
    prepared = upgrade_bench.prepare(args.suite, old, new, scratch / "prepared")
    lower = [ours, rootfs.root(args.suite)]
    for number in range(-1, args.pairs):
        order = ("false", "true") if number % 2 else ("true", "false")
        found = {}
        for setting in order:
            changes = scratch / "run"
            changes.mkdir()
            subprocess.run(["cp", "-a", prepared, changes / "upper"], check=True)
            found[setting] = upgrade_bench.measure(lower, changes, args.packages,
                                                   ["-o", f"Aptkeep::Rollback={setting}"])
        if number < 0:
            continue  # to warm the page cache
        say(f"pair {number + 1}: " + ", ".join(
            f"Rollback={setting} {run.wall:.2f} s wall {run.user + run.system:.2f} s cpu"
            for setting, run in sorted(found.items())))
        yield found["false"], found["true"]


def cost_table(found, args):
    lines = [
        "## Snapshots", "",
        f"{args.packages} packages with a desktop's dependencies (seed {args.seed}), {args.files} "
        f"files of {args.size} bytes and three scripts in each, upgraded with "
        f"`Aptkeep::Rollback` false and true, {args.pairs} pairs in turns. Median (quartiles); "
        "seconds.", "",
        "| | without | with | with / without, pair by pair |", "|---|---|---|---|"]
    ratios = {}
    for name, value in (("user + system", lambda r: r.user + r.system), ("wall", lambda r: r.wall),
                        ("user", lambda r: r.user), ("system", lambda r: r.system)):
        ratios[name], ratio = spread([value(b) / value(a) for a, b in found])
        lines.append(f"| {name} | {spread([value(a) for a, _ in found])[1]} | "
                     f"{spread([value(b) for _, b in found])[1]} | {ratio} |")
    met = "Met." if ratios["user + system"] < COST_GOAL else "Missed."
    return lines + ["", f"Goal: user + system below {COST_GOAL}. {met}", ""]


def archives(suite, name, folder):
    """(the release's own archive of a package, the same as the next version)."""
    pattern = re.compile(rf"{re.escape(name)}_.*_(all|{pkg.NATIVE})\.deb")
    [old] = [p for p in cache.folder("archives", suite).iterdir() if pattern.fullmatch(p.name)]
    tree, new = folder / name, folder / f"{name}{NEXT}.deb"
    subprocess.run(["dpkg-deb", "-R", old, tree], check=True)
    control = tree / "DEBIAN/control"
    text = re.sub(r"^(Version: .*)$", rf"\1{NEXT}", control.read_text(encoding="utf-8"), flags=re.M)
    control.write_text(text, encoding="utf-8")
    subprocess.run(["dpkg-deb", "-Zxz", "-b", tree, new], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return old, new, text


def timed(bed, command):
    """(wall, user + system) of a command in the bed."""
    settings = [f"{k}={v}" for k, v in beds.ENVIRONMENT.items()]
    with tempfile.TemporaryFile() as output:
        began = time.monotonic()
        child = subprocess.Popen(bed.command([*settings, *command]), stdin=subprocess.DEVNULL,
                                 stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            output.seek(0)
            raise beds.BedError(f"{command}: {output.read().decode(errors='replace')}")
    return wall, used.ru_utime + used.ru_stime


class WayBack:
    """One package between its version and the next, by aptkeep and by other ways."""

    def __init__(self, bed, suite, name, folder):
        self.bed, self.name = bed, name
        old, new, text = archives(suite, name, folder)
        self.old, self.new = f"/root/{old.name}", f"/root/{new.name}"
        bed.write(self.old, old.read_bytes())
        bed.write(self.new, new.read_bytes())
        repository = repo.Repositories(bed, suite)
        repository.write_raw("main", f"{text.rstrip()}\nFilename: ./{new.name}\n"
                             f"Size: {new.stat().st_size}\n"
                             f"SHA256: {subprocess.check_output(['sha256sum', new]).decode()[:64]}\n",
                             {new.name: new.read_bytes()})
        repository.update()
        self.install(self.old)  # to bring its files to the layer that is written to
        self.version = self.now()

    def install(self, archive):
        self.bed.must(["dpkg", "-i", archive], env={"APTKEEP": "off"})

    def now(self):
        return self.bed.must(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", self.name])

    def back_by(self, command):
        found = timed(self.bed, command)
        if self.now() != self.version:
            raise beds.BedError(f"{command} has left {self.name} {self.now()}")
        return found

    def measure(self):
        """way -> (wall, user + system)"""
        repack = timed(self.bed, ["sh", "-c", f"cd /tmp && dpkg-repack {self.name}"])
        self.bed.must("rm /tmp/*.deb")
        self.bed.must(["apt-get", "-qy", *NO_PINS, "-o", "Aptkeep::Snapshots::Keep-Runs=2",
                       "install", self.name])
        ours = self.back_by(["aptkeep", "rollback", "-y", self.name])
        self.install(self.new)
        return {"aptkeep rollback": ours, "dpkg -i": self.back_by(["dpkg", "-i", self.old]),
                "dpkg-repack, before the upgrade": repack}


def way_table(args, scratch):
    lines = [
        "## The way back", "",
        f"A package that apt has upgraded goes back, {args.times} times in turns. Median "
        "(quartiles); seconds.", "",
        "| package | way | wall | user + system | wall / `dpkg -i` |", "|---|---|---|---|---|"]
    worst = 0
    for name in PACKAGES:
        needs = (*PACKAGES, "dpkg-repack")
        with bed_with_aptkeep(args, needs, scratch) as bed:
            way = WayBack(bed, args.suite, name, scratch)
            found = [way.measure() for _ in range(-1, args.times)][1:]
        say(f"{name} done")
        for which in found[0]:
            ratio, ratios = spread([f[which][0] / f["dpkg -i"][0] for f in found])
            worst = max(worst, ratio if which == "aptkeep rollback" else 0)
            lines.append(f"| {name} | {which} | {spread([f[which][0] for f in found])[1]} | "
                         f"{spread([f[which][1] for f in found])[1]} | {ratios} |")
    met = "Met." if worst < WAY_GOAL else "Missed."
    return lines + ["", f"Goal: a rollback below {WAY_GOAL} of `dpkg -i`. {met}", ""]


@contextlib.contextmanager
def bed_with_aptkeep(args, needs, scratch):
    changes = scratch / "way"
    with beds.Bed([rootfs.root(args.suite, needs)], changes=changes) as bed:
        upgrade_bench.install_aptkeep(bed, args.suite, args.staged, args.debs)
        yield bed
    shutil.rmtree(changes)


def main():
    parser = upgrade_bench.parser_of(__doc__)
    parser.add_argument("--only", choices=("snapshots", "way-back"))
    parser.add_argument("--pairs", type=int, default=10, help="of upgrades")
    parser.add_argument("--times", type=int, default=10, help="that each package goes back")
    upgrade_bench.add_made_packages(parser)
    args = upgrade_bench.begin(parser)
    lines = upgrade_bench.heading("Rollback bench", args)
    with upgrade_bench.scratch_folder(args.disk) as scratch:
        if args.only != "way-back":
            lines += cost_table(list(snapshot_pairs(args, scratch)), args)
        if args.only != "snapshots":
            lines += way_table(args, scratch)
    upgrade_bench.publish(lines, args)


if __name__ == "__main__":
    main()
