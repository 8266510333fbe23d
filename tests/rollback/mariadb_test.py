#!/usr/bin/python3
"""Debian's own mariadb-server, upgraded from 12 to 13, with a postinst that fails at its very end:

    mariadb_test.py [--debs DIR | --staged DIR] [--stock] [-v]

The real packages, with all that they need from Debian 13 (libc6 among it). The server of 12 has made
data. It must not go back: its old preinst would move the data away. So it is left unconfigured, and
its data stay as they were when its script failed, byte for byte; the new server starts on them. Then
a version comes that does not fail.

The same once more, where the administrator has lifted the rule: only to see that without it the data
directory is moved away, which is what the rule is for.
"""

import argparse
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "package"), str(HERE.parent / "scenario")]

import bed as beds  # noqa: E402
import build  # noqa: E402
import cache  # noqa: E402
import installed  # noqa: E402
import lifetime  # noqa: E402
import repo  # noqa: E402
import rootfs  # noqa: E402
import run as scenarios  # noqa: E402
import sources  # noqa: E402

OLD, NEW = "bookworm", "trixie"
SERVER = "mariadb-server"
NEEDS = (SERVER,)
DATA = "/var/lib/mysql"
SOCKET = "/run/mysqld/mysqld.sock"
AT_FAILURE = "/root/data-at-failure"
ROWS = 1000
# Everything that stat(2) tells of the data, and a hash of each file.
FACTS = (f"cd {DATA} && find . -printf '%p %y %m %U %G %s %T@ %l\\n' | sort && "
         "find . -type f -print0 | sort -z | xargs -0 sha256sum")
FAIL = f"""
({FACTS}) > {AT_FAILURE}
echo "failing at the end, for the test" >&2
exit 1
"""
LIFTED = f"""Package: {SERVER}*
Rollback: allowed
Reason: to see what happens
Source: https://example.org/no
"""


def fetch(target):
    """The packages that apt takes from the newer release for its mariadb-server."""
    with beds.fresh(OLD, NEEDS, network=True) as bed:
        bed.write("/etc/apt/sources.list.d/newer.list", "\n".join(sources.lines(NEW)) + "\n")
        settings = [*sources.settings(), 'Acquire::Languages "none";']
        bed.write("/etc/apt/apt.conf.d/99machine", "\n".join(settings) + "\n")
        bed.must(["apt-get", "-q", "update"])
        bed.must(["apt-get", "-qqy", "--no-install-recommends", "--download-only", "install", SERVER])
        for deb in bed.path("/var/cache/apt/archives").glob("*.deb"):
            (target / deb.name).write_bytes(deb.read_bytes())


def newer():
    """The folder with them. A later root, made of later packages, gets its own."""
    key = cache.digest(str(rootfs.root(OLD, NEEDS)))
    return cache.build_once(cache.folder("newer") / f"{SERVER}-{key}", fetch)


def control_of(deb):
    return subprocess.run(["dpkg-deb", "-f", deb], check=True, capture_output=True,
                          text=True).stdout


def repacked(deb, suffix, addition):
    """(control file, content) of the same package with a higher version and a longer postinst."""
    with tempfile.TemporaryDirectory() as folder:
        tree, target = pathlib.Path(folder, "tree"), pathlib.Path(folder, "new.deb")
        subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
        control, postinst = tree / "DEBIAN/control", tree / "DEBIAN/postinst"
        text = re.sub(r"^(Version: .*)$", rf"\g<1>{suffix}", control.read_text(), flags=re.M)
        control.write_text(text)
        postinst.write_text(postinst.read_text() + addition)
        subprocess.run(["dpkg-deb", "-Znone", "-b", tree, target], check=True,
                       stdout=subprocess.DEVNULL)
        return text, target.read_bytes()


def offer(bed, suffix, addition):
    """A repository with all of them; mariadb-server's postinst does what is added. Its version."""
    stanzas, debs = [], {}
    for deb in sorted(newer().glob("*.deb")):
        if deb.name.startswith(f"{SERVER}_"):
            text, content = repacked(deb, suffix, addition)
            version = re.search(r"^Version: (.*)$", text, re.M).group(1)
        else:
            text, content = control_of(deb), deb.read_bytes()
        # apt takes an escaped character in Filename for what it stands for.
        name = deb.name.replace("%3a", "_")
        debs[name] = content
        stanzas.append(f"{text.rstrip()}\nFilename: ./{name}\nSize: {len(content)}\n"
                       f"SHA256: {hashlib.sha256(content).hexdigest()}\n")
    repositories = repo.Repositories(bed, NEW)
    repositories.write_raw("main", "\n".join(stanzas), debs)
    repositories.update()
    return version


def with_server(bed, commands):
    """What `commands`, a piece of sh, print while the installed server runs by hand."""
    bed.write("/root/with-server", f"""set -e
install -d -o mysql -g mysql {os.path.dirname(SOCKET)}
mariadbd --user=mysql --skip-networking --socket={SOCKET} >/root/server.log 2>&1 </dev/null &
server=$!
until mariadb-admin --socket={SOCKET} ping >/dev/null 2>&1; do
  kill -0 $server 2>/dev/null || {{ cat /root/server.log; exit 1; }}
  sleep 0.2
done
status=0
( {commands} ) || status=$?
mariadb-admin --socket={SOCKET} shutdown
wait $server || {{ cat /root/server.log; exit 1; }}
exit $status
""")
    return bed.must(["sh", "/root/with-server"])


def make_data(bed):
    numbers = f"SELECT seq, MD5(seq) FROM shop.seq_1_to_{ROWS}"
    with_server(bed, f"""mariadb -e 'CREATE DATABASE shop;
        CREATE TABLE shop.orders (id INT PRIMARY KEY, what TEXT) ENGINE=InnoDB;
        CREATE TABLE shop.notes (id INT PRIMARY KEY, what TEXT) ENGINE=Aria;
        INSERT INTO shop.orders {numbers}; INSERT INTO shop.notes {numbers};'""")


def read_data(bed):
    query = "; ".join(f"SELECT COUNT(*), MD5(GROUP_CONCAT(what ORDER BY id)) FROM shop.{table}"
                      for table in ("orders", "notes"))
    return with_server(bed, f"mariadb -N -e 'SET group_concat_max_len=1000000; {query}'")


class Case:
    def __init__(self, args):
        self.args = args
        self.wrong = []

    def expect(self, holds, what):
        if not holds:
            self.wrong.append(what)

    def bed(self):
        if self.args.stock or self.args.staged:
            return beds.fresh(OLD, NEEDS)
        debs = self.args.debs or build.debs(OLD)
        return beds.fresh(OLD, NEEDS, [installed.layer(OLD, NEEDS, debs)])

    def upgrade(self, bed):
        began = time.monotonic()
        result = bed.run(["apt-get", "-q", "-y", "dist-upgrade"])
        if self.args.verbose:
            print(result, f"\n({time.monotonic() - began:.1f} s)", flush=True)
        return result

    def fail(self, bed):
        """The upgrade that fails: (its result, the version tried, the rows that were there)."""
        if self.args.staged and not self.args.stock:
            installed.copy_staged(bed, self.args.staged)
        make_data(bed)
        rows = read_data(bed)
        self.expect(rows.startswith(f"{ROWS}\t"), f"the old server's data: {rows}")
        version = offer(bed, "+failing1", FAIL)
        return self.upgrade(bed), version, rows

    def moved(self, bed):
        """Data directories that were moved away."""
        return sorted(p.name for p in bed.path("/var/lib").glob("mysql-*"))

    def left_unconfigured(self):
        with self.bed() as bed:
            result, version, rows = self.fail(bed)
            self.expect(result.code == 100, f"the upgrade ended {result.code}")
            states = scenarios.package_states(bed)
            state = states.get(SERVER, ("", ""))
            self.expect(state[0][1:] == "F" and state[1] == version, f"{SERVER} is {state}")
            others = {n: s for n, s in states.items() if s[0] not in ("ii", "rc") and n != SERVER}
            self.expect(not others, f"not configured: {others}")
            self.expect(bed.read(AT_FAILURE) == bed.must(FACTS), "the data have changed")
            self.expect(not self.moved(bed), f"moved away: {self.moved(bed)}")
            if not self.args.stock:
                self.expect_summary(result.output)
            self.expect(read_data(bed) == rows, "the new server finds other data")
            self.fixed(bed, rows)

    def expect_summary(self, output):
        said = re.search(rf"^  {SERVER} .* left unfinished .*\n +not put back, because .*"
                         "moves the data directory away", output, re.M)
        self.expect(said, f"the summary does not say why:\n{output[-1500:]}")

    def fixed(self, bed, rows):
        version = offer(bed, "+fixed1", "")
        result = self.upgrade(bed)
        self.expect(result.code == 0, f"the fixed version: {result}")
        state = scenarios.package_states(bed).get(SERVER)
        self.expect(state == ("ii", version), f"fixed, {SERVER} is {state}")
        self.expect(read_data(bed) == rows, "after the fixed version the data are others")

    def put_back(self):
        """Without the rule."""
        with self.bed() as bed:
            bed.write("/etc/aptkeep/rules.d/99-lifted.rules", LIFTED)
            self.fail(bed)
            self.expect(self.moved(bed), "no data directory was moved away: is the rule needed?")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--debs", help="folder with aptkeep's packages (built if not given)")
    parser.add_argument("--staged", help="folder to copy over the root instead of the packages")
    parser.add_argument("--stock", action="store_true", help="without aptkeep")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("unable to make a test bed: only root may")
    lifetime.end_tidily()
    case = Case(args)
    for play in [case.left_unconfigured] + ([] if args.stock else [case.put_back]):
        began, before = time.monotonic(), len(case.wrong)
        play()
        print(f"{'ok' if len(case.wrong) == before else 'FAILED'}  {play.__name__} "
              f"({time.monotonic() - began:.1f} s)", flush=True)
    print("\n".join(case.wrong))
    sys.exit(1 if case.wrong else 0)


if __name__ == "__main__":
    main()
