#!/usr/bin/python3
"""What aptkeep and its snapshots cost a real upgrade: a small server goes from one Debian release to
the next, aptkeep's own packages with it. In turns without aptkeep, with it but without snapshots, and
with both.

    sudo bench/crossing_bench.py                           # six rounds, with aptkeep's .debs
    sudo bench/crossing_bench.py --result docs/results/…   # and the page about it
    sudo bench/crossing_bench.py --only git,nginx          # a smaller server, for a try

README.md tells what is measured and how.
"""

import json
import os
import re
import shutil
import subprocess
import sys

import reinstall_bench  # first: it tells where the others are
import upgrade_bench
from reinstall_bench import STOCK, WAYS, WITH, WITHOUT
from rollback_bench import COST_GOAL, timed
from upgrade_bench import say, spread

import bed as beds
import build
import cache
import installed
import repo
import rootfs
import sources

SERVER = (*reinstall_bench.SERVER, "certbot", "cron", "curl", "logrotate", "postfix", "rsync",
          "spamassassin")
OURS = ("aptkeep", "libaptkeep0")
ARCHIVES = "/var/cache/apt/archives"
UPGRADE = ["apt-get", "-qy", "-o", "DPkg::Options::=--force-confold", "full-upgrade"]


def optimised(suite):
    """The folder with aptkeep's packages for a later release, compiled as for users: the tests' are
    not (build.options)."""
    os.environ["APTKEEP_SOAK"] = "1"
    return build.debs(suite)


def copy_missing(names, source, target):
    for name in names:
        if (source / name).exists() and not (target / name).exists():
            shutil.copy(source / name, target)


def states(bed):
    """{package: (dpkg's state, version)}"""
    form = "${Package} ${db:Status-Abbrev} ${Version}\\n"
    lines = bed.must(["dpkg-query", "-W", "-f", form]).splitlines()
    return {name: rest for name, *rest in map(str.split, lines)}


class Server:
    """A root of its own, not a lower layer: overlayfs would copy each file that is linked. Its apt
    knows the next release, and has downloaded what comes from there."""

    def __init__(self, args, scratch):
        self.scratch, self.empty = scratch, scratch / "empty"
        self.empty.mkdir()
        first = scratch / "first"
        first.mkdir()
        subprocess.run(["cp", "-a", rootfs.root(args.suite, args.only), first / "upper"], check=True)
        with beds.Bed([self.empty], changes=first, network=True) as bed:
            upgrade_bench.install_aptkeep(bed, args.suite, None, args.debs)
            self._turn(bed, args)
            self._download(bed, args.into)
            planned = bed.must([*UPGRADE, "--simulate"])
            bed.must(["rm", "/etc/resolv.conf"])
        self.upgraded = re.findall(r"^Inst (\S+) \[", planned, re.M)
        self.planned = dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) ", planned, re.M))
        self.ended = {}  # the states at the end of the first upgrade
        self.root = first / "upper"

    def _turn(self, bed, args):
        """Has apt know the next release alone, and aptkeep's packages for that."""
        bed.write("/etc/apt/sources.list", "\n".join(sources.lines(args.into)) + "\n")
        bed.write("/etc/apt/apt.conf.d/99machine", "\n".join(sources.settings()) + "\n")
        repositories = repo.Repositories(bed, args.into)
        folder = args.debs_into or optimised(args.into)
        repositories.write_raw("aptkeep", *installed.next_version(folder))
        repositories.update()

    def _download(self, bed, suite):
        """What the tests have downloaded already comes from their cache, and the rest goes there."""
        uris = bed.must([*UPGRADE, "--print-uris"])
        names = re.findall(r"^'(?!copy:)\S+' (\S+\.deb) ", uris, re.M)
        known, target = cache.folder("archives", suite), bed.path(ARCHIVES)
        with cache.lock(f"archives-{suite}"):
            copy_missing(names, known, target)
            bed.must([*UPGRADE, "--download-only"])
            copy_missing(names, target, known)

    def upgrade(self, way):
        """(wall, user + system)"""
        changes = self.scratch / "run"
        changes.mkdir()
        subprocess.run(["cp", "-a", self.root, changes / "upper"], check=True)
        with beds.Bed([self.empty], changes=changes) as bed:
            if way == STOCK:
                bed.must(["dpkg", "--purge", *OURS])
            bed.must(["apt-get", "check"])  # apt's caches are equally warm
            used = timed(bed, [*UPGRADE, *WAYS[way][1]])
            self._expect(way, states(bed))
            if way != STOCK:
                self._expect_record(bed, way)
        shutil.rmtree(changes)
        return used

    def _expect(self, way, found):
        """That all that apt had planned has come, and that this way ends as the others do."""
        ours = {name: found.pop(name) for name in OURS if name in found}
        if sorted(ours) != ([] if way == STOCK else sorted(OURS)):
            raise beds.BedError(f"{way}: of aptkeep's packages there are {ours}")
        now = {**found, **ours}
        wrong = {name: now.get(name) for name, version in self.planned.items()
                 if now.get(name) != ["ii", version] and not (way == STOCK and name in OURS)}
        if wrong:
            raise beds.BedError(f"{way}: not upgraded: {wrong}")
        self.ended = self.ended or found
        differing = sorted(name for name in {**self.ended, **found}
                           if self.ended.get(name) != found.get(name))
        if differing:
            raise beds.BedError(f"{way}: others than on the first way: " + ", ".join(
                f"{name} {found.get(name)}, not {self.ended.get(name)}" for name in differing))

    def _expect_record(self, bed, way):
        """That aptkeep has seen it all, whatever of it was replaced meanwhile."""
        runs = json.loads(bed.must(["aptkeep", "runs", "--json", "-n", "1"]))["runs"]
        whole = {"done": len(self.planned), "failed": 0, "kept": 0, "stranded": 0, "not_reached": 0}
        # Removals are counted as done, too.
        counts = [{**run["counts"], "done": min(run["counts"]["done"], whole["done"])}
                  for run in runs if not run["cut_off"]]
        if counts != [whole]:
            raise beds.BedError(f"{way}: {len(self.planned)} packages, but on record is {runs}")


def goal(found):
    ratio, _ = spread([one[WITH][1] / one[WITHOUT][1] for one in found])
    return ["", f"Goal: user + system with snapshots below {COST_GOAL} of that without them. " +
            ("Met." if ratio < COST_GOAL else "Missed.")]


def main():
    parser = upgrade_bench.parser_of(__doc__)
    parser.add_argument("--into", default="trixie", help="the next release")
    parser.add_argument("--debs-into", help="folder with aptkeep's packages for that")
    parser.add_argument("--only", type=lambda text: text.split(","), default=SERVER,
                        help="packages of the server, with commas between them")
    parser.add_argument("--rounds", type=int, default=6)
    args = upgrade_bench.begin(parser)
    if args.staged:
        sys.exit("unable to upgrade a staged tree: it is in no package")
    with upgrade_bench.scratch_folder(args.disk) as scratch:
        server = Server(args, scratch)
        what = (f"{len(server.upgraded)} packages upgraded to {args.into}, "
                f"{len(server.planned) - len(server.upgraded)} new with them")
        say(what)
        found = reinstall_bench.in_turns(server.upgrade, args.rounds)
    lines = upgrade_bench.heading("Crossing bench", args)
    upgrade_bench.publish(lines + reinstall_bench.table(found, what) + goal(found), args)


if __name__ == "__main__":
    main()
