"""Thirty packages with a real desktop's edges, conffiles (some edited by the admin) and triggers,
that apt upgrades from 1.0 to 2.0 while some fail, each in a phase of its own; and what must have
come of it at the end, however the run was cut off.

The judge knows nothing of aptkeep. The least kept set is searched for by tests/lib/oracle.py; how a
package looks at 1.0 and at 2.0 was recorded on systems where stock apt installed just that.
"""

import dataclasses
import hashlib
import os
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "package"),
                str(HERE.parent / "scenario")]

import bed as beds  # noqa: E402
import build  # noqa: E402
import cache  # noqa: E402
import graph  # noqa: E402
import installed  # noqa: E402
import oracle  # noqa: E402
import pkg  # noqa: E402
import repo  # noqa: E402
import rootfs  # noqa: E402

COUNT = 30
TASK = "task-gnome-desktop"
AMID = "/etc/amid"
STATE = "/var/lib/aptkeep"
UPGRADE = ["apt-get", "-q", "-y", "dist-upgrade"]
STOCK = {"APTKEEP": "off"}

# What fails: script -> shell lines, run by it with its own arguments. The scripts in between are
# those that dpkg tries for help (deb-policy, 6.6).
PHASES = {
    "preinst": {"2.0.preinst": "exit 1"},
    "prerm": {"1.0.prerm": '[ "$1" != upgrade ] || exit 1',
              "2.0.prerm": '[ "$1" != failed-upgrade ] || exit 1'},
    "postrm": {"1.0.postrm": '[ "$1" != upgrade ] || exit 1',
               "2.0.postrm": '[ "$1" != failed-upgrade ] || exit 1'},
    "abort-upgrade": {"2.0.preinst": "exit 1", "2.0.postrm": '[ "$1" != abort-upgrade ] || exit 1'},
    "postinst": {"2.0.postinst": '[ "$1" != configure ] || exit 3'},
    "segfault": {"2.0.postinst": '[ "$1" != configure ] || kill -SEGV $$'},
    # Configured again after that, it would be healed: dpkg then leaves the handler out.
    "trigger": {"2.0.postinst": f"""at={AMID}/$DPKG_MAINTSCRIPT_PACKAGE.failed
[ "$1" != triggered ] || >$at
[ ! -e $at ] || exit 1"""},
}
LEFTOVERS = re.compile(r"\.(dpkg-(new|tmp|dist|old|bak|remove|divert\.tmp)|aptkeep.*)$")


def seed():
    if "APTKEEP_SEED" not in os.environ:
        os.environ["APTKEEP_SEED"] = str(random.SystemRandom().randrange(10**6))
    return os.environ["APTKEEP_SEED"]


def fill(package, index, handler):
    """A script that does what a file says (see PHASES) and takes long enough to be killed, and
    conffiles: one that changes, one that does not, some that come and go."""
    name, version = package.name, package.version
    package.scripts = {script: {"*": f"""sleep 0.02
if [ -e {AMID}/{name}.{version}.{script} ]; then
  sh -e {AMID}/{name}.{version}.{script} "$@"
fi"""} for script in pkg.SCRIPTS}
    package.conffiles = {f"/etc/{name}/changes": f"{name} {version}\n",
                         f"/etc/{name}/same": f"{name}\n"}
    if index % 3 == 0 and version == graph.NEW:
        package.conffiles[f"/etc/{name}/comes"] = f"{name} {version}\n"
    if index % 3 == 1 and version == graph.OLD:
        package.conffiles[f"/etc/{name}/goes"] = f"{name} {version}\n"
    folder = f"/usr/share/{name}"
    package.files = {f"{folder}/in-{version}": f"{name} {version}\n",
                     f"{folder}/in-both": f"{name} {version}\n" * 200,
                     f"/usr/share/thirty/{name}": f"{version}\n"}
    package.links = {f"{folder}/link": f"in-{version}"}
    if name == handler:
        # By its own script, as initramfs-tools does, so that it is triggered in any order.
        package.triggers = "interest-noawait /usr/share/thirty\ninterest-noawait thirty"
        package.scripts["postinst"]["configure"] = (package.scripts["postinst"]["*"] +
                                                    "\ndpkg-trigger --no-await thirty")


def edit(bed, name, index):
    """What an admin did before the upgrade."""
    where = f"/etc/{name}"
    if index % 5 == 0:
        bed.write(f"{where}/changes", f"edited {name}\n", 0o600)
    elif index % 5 == 1:
        bed.write(f"{where}/same", f"edited {name}\n")
    elif index % 5 == 2:
        bed.must(["rm", f"{where}/changes"])
    elif index % 5 == 3:
        bed.must(f"if [ -e {where}/goes ]; then echo edited >{where}/goes; fi")


def look_of(root, name):
    """All that there is of a package but its state: files, dpkg's lists of it, conffiles."""
    root = pathlib.Path(root)
    found = {}
    info = root / "var/lib/dpkg/info"
    places = [root / f"etc/{name}", root / f"usr/share/{name}", root / f"usr/share/doc/{name}"]
    paths = [p for place in places for p in (place, *place.rglob("*"))]
    paths += [p for kind in ("", f":{pkg.NATIVE}") for p in info.glob(f"{name}{kind}.*")]
    for path in paths:
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        what = ""
        if path.is_symlink():
            what = os.readlink(path)
        elif path.is_file():
            what = path.read_bytes()
            if path.parent == info:  # the order of its lines depends on dpkg's way
                what = b"\n".join(sorted(what.splitlines()))
        found[str(path.relative_to(root))] = (oct(status.st_mode), status.st_uid, status.st_gid,
                                              what)
    return found


def query(root, form):
    return subprocess.run(
        ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", form], check=True,
        capture_output=True, text=True).stdout


def states(root):
    """name -> (state, version), of all packages that are not wholly absent."""
    found = {}
    for line in query(root, "${Package}|${db:Status-Abbrev}|${Version}\\n").splitlines():
        name, state, version = line.split("|")
        if state[1] != "n":
            found[name] = (state.strip(), version)
    return found


def conffiles(root):
    """name -> what dpkg knows of its conffiles."""
    found = {}
    for stanza in query(root, "= ${Package}\n${Conffiles}\n").split("= ")[1:]:
        name, *lines = stanza.split("\n")
        found[name] = sorted(line.strip() for line in lines if line.strip())
    return found


class World:
    """`number`: which of the graphs; a layer is kept of each."""

    def __init__(self, suite, number=1, debs=None, staged=None, needs=()):
        self.suite, self.staged, self.needs = suite, staged, tuple(needs)
        self.debs = debs
        self.old, self.new = graph.generate(suite, TASK, COUNT, f"thirty {number}")
        self.names = sorted(self.new)
        self.handler = self.names[number % COUNT]
        for packages in (self.old, self.new):
            for index, name in enumerate(self.names):
                fill(packages[name], index, self.handler)
        self.oracle = oracle.Oracle(self.old, self.new)
        self.lower = self._lower(number)
        self.looks = {}

    def _layer(self, name, below, fill_it):
        def make(tmp):
            with beds.Bed(below, changes=tmp) as bed:
                fill_it(bed)
            shutil.rmtree(tmp / "work")

        folder = cache.folder("rollback")
        build.prune(folder)
        path = cache.build_once(folder / name, make)
        os.utime(path)
        return path / "upper"

    def _packages(self, bed):
        # As on systems that upgrade unattended.
        bed.write("/etc/dpkg/dpkg.cfg.d/thirty", "force-confold\n")
        repository = repo.Repositories(bed, self.suite)
        repository.replace(list(self.old.values()))
        repository.update()
        bed.must(["apt-get", "-qqy", "install", *self.names])
        repository.replace(list(self.new.values()))
        repository.update()
        bed.must([*UPGRADE, "--download-only"])
        bed.must(["rm", "-f", pkg.LOG])
        bed.must(["mkdir", AMID])
        for index, name in enumerate(self.names):
            edit(bed, name, index)

    def _lower(self, number):
        root = rootfs.root(self.suite, self.needs)
        sources = [pathlib.Path(p).read_bytes() for p in (__file__, pkg.__file__, graph.__file__)]
        key = cache.digest(self.suite, *self.needs, number, *sources)
        packages = self._layer(f"thirty-{key}", [root], self._packages)
        self.plain = [packages, root]
        if self.staged:
            files = sorted(p for p in pathlib.Path(self.staged).rglob("*") if p.is_file())
            key = cache.digest(key, (build.TOP / "debian/aptkeep.apt.conf").read_bytes(),
                               *[(p, p.read_bytes().hex()) for p in files])
            ours = self._layer(f"thirty-staged-{key}", self.plain,
                               lambda bed: installed.copy_staged(bed, self.staged))
        else:
            debs = pathlib.Path(self.debs or build.debs(self.suite))
            version = [(p.name, p.read_bytes().hex()) for p in sorted(debs.glob("*.deb"))]
            ours = self._layer(f"thirty-ours-{cache.digest(key, *version)}", self.plain,
                               lambda bed: installed.install(bed, debs))
        return [ours, *self.plain]

    def bed(self):
        return beds.Bed(self.lower)

    def record(self):
        """How each package looks at 1.0, and at 2.0 after an upgrade by stock apt."""
        if not self.looks:
            with beds.Bed(self.plain) as bed:
                self.looks[graph.OLD] = self._look(bed)
                bed.must(UPGRADE)
                self.looks[graph.NEW] = self._look(bed)
        return self.looks

    def _look(self, bed):
        root = bed.path("/")
        known = conffiles(root)
        return {name: (look_of(root, name), known[name]) for name in self.names}


@dataclasses.dataclass
class Failures:
    """Which packages fail, and how."""
    phases: dict       # package -> phase
    least: set         # one of the least kept sets; another of its size will do

    def amid(self):
        """file name -> shell lines"""
        return {f"{name}.{script}": text for name, phase in self.phases.items()
                for script, text in PHASES[phase].items()}

    def __str__(self):
        return (", ".join(f"{n} in {p}" for n, p in sorted(self.phases.items())) +
                f"; least kept set {sorted(self.least)}")


def draw_failures(world, count, rng):
    """`count` packages with phases that differ, and that not too much hangs on."""
    while True:
        phases = dict(zip(rng.sample(world.names, count), rng.sample(sorted(PHASES), count)))
        for name, phase in list(phases.items()):
            if phase == "trigger" and name != world.handler:
                del phases[name]
                phases[world.handler] = "trigger"
        least = world.oracle.least(list(phases))
        if len(phases) == count and count <= len(least) <= COUNT * 2 // 3:
            return Failures(phases, least)


def set_amid(bed, amid):
    bed.must(f"rm -f {AMID}/*")
    for name, text in amid.items():
        bed.write(f"{AMID}/{name}", text + "\n")


def kept_of(world, root):
    found = states(root)
    return {name for name in world.names if found.get(name) == ("ii", graph.OLD)}


def limbo(world, root):
    """Packages that are neither wholly at 1.0 nor wholly at 2.0."""
    found = states(root)
    return [f"{name} is {' '.join(found.get(name, ('absent',)))}" for name in world.names
            if found.get(name) not in (("ii", graph.OLD), ("ii", graph.NEW))]


def differences(name, version, look, wanted):
    found = []
    (files, known), (wanted_files, wanted_known) = look, wanted
    for path in sorted(files.keys() | wanted_files.keys()):
        if files.get(path) != wanted_files.get(path):
            found.append(f"{name} {version}: /{path} is {_short(files.get(path))}, "
                         f"stock's {_short(wanted_files.get(path))}")
    if known != wanted_known:
        found.append(f"{name} {version}: dpkg's conffiles are {known}, stock's {wanted_known}")
    return found


def _short(entry):
    if entry is None:
        return "absent"
    mode, uid, gid, what = entry
    text = what[:60] if isinstance(what, str) else repr(what[:60])
    return f"{mode} {uid}:{gid} {text} {hashlib.md5(repr(what).encode()).hexdigest()[:6]}"


def judge(world, failures, root, cuts=0):
    """What is wrong in the end, after so many cuts that may have hit dpkg."""
    wrong = limbo(world, root)
    kept = kept_of(world, root)
    wrong += [f"failed, but not kept: {n}" for n in sorted(set(failures.phases) - kept)]
    if len(kept) != len(failures.least):
        wrong.append(f"{len(kept)} kept: too many {sorted(kept - failures.least)}, "
                     f"missing {sorted(failures.least - kept)}")
    return wrong + judge_looks(world, root, cuts)


def judge_looks(world, root, cuts):
    """Whether what is on disk is what dpkg says. It works at one package at a time: each cut may
    have left one with a conffile's old hash."""
    looks = world.record()
    known = conffiles(root)
    wrong = []
    for name, (state, version) in sorted(states(root).items()):
        if name in world.names and version in looks and state == "ii":
            mine = known[name]
            if version == graph.NEW and cuts > 0:
                mine = as_if_noted(mine, looks[version][name][1], looks[graph.OLD][name][1])
                cuts -= mine != known[name]
            wrong += differences(name, version, (look_of(root, name), mine), looks[version][name])
    return wrong


def as_if_noted(known, wanted, before):
    """dpkg that is cut off between moving a new conffile into place and noting so does not find it
    again, and keeps the old version's hash for good (deferred_configure_conffile in its
    src/main/configure.c), also where nothing but dpkg is there. No edit is lost by that: the next
    version asks a question too many."""
    later = dict(zip((entry.split(" ")[0] for entry in wanted), wanted))
    return [later.get(entry.split(" ")[0], entry) if entry in before else entry
            for entry in known]


def left_behind(world, root):
    """Files that no stock upgrade would have left, anywhere; snapshots of runs that ended well."""
    root = pathlib.Path(root)
    fine = {path for look in world.record().values() for files, _ in look.values()
            for path in files}
    found = []
    for top in ("etc", "usr", "var", "opt", "srv", "root"):
        for folder, folders, files in os.walk(root / top):
            if folder == f"{root}/var/cache/apt/archives":
                continue
            for file in folders + files:
                path = os.path.relpath(f"{folder}/{file}", root)
                if LEFTOVERS.search(file) and path not in fine:
                    found.append(f"left behind: /{path}")
    return found


def state_wrong(root):
    """SQLite's own check of a copy of state.db."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("state.db", "state.db-wal"):
            path = pathlib.Path(f"{root}{STATE}/{name}")
            if path.exists():
                shutil.copyfile(path, f"{folder}/{name}")
        if not os.path.exists(f"{folder}/state.db"):
            return ["there is no state.db"]
        database = sqlite3.connect(f"{folder}/state.db")
        try:
            found = database.execute("PRAGMA integrity_check").fetchall()
            return [] if found == [("ok",)] else [f"state.db: {found}"]
        except sqlite3.DatabaseError as error:
            return [f"state.db: {error}"]
        finally:
            database.close()
