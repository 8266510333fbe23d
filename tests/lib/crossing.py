"""A package of one Debian release in a root of another, and what an upgrade of it to a third one
brings: version steps that a single release does not have. Made once and kept under the cache."""

import pathlib
import re
import shutil
import subprocess

import bed as beds
import cache
import rootfs
import sources

# These are looked up in the bed's own network namespace's stead: the machine's.
ARCHIVES = "/var/cache/apt/archives"


def _take_sources(bed, codename):
    bed.write("/etc/apt/sources.list", "\n".join(sources.lines(codename)) + "\n")
    bed.write("/etc/apt/apt.conf.d/99crossing", "\n".join(sources.settings()) + "\n")
    bed.must(["apt-get", "-qq", "update"])


def _make(tmp, suite, needs, package, old, new, preseed):
    with beds.Bed([rootfs.root(suite, needs)], changes=tmp, network=True) as bed:
        _take_sources(bed, old)
        bed.must("debconf-set-selections", stdin=preseed)
        install = ["apt-get", "-qqy", "--no-install-recommends", "install", package]
        bed.must(install)
        bed.must(["apt-get", "clean"])
        _take_sources(bed, new)
        bed.must([*install[:2], "--download-only", *install[2:]])
        found = [(path.name, path.read_bytes()) for path in bed.path(ARCHIVES).glob("*.deb")]
        bed.must("rm -rf /etc/apt/sources.list /etc/apt/apt.conf.d/99crossing /etc/resolv.conf "
                 f"/var/lib/apt/lists/* {ARCHIVES}/*.deb; mkdir -p /var/lib/apt/lists/partial")
    shutil.rmtree(tmp / "work")
    (tmp / "debs").mkdir()
    for name, content in found:
        (tmp / "debs" / name).write_bytes(content)


class Crossing:
    """`layer`: to be put over the root of `suite` with `needs`; `debs`: the archives, as apt names
    them."""

    def __init__(self, suite, needs, package, old, new, preseed=""):
        """`old`, `new`: the releases that `package` and what it needs beyond that root come from.
        `preseed`: answers for debconf."""
        key = cache.digest(suite, *sorted(needs), package, old, new, preseed,
                           pathlib.Path(__file__).read_text(encoding="utf-8"))
        path = cache.build_once(
            cache.folder("crossings") / f"{package}-{old}-{new}-{key}",
            lambda tmp: _make(tmp, suite, needs, package, old, new, preseed))
        self.layer = path / "upper"
        self.debs = sorted((path / "debs").glob("*.deb"))

    def version(self, package):
        for deb in self.debs:
            if deb.name.startswith(f"{package}_"):
                return deb.name.split("_")[1].replace("%3a", ":")
        raise KeyError(package)


def index(debs):
    """(text of a Packages file, {file name: content}), as repo.Repositories.write_raw takes them"""
    stanzas, content = [], {}
    for deb in debs:
        text = subprocess.run(["dpkg-deb", "-f", deb], check=True, capture_output=True,
                              text=True).stdout
        content[deb.name] = deb.read_bytes()
        sums = subprocess.run(["sha256sum", deb], check=True, capture_output=True, text=True).stdout
        stanzas.append(f"{text.rstrip()}\nFilename: ./{deb.name}\n"
                       f"Size: {len(content[deb.name])}\nSHA256: {sums.split()[0]}\n")
    return "\n".join(stanzas), content


def repacked(deb, target, version):
    """The same archive as another version of itself."""
    tree = pathlib.Path(target).parent / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    text = re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(encoding="utf-8"),
                  flags=re.M)
    control.write_text(text, encoding="utf-8")
    subprocess.run(["dpkg-deb", "-Znone", "-b", tree, target], check=True,
                   stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
