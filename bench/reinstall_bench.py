#!/usr/bin/python3
"""What aptkeep and its snapshots cost where the packages are real: their files, their compression, their
scripts and triggers. All packages of a small server are installed again, in turns without aptkeep,
with it but without snapshots, and with both.

    sudo bench/reinstall_bench.py                            # ten rounds, with aptkeep's .debs
    sudo bench/reinstall_bench.py --result docs/results/…    # and the page about it
    sudo bench/reinstall_bench.py --staged DIR               # see tests/scenario/README.md

README.md tells what is measured and how.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

import rollback_bench
import upgrade_bench
from rollback_bench import timed
from upgrade_bench import say, spread

import bed as beds
import cache
import lifetime
import rootfs

SERVER = ("avahi-daemon", "cups", "dovecot-imapd", "git", "mariadb-server", "nginx", "openssh-server",
          "postgresql", "python3", "redis-server", "rsyslog", "systemd-sysv", "vim")
ARCHIVES = "/srv/archives"
SOURCES = "/etc/apt/sources.list.d/archives.list"
WAYS = {"without aptkeep": {"APTKEEP": "off"},
        "without snapshots": {"OPTION": "Aptkeep::Rollback=false"},
        "with snapshots": {"OPTION": "Aptkeep::Rollback=true"}}


class Server:
    """A root of its own, not a lower layer: overlayfs would copy each file that is linked."""

    def __init__(self, args, scratch):
        self.scratch, self.empty = scratch, scratch / "empty"
        self.empty.mkdir()
        first = scratch / "first"
        first.mkdir()
        subprocess.run(["cp", "-a", rootfs.root(args.suite, SERVER), first / "upper"], check=True)
        with beds.Bed([self.empty], changes=first) as bed:
            upgrade_bench.install_aptkeep(bed, args.suite, args.staged, args.debs)
            self.packages = self._offer(bed, args.suite)
        self.root = first / "upper"

    def _offer(self, bed, suite):
        """Puts the archives of what is installed into a repository there; the packages' names."""
        form = "${Package}:${Architecture} ${Package}_${Version}_${Architecture}.deb\\n"
        lines = bed.must(["dpkg-query", "-W", "-f", form]).splitlines()
        wanted = {line.split()[1].replace(":", "%3a"): line.split()[0] for line in lines}
        folder = self.scratch / "archives"
        folder.mkdir()
        for archive in cache.folder("archives", suite).iterdir():
            if archive.name in wanted:
                shutil.copy(archive, folder)
        index = subprocess.run(["apt-ftparchive", "packages", "."], cwd=folder, check=True,
                               capture_output=True).stdout
        (folder / "Packages").write_bytes(index)
        shutil.copytree(folder, bed.path(ARCHIVES))
        bed.write(SOURCES, f"deb [trusted=yes] file:{ARCHIVES} ./\n")
        bed.must(["apt-get", "-qq", "update"])
        return sorted(wanted[path.name] for path in folder.glob("*.deb"))

    def reinstall(self, way):
        """(wall, user + system)"""
        changes = self.scratch / "run"
        changes.mkdir()
        subprocess.run(["cp", "-a", self.root, changes / "upper"], check=True)
        settings = dict(WAYS[way])
        option = settings.pop("OPTION", None)
        command = [*[f"{k}={v}" for k, v in settings.items()], "apt-get", "-qy", "install",
                   "--reinstall", *(["-o", option] if option else []), *self.packages]
        with beds.Bed([self.empty], changes=changes) as bed:
            used = timed(bed, command)
            broken = bed.must(["dpkg", "--audit"])
        shutil.rmtree(changes)
        if broken:
            raise beds.BedError(broken)
        return used


def table(found, packages):
    lines = [f"{packages} packages, {len(found)} rounds. Median (quartiles); seconds.", "",
             "| | user + system | wall | user + system / without aptkeep | user + system / without "
             "snapshots |", "|---|---|---|---|---|"]
    for way in WAYS:
        cells = [spread([one[way][1] for one in found])[1], spread([one[way][0] for one in found])[1]]
        for other in list(WAYS)[:2]:
            cells.append(spread([one[way][1] / one[other][1] for one in found])[1])
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--disk", action="store_true", help="write to the disk, not to memory")
    parser.add_argument("--debs", help="folder with aptkeep's packages (built if not given)")
    parser.add_argument("--staged", help="folder to copy over the root instead of the packages")
    parser.add_argument("--result", help="file for the page")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("unable to make a test bed: only root may")
    lifetime.end_tidily()
    found = []
    with rollback_bench.scratch_folder(args.disk) as scratch:
        server = Server(args, scratch)
        say(f"{len(server.packages)} packages")
        for number in range(-1, args.rounds):
            order = list(WAYS)[number % 3:] + list(WAYS)[:number % 3]
            used = {way: server.reinstall(way) for way in order}
            if number >= 0:  # the first warms the page cache
                found.append(used)
            say(", ".join(f"{way} {used[way][1]:.2f} s" for way in WAYS))
    text = "\n".join(
        ["# Reinstall bench", "",
         f"{time.strftime('%Y-%m-%d')}, revision {upgrade_bench.revision()}, "
         f"{upgrade_bench.machine()}, {args.suite}, "
         f"{'on the disk' if args.disk else 'in memory'}.", "",
         *table(found, len(server.packages))]) + "\n"
    print(text)
    if args.result:
        pathlib.Path(args.result).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
