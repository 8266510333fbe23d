#!/usr/bin/python3
"""What aptkeep costs an upgrade in which nothing fails: the same one with and without it.

    sudo bench/upgrade_bench.py                            # ten pairs of 300 packages, aptkeep's .debs
    sudo bench/upgrade_bench.py --result docs/results/…    # and the page about it
    sudo bench/upgrade_bench.py --disk                     # on the disk instead of in memory
    sudo bench/upgrade_bench.py --staged DIR               # see tests/scenario/README.md

README.md tells what is measured and how.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent
sys.path[:0] = [str(TOP / "tests" / name) for name in ("lib", "package", "scenario")]

import bed as beds  # noqa: E402
import build  # noqa: E402
import cache  # noqa: E402
import graph  # noqa: E402
import installed  # noqa: E402
import lifetime  # noqa: E402
import repo  # noqa: E402
import rootfs  # noqa: E402

TASK = "task-gnome-desktop"
UPGRADE = ["apt-get", "-qy", "dist-upgrade"]
GOAL = 1.05
Run = collections.namedtuple("Run", "wall user system calls")


def fill(packages, rng, files, size):
    """What takes dpkg's time in a real package: files, and scripts that are started."""
    for package in packages:
        folder = f"/usr/share/{package.name}"
        for number in range(files):
            # Not alike in the two versions, and of letters: pkg.py's files are text.
            text = rng.randbytes(size // 2).hex()
            # Folder by folder, as dpkg-deb packs them.
            package.files[f"{folder}/{number // 8}/file-{number}"] = text
        package.scripts = {"preinst": {"*": ":"}, "postinst": {"*": ":"}, "prerm": {"*": ":"}}


def world(suite, count, seed, files, size):
    """(packages at 1.0, at 2.0), with a real desktop's edges between them."""
    old, new = graph.generate(suite, TASK, count, seed)
    rng = random.Random(seed)
    for packages in (old, new):
        fill(packages.values(), rng, files, size)
    return list(old.values()), list(new.values())


def prepare(suite, old, new, changes):
    """A layer over the root: the old packages installed, the new ones known and downloaded."""
    with beds.Bed([rootfs.root(suite)], changes=changes) as bed:
        repositories = repo.Repositories(bed, suite)
        repositories.replace(old)
        repositories.update()
        bed.must(["apt-get", "-qqy", "install", *[p.key() for p in old]])
        bed.must(["apt-get", "clean"])
        repositories.replace(new)
        repositories.update()
        bed.must([*UPGRADE, "--download-only"])
    shutil.rmtree(changes / "work")
    return changes / "upper"


def install_aptkeep(bed, suite, staged, debs=None):
    if staged:
        installed.copy_staged(bed, staged)
    else:
        installed.install(bed, debs or build.debs(suite))


def with_aptkeep(suite, lower, changes, staged, debs=None):
    with beds.Bed(lower, changes=changes) as bed:
        install_aptkeep(bed, suite, staged, debs)
        bed.must(["apt-get", "check"])  # apt's caches are as warm as in the other one
    shutil.rmtree(changes / "work")
    return changes / "upper"


def dpkg_calls(bed):
    """What dpkg was started for, from its own log."""
    return collections.Counter(re.findall(r" startup (.*)", bed.read("/var/log/dpkg.log")))


def measure(lower, changes, count, options=()):
    if changes:
        changes.mkdir(exist_ok=True)
    with beds.Bed(lower, changes=changes) as bed:
        before = dpkg_calls(bed)
        settings = [f"{k}={v}" for k, v in beds.ENVIRONMENT.items()]
        command = bed.command([*settings, *UPGRADE, *options])
        with tempfile.TemporaryFile() as output:
            began = time.monotonic()
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=subprocess.STDOUT)
            _, status, used = os.wait4(child.pid, 0)
            wall = time.monotonic() - began
            child.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            if child.returncode != 0:
                raise beds.BedError(output.read().decode(errors="replace"))
        states = bed.must(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}${Version}\\n",
                           f"{graph.PREFIX}*"])
        upgraded = len(re.findall(rf"^{graph.PREFIX}\S+ ii +{graph.NEW}$", states, re.M))
        if upgraded != count:
            raise beds.BedError(f"only {upgraded} of {count} packages were upgraded")
        calls = dpkg_calls(bed)
        calls.subtract(before)
    if changes:
        shutil.rmtree(changes)
    return Run(wall, used.ru_utime, used.ru_stime, +calls)


def pairs(lowers, prepared, args, scratch):
    """Yields (without, with), measured in turns, so that what else the machine does hits both. The
    old packages (`prepared`) lie in the layer that is written to, as on an installed system:
    overlayfs would copy each file of a lower one that is linked."""
    for number in range(-1, args.pairs):
        order = ("without", "with") if number % 2 else ("with", "without")
        found = {}
        for which in order:
            changes = scratch / "run"
            changes.mkdir()
            subprocess.run(["cp", "-a", prepared, changes / "upper"], check=True)
            found[which] = measure(lowers[which], changes, args.packages)
        if number < 0:
            continue  # to warm the page cache
        if found["with"].calls != found["without"].calls:
            raise beds.BedError(f"dpkg calls differ: {found}")
        say(f"pair {number + 1}: " + ", ".join(
            f"{which} {run.wall:.2f} s wall {run.user + run.system:.2f} s cpu"
            for which, run in sorted(found.items())))
        yield found["without"], found["with"]


def say(text):
    print(text, file=sys.stderr, flush=True)


def spread(values):
    low, middle, high = (statistics.quantiles(values, n=4, method="inclusive")
                         if len(values) > 1 else values * 3)
    return middle, f"{middle:.3f} ({low:.3f} to {high:.3f})"


def revision():
    def git(*words):
        return subprocess.run(["git", "-C", str(TOP), *words], check=True, capture_output=True,
                              text=True).stdout.strip()
    changed = git("status", "--porcelain", "--", "lib", "hooks", "debian", "cmake", "CMakeLists.txt")
    return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")


def machine():
    memory = int(re.search(r"MemTotal: +(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1))
    return f"{os.cpu_count()} cores, {memory / 2**20:.0f} GiB, Linux {platform.release()}"


def page(found, args):
    lines = [
        *heading("Upgrade bench", args),
        f"{args.packages} packages with a desktop's dependencies (seed {args.seed}), {args.files} "
        f"files of {args.size} bytes and three scripts in each, upgraded with and without aptkeep, "
        f"{args.pairs} pairs in turns. Median (quartiles); seconds.", "",
        "| | without | with | with / without, pair by pair |", "|---|---|---|---|"]
    ratios = {}
    for name, value in (("wall", lambda r: r.wall), ("user + system", lambda r: r.user + r.system),
                        ("user", lambda r: r.user), ("system", lambda r: r.system)):
        ratios[name], ratio = spread([value(b) / value(a) for a, b in found])
        lines.append(f"| {name} | {spread([value(a) for a, _ in found])[1]} | "
                     f"{spread([value(b) for _, b in found])[1]} | {ratio} |")
    calls = ", ".join(f"{n} x {what}" for what, n in sorted(found[0][0].calls.items()))
    lines += ["", f"dpkg was started equally often in all runs: {calls}.", "",
              f"Goal: both ratios below {GOAL}. " +
              ("Met." if max(ratios["wall"], ratios["user + system"]) < GOAL else "Missed.")]
    return lines


@contextlib.contextmanager
def scratch_folder(on_disk):
    path = pathlib.Path(tempfile.mkdtemp(prefix="aptkeep-bench-",
                                         dir=cache.folder("tmp") if on_disk else "/dev/shm"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def parser_of(description):
    """What all benches in throw-away systems are told."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--disk", action="store_true", help="write to the disk, not to memory")
    parser.add_argument("--debs", help="folder with aptkeep's packages (built if not given)")
    parser.add_argument("--staged", help="folder to copy over the root instead of the packages")
    parser.add_argument("--result", help="file for the page")
    return parser


def add_made_packages(parser):
    parser.add_argument("--packages", type=int, default=300)
    parser.add_argument("--files", type=int, default=55, help="in each package")
    parser.add_argument("--size", type=int, default=33792, help="of each file, in bytes")
    parser.add_argument("--seed", default="1")


def begin(parser):
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("unable to make a test bed: only root may")
    lifetime.end_tidily()
    return args


def heading(title, args):
    """The lines that a page begins with."""
    return [f"# {title}", "",
            f"{time.strftime('%Y-%m-%d')}, revision {revision()}, {machine()}, {args.suite}, "
            f"{'on the disk' if args.disk else 'in memory'}.", ""]


def publish(lines, args):
    text = "\n".join(lines).rstrip() + "\n"
    print(text)
    if args.result:
        pathlib.Path(args.result).parent.mkdir(parents=True, exist_ok=True)
        pathlib.Path(args.result).write_text(text, encoding="utf-8")


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    add_made_packages(parser)
    args = begin(parser)
    with scratch_folder(args.disk) as scratch:
        say("preparing")
        old, new = world(args.suite, args.packages, args.seed, args.files, args.size)
        prepared = prepare(args.suite, old, new, scratch / "prepared")
        root = [rootfs.root(args.suite)]
        ours = with_aptkeep(args.suite, root, scratch / "aptkeep", args.staged, args.debs)
        lowers = {"without": root, "with": [ours, *root]}
        lines = page(list(pairs(lowers, prepared, args, scratch)), args)
    publish(lines, args)


if __name__ == "__main__":
    main()
