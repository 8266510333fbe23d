"""The runs of these tests: some packages that apt upgrades from 1.0 to 2.0, with and without a
failure, in a bed where something is wrong with aptkeep; and the same run under stock apt.

What a maintainer script does is told by a file in the bed, AMID/NAME.VERSION.SCRIPT: a piece of sh
that the script runs first, so that one layer with the packages serves for all runs.
"""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "package"),
                str(HERE.parent / "scenario")]

import bed as beds  # noqa: E402
import build  # noqa: E402
import cache  # noqa: E402
import installed  # noqa: E402
import pkg  # noqa: E402
import repo  # noqa: E402
import rootfs  # noqa: E402
import run as scenarios  # noqa: E402

AMID = "/etc/amid"
PINS = scenarios.PINS
STATE = "/var/lib/aptkeep"
RUN = "/run/aptkeep"
LAUNCHER = "/usr/lib/aptkeep/bin/dpkg"
DRIVER = "/usr/lib/aptkeep/driver"
HOOK = "/usr/lib/aptkeep/apt-hook"

UPGRADE = "apt-get -q -y dist-upgrade"
# Far more than any of these runs takes: what reaches it hangs.
HANG = 240

DEPENDS = {"foo": "base", "dep1": "foo", "dep2": "dep1", "depv": "foo (= {version})"}
NAMES = ("base", "foo", "dep1", "dep2", "depv", "ind1", "ind2", "ind3")
# Installed at 1.0, and there is no other version: to be removed by a run.
EXTRA = "gone"

# One of the chain's preinst scripts fails, which leaves foo and what needs it at 1.0.
ONE_FAILS = {"foo.2.0.preinst": "exit 1"}
# And one that leaves ind3 unpacked and failed.
TWO_FAIL = {**ONE_FAILS, "ind3.2.0.postinst": "exit 1"}


def package(name, version):
    depends = DEPENDS.get(name, "").format(version=version)
    scripts = {script: {"*": f'if [ -e {AMID}/{name}.{version}.{script} ]; then\n'
                             f'  sh -e {AMID}/{name}.{version}.{script} "$@"\nfi'}
               for script in pkg.SCRIPTS}
    return pkg.Package(name, version, fields={"Depends": depends}, scripts=scripts)


@dataclasses.dataclass
class Outcome:
    """How a run ended."""
    code: int
    output: str
    states: dict      # package -> (state, version)
    clean: bool       # apt-get check
    audit: str        # dpkg --audit
    held: list        # names that are on hold
    scripts: list     # lines of the maintainer scripts' log

    def noise(self):
        """Every line that aptkeep, or a loader or shell on its behalf, has printed."""
        return [line for line in self.output.splitlines() if "aptkeep" in line]

    def all_upgraded(self):
        return all(self.states.get(name) == ("ii", "2.0") for name in NAMES)

    def __str__(self):
        states = ", ".join(f"{n} {' '.join(s)}" for n, s in sorted(self.states.items())
                           if n in NAMES + (EXTRA,))
        return (f"{self.output}-> exit {self.code}; {states}; "
                f"apt {'clean' if self.clean else 'not clean'}; audit: {self.audit or 'clean'}")


class Worlds:
    """Beds with the packages at 1.0 installed and at 2.0 in the repository."""

    def __init__(self, suite, debs=None, staged=None, needs=()):
        self.suite, self.debs, self.staged, self.needs = suite, debs, staged, tuple(needs)
        self.stock_runs = {}
        self.layers = {}

    def _aptkeep(self):
        if not self.staged:
            return installed.layer(self.suite, self.needs, self.debs)
        files = sorted(p for p in pathlib.Path(self.staged).rglob("*") if p.is_file())
        key = cache.digest(self.suite, *self.needs, (build.TOP / "debian/aptkeep.apt.conf").read_bytes(),
                           *[(p, p.read_bytes().hex()) for p in files])
        return self._layer(f"staged-{key}", [],
                           lambda bed: installed.copy_staged(bed, self.staged))

    def _layer(self, name, below, fill):
        def make(tmp):
            with beds.Bed([*below, rootfs.root(self.suite, self.needs)], changes=tmp) as bed:
                fill(bed)
            shutil.rmtree(tmp / "work")

        folder = cache.folder("robust")
        build.prune(folder)
        path = cache.build_once(folder / name, make)
        os.utime(path)
        return path / "upper"

    def _fill(self, bed):
        repository = repo.Repositories(bed, self.suite)
        repository.replace([package(name, "1.0") for name in (*NAMES, EXTRA)])
        repository.update()
        bed.must(["apt-get", "-qqy", "install", *NAMES, EXTRA], env={"APTKEEP": "off"})
        repository.add([package(name, "2.0") for name in NAMES])
        repository.update()
        bed.must(["rm", "-rf", pkg.LOG])
        bed.must(["mkdir", "-p", AMID])

    def lower(self, stock):
        if stock not in self.layers:
            below = [] if stock else [self._aptkeep()]
            sources = [pathlib.Path(p).read_bytes() for p in (__file__, pkg.__file__, repo.__file__)]
            key = cache.digest(self.suite, *self.needs, *map(str, below), *sources)
            layer = self._layer(f"world-{key}", below, self._fill)
            self.layers[stock] = [layer, *below, rootfs.root(self.suite, self.needs)]
        return self.layers[stock]

    def bed(self, stock=False):
        return beds.Bed(self.lower(stock))

    def stock(self, amid, command=UPGRADE):
        """The same run without aptkeep; made once."""
        key = (command, *sorted(amid.items()))
        if key not in self.stock_runs:
            with self.bed(stock=True) as bed:
                self.stock_runs[key] = upgrade(bed, amid, command)
        return self.stock_runs[key]


def set_amid(bed, amid):
    bed.must(["sh", "-c", f"rm -f {AMID}/*"])
    for name, text in amid.items():
        bed.write(f"{AMID}/{name}", text + "\n")


def outcome(bed, result):
    states = scenarios.package_states(bed)
    held = sorted(name for name, (state, _) in states.items() if state.startswith("h"))
    log = bed.path(pkg.LOG)
    return Outcome(result.code, result.output, states,
                   bed.run(["apt-get", "check"]).code == 0, bed.run(["dpkg", "--audit"]).output,
                   held, log.read_text(encoding="utf-8").splitlines() if log.exists() else [])


def upgrade(bed, amid, command=UPGRADE, env=None):
    set_amid(bed, amid)
    return outcome(bed, bed.run(command, env=env, timeout=HANG))


def worse(ours, stock):
    """In what `ours` is worse than what stock apt did in the same run."""
    found = []
    for name in NAMES:
        state, version = ours.states.get(name, ("absent", ""))
        stock_state, stock_version = stock.states.get(name, ("absent", ""))
        if stock_state != "ii":
            bad = "R" in state or state[1:2] == "H"
        elif stock_version == "2.0":
            bad = (state, version) != ("ii", "2.0")
        else:
            bad = state != "ii"
        if bad:
            found.append(f"{name} is {state} {version}, stock leaves {stock_state} {stock_version}")
    if stock.clean and not ours.clean:
        found.append("apt-get check is not clean, stock's is")
    if ours.audit and not stock.audit:
        found.append(f"dpkg --audit says {ours.audit}")
    if stock.code == 0 and ours.code != 0:
        found.append(f"exit status {ours.code}, stock's is 0")
    if stock.code != 0 and ours.code == 0 and not ours.all_upgraded():
        found.append(f"exit status 0, stock's is {stock.code}, and not all is upgraded")
    if ours.held:
        found.append(f"left on hold: {ours.held}")
    return found


def same(ours, stock):
    """In what a run that aptkeep cannot help with differs from stock's."""
    found = worse(ours, stock)
    found += [f"{name} is {ours.states.get(name)}, stock leaves {stock.states.get(name)}"
              for name in NAMES if ours.states.get(name) != stock.states.get(name)]
    if ours.code != stock.code:
        found.append(f"exit status {ours.code}, stock's is {stock.code}")
    return found


def recover(bed):
    """What an admin does when the failing scripts are mended: the rest must then go through, with
    whatever is wrong with aptkeep still wrong. Its pins are left out of account, because they stand
    for a version that is expected to fail; and so is that dpkg is not to want what was left
    unconfigured, which `aptkeep retry` would undo."""
    set_amid(bed, {})
    no_pins = "-o Dir::Etc::PreferencesParts=/nowhere"
    # The first may fail where a strict dependent was unpacked; stock apt needs the second then, too.
    command = ("dpkg-query -W -f '${db:Status-Want} ${binary:Package}\\n' | "
               "sed -n 's/^unknown \\(.*\\)/\\1 install/p' | dpkg --set-selections; "
               f"dpkg --configure -a >/dev/null 2>&1; apt-get -q -y {no_pins} -f install && "
               f"{UPGRADE} {no_pins}")
    end = outcome(bed, bed.run(command, timeout=HANG))
    if end.code == 0 and end.all_upgraded() and end.clean and not end.audit:
        return []
    return [f"after mending the scripts not all is well:\n{end}"]


def run_twice(outcome_, names=NAMES):
    """Maintainer scripts that ran twice with the same arguments."""
    lines = [line for line in outcome_.scripts if line.split()[0] in names]
    return sorted({line for line in lines if lines.count(line) > 1})


def aptkeep_lines(text):
    return re.findall(r"^aptkeep: .*$", text, re.M)
