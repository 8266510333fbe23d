#!/usr/bin/python3
"""What aptkeep and its snapshots cost where the packages are real: their files, their compression, their
scripts and triggers. All packages of a small server are installed again, in turns without aptkeep,
with it but without snapshots, and with both.

    sudo bench/reinstall_bench.py                            # ten rounds, with aptkeep's .debs
    sudo bench/reinstall_bench.py --result docs/results/…    # and the page about it
    sudo bench/reinstall_bench.py --staged DIR               # see tests/scenario/README.md

README.md tells what is measured and how.
"""

import shutil
import subprocess

import upgrade_bench  # first: it tells where the others are
from rollback_bench import timed
from upgrade_bench import say, spread

import bed as beds
import cache
import rootfs

SERVER = ("avahi-daemon", "cups", "dovecot-imapd", "git", "mariadb-server", "nginx", "openssh-server",
          "postgresql", "python3", "redis-server", "rsyslog", "systemd-sysv", "vim")
ARCHIVES = "/srv/archives"
SOURCES = "/etc/apt/sources.list.d/archives.list"
STOCK, WITHOUT, WITH = "without aptkeep", "without snapshots", "with snapshots"
# way -> (its environment, apt's options)
WAYS = {STOCK: (["APTKEEP=off"], []),
        WITHOUT: ([], ["-o", "Aptkeep::Rollback=false"]),
        WITH: ([], ["-o", "Aptkeep::Rollback=true"])}


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
        environment, options = WAYS[way]
        command = [*environment, "apt-get", "-qy", "install", "--reinstall", *options,
                   *self.packages]
        with beds.Bed([self.empty], changes=changes) as bed:
            used = timed(bed, command)
            broken = bed.must(["dpkg", "--audit"])
        shutil.rmtree(changes)
        if broken:
            raise beds.BedError(broken)
        return used


def in_turns(measure, rounds):
    """What `measure(way)`, (wall, user + system), is of each way, round by round."""
    found = []
    for number in range(-1, rounds):
        order = list(WAYS)[number % 3:] + list(WAYS)[:number % 3]
        used = {way: measure(way) for way in order}
        if number >= 0:  # the first warms the page cache
            found.append(used)
        say(", ".join(f"{way} {used[way][1]:.2f} s" for way in WAYS))
    return found


def table(found, what):
    lines = [f"{what}, {len(found)} rounds. Median (quartiles); seconds.", "",
             "| | user + system | wall | user + system / without aptkeep | user + system / without "
             "snapshots |", "|---|---|---|---|---|"]
    for way in WAYS:
        cells = [spread([one[way][1] for one in found])[1], spread([one[way][0] for one in found])[1]]
        for other in list(WAYS)[:2]:
            cells.append(spread([one[way][1] / one[other][1] for one in found])[1])
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return lines


def main():
    parser = upgrade_bench.parser_of(__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    args = upgrade_bench.begin(parser)
    with upgrade_bench.scratch_folder(args.disk) as scratch:
        server = Server(args, scratch)
        what = f"{len(server.packages)} packages"
        say(what)
        found = in_turns(server.reinstall, args.rounds)
    lines = upgrade_bench.heading("Reinstall bench", args)
    upgrade_bench.publish(lines + table(found, what), args)


if __name__ == "__main__":
    main()
