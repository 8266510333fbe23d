#!/usr/bin/python3
"""Conffiles through an upgrade that fails, the rollback, and the fixed version that arrives later:

    conffile_matrix_test.py [--suite S] [--debs DIR | --staged DIR] [--answer no|old|new]
                            [--only TEXT] [-v]

Each kind of change (conffile_matrix.py) meets each phase in which an upgrade can fail, as packages of
their own in one run. 1.0 is installed, the admin edits; 2.0 fails and goes back: all must be as it
was, what dpkg knows too. Then stock apt upgrades to 2.1, with nobody to answer: for each conffile
that must end, question or not, as where stock apt goes from 1.0 to 2.1 directly.

With APTKEEP_SOAK=1 that is every kind in every phase; else the commonest, and for each other kind
one phase by APTKEEP_SEED.
"""

import argparse
import os
import pathlib
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "package"), str(HERE.parent / "scenario")]

import bed as beds  # noqa: E402
import build  # noqa: E402
import conffile_matrix  # noqa: E402
import installed  # noqa: E402
import lifetime  # noqa: E402
import memory  # noqa: E402
import pkg  # noqa: E402
import repo  # noqa: E402
import run as scenarios  # noqa: E402

STOCK = {"APTKEEP": "off"}
# dpkg halts after 50 failures; here each question is one.
UPGRADE = ["apt-get", "-q", "-y", "-o", "DPkg::Options::=--abort-after=10000", "dist-upgrade"]
# How questions about conffiles are answered while 2.0 is unpacked and configured.
ANSWERS = {"no": [], "old": ["-o", "DPkg::Options::=--force-confold"],
           "new": ["-o", "DPkg::Options::=--force-confnew"]}
# postinst: the package itself fails there. preinst: there, and cannot be undone. unpacked: it has to
# go back because another fails before it is configured. configured: after that.
PHASES = ("postinst", "preinst", "unpacked", "configured")
VERSIONS = ("0.9", "1.0", "2.0", "2.1")
SOAK = os.environ.get("APTKEEP_SOAK") == "1"
COMMON = ("unedited", "edited", "edited-back-to-old", "deleted", "new", "removed", "taken")


class Cell:
    """One kind in one phase: a package with its conffiles, and what it takes to make it go back."""

    def __init__(self, kind, phase):
        self.kind = kind
        self.phase = phase
        self.name = f"{kind.name}-{phase}"
        self.folder = f"/etc/{self.name}"

    def names(self):
        """The package itself, who takes its conffile over, and who fails in its place."""
        taker = [f"{self.name}-taker"] if self.kind.taken else []
        return [self.name, *taker, *([f"{self.name}-fails"] if self._other_fails() else [])]

    def _other_fails(self):
        return self.phase in ("unpacked", "configured")

    def _conffiles(self, texts):
        return {f"{self.folder}/{base}": text for base, text in texts.items()}

    def packages(self, version):
        kind = self.kind
        texts = {"0.9": kind.before or kind.old, "1.0": kind.old, "2.0": kind.failing,
                 "2.1": kind.fixed}[version]
        package = pkg.Package(self.name, version, conffiles=self._conffiles(texts))
        newer = version in ("2.0", "2.1")
        if kind.removed and newer:
            package.control_files["conffiles"] = "".join(
                f"remove-on-upgrade {self.folder}/{base}\n" for base in kind.removed)
        if version == "2.0" and self.phase == "postinst":
            package.scripts["postinst"] = {"configure": "fail"}
        if version == "2.0" and self.phase == "preinst":
            package.scripts.update({"preinst": {"upgrade": "fail"},
                                    "postrm": {"abort-upgrade": "fail"}})
        made = [package]
        if kind.taken:
            made.append(self._taker(package, version, newer))
        if self._other_fails():
            made.append(self._failing(package, version))
        return made

    def _taker(self, package, version, newer):
        taker = pkg.Package(f"{self.name}-taker", version)
        if newer:
            taker.conffiles = self._conffiles(self.kind.taken)
            taker.fields = {"Breaks": f"{self.name} (<< 2.0)", "Replaces": f"{self.name} (<< 2.0)"}
            package.fields["Depends"] = f"{self.name}-taker (>= 2.0)"
        return taker

    def _failing(self, package, version):
        name = f"{self.name}-fails"
        failing = pkg.Package(name, version)
        if version == "2.0":
            failing.scripts["postinst"] = {"configure": "fail"}
        if self.phase == "unpacked":
            package.fields["Depends"] = ", ".join(
                filter(None, [package.fields.get("Depends"), f"{name} (= {version})"]))
        else:
            failing.fields["Depends"] = self.name
            package.fields["Breaks"] = f"{name} (<< {version})"
        return failing

    def look(self, bed, states):
        """How all of it is now, for the comparison of two systems."""
        folder = bed.path(self.folder)
        found = {}
        for path in sorted(folder.rglob("*")) if folder.exists() else []:
            facts = memory.look(path)
            found[path.name] = {**facts, "text": path.read_text() if path.is_file() else None}
        for name in self.names():
            found[f"package {name}"] = states.get(name)
            found[f"conffiles of {name}"] = sorted(re.findall(
                r"^ .*", bed.must(["dpkg-query", "-W", "-f", "${Conffiles}\n", name]), re.M))
        return found


def chosen_cells(answer):
    # In the others no question is come to, so that it is all the same how it would be answered.
    phases = PHASES if answer == "no" else ("postinst", "configured")
    first = int(scenarios.seed())
    for number, kind in enumerate(conffile_matrix.kinds()):
        for phase in phases:
            if (SOAK or phase == phases[(first + number) % len(phases)]
                    or (answer == "no" and phase == "postinst" and kind.name in COMMON)):
                yield Cell(kind, phase)


class Matrix:
    def __init__(self, args):
        self.args = args
        self.cells = [cell for cell in chosen_cells(args.answer) if args.only in cell.name]
        self.wrong = []

    def bed(self, stock):
        if stock or self.args.staged:
            return beds.fresh(self.args.suite)
        debs = self.args.debs or build.debs(self.args.suite)
        return beds.fresh(self.args.suite, (), [installed.layer(self.args.suite, (), debs)])

    def offer(self, repositories, version):
        repositories.replace([p for cell in self.cells for p in cell.packages(version)])
        repositories.update()

    def install_old(self, bed):
        repositories = repo.Repositories(bed, self.args.suite)
        names = [name for cell in self.cells for name in cell.names()]
        for version in VERSIONS[:2]:
            self.offer(repositories, version)
            bed.must(["apt-get", "-qqy", "install", *names], env=STOCK)
        for cell in self.cells:
            bed.must(f"mkdir -p {cell.folder} && cd {cell.folder} && {cell.kind.admin or 'true'}")
        return repositories

    def upgrade_fixed(self, bed, repositories):
        self.offer(repositories, "2.1")
        # The pins of what has failed are for its version only; what follows is stock's own doing.
        result = bed.run(UPGRADE, env=STOCK)
        self.show(result)
        states = scenarios.package_states(bed)
        return {cell.name: cell.look(bed, states) for cell in self.cells}

    def show(self, result):
        if self.args.verbose:
            print(result, flush=True)

    def fail_and_go_back(self, bed, repositories):
        names = [name for cell in self.cells for name in cell.names()]
        before = memory.Memory(bed, names)
        self.offer(repositories, "2.0")
        result = bed.run(UPGRADE[:-1] + ANSWERS[self.args.answer] + UPGRADE[-1:])
        self.show(result)
        if result.code != 100:
            self.wrong.append(f"the upgrade ended {result.code}\n{result.output}")
        states = scenarios.package_states(bed)
        self.wrong += [f"{name} is {states.get(name)}" for name in names
                       if states.get(name) != ("ii", "1.0")]
        self.wrong += before.differences(names)
        for command in (["apt-get", "check"], ["dpkg", "--audit"]):
            check = bed.run(command)
            if check.code != 0 or (command[0] == "dpkg" and check.output):
                self.wrong.append(f"{command}: {check}")

    def play(self):
        with self.bed(stock=True) as bed:
            expected = self.upgrade_fixed(bed, self.install_old(bed))
        with self.bed(stock=False) as bed:
            if self.args.staged:
                installed.copy_staged(bed, self.args.staged)
            repositories = self.install_old(bed)
            self.fail_and_go_back(bed, repositories)
            found = self.upgrade_fixed(bed, repositories)
        asked = 0
        for cell in self.cells:
            want, have = expected[cell.name], found[cell.name]
            asked += want[f"package {cell.name}"][0] != "ii"
            self.wrong += [f"{cell.name}, then 2.1: {what}: {have.get(what)}, where stock has "
                           f"{want.get(what)}" for what in sorted(want | have)
                           if want.get(what) != have.get(what)]
        print(f"seed {scenarios.seed()}: {len(self.cells)} cells, {asked} of which ask at 2.1")
        return self.wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--debs", help="folder with aptkeep's packages (built if not given)")
    parser.add_argument("--staged", help="folder to copy over the root instead of the packages")
    parser.add_argument("--answer", choices=sorted(ANSWERS), default="no")
    parser.add_argument("--only", default="", help="cells whose name has this in it")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("unable to make a test bed: only root may")
    lifetime.end_tidily()
    began = time.monotonic()
    wrong = Matrix(args).play()
    print("\n".join(wrong))
    print(f"{'FAILED' if wrong else 'ok'} ({time.monotonic() - began:.1f} s)")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
