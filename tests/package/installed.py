"""aptkeep installed in a root: from its packages, as an admin does it."""

import glob
import os
import pathlib
import shutil

import bed as beds
import build
import cache
import rootfs

RUNTIME = ("aptkeep_*.deb", "libaptkeep0_*.deb")


def install(bed, debs):
    """`apt install ./…deb` of the run-time packages in the folder `debs`."""
    names = []
    for pattern in RUNTIME:
        for path in glob.glob(f"{debs}/{pattern}"):
            names.append(f"/root/{os.path.basename(path)}")
            bed.write(names[-1], pathlib.Path(path).read_bytes())
    if len(names) != len(RUNTIME):
        raise beds.BedError(f"unable to find aptkeep's packages in {debs}")
    output = bed.must(["apt-get", "-y", "install", *names])
    bed.must(["rm", *names])
    return output


def layer(suite, needs=(), debs=None):
    """A folder to put over the root of `suite`: what the installation changed there."""
    debs = pathlib.Path(debs or build.debs(suite))
    files = sorted(p for pattern in RUNTIME for p in debs.glob(pattern))
    key = cache.digest(suite, *sorted(needs), *[(p.name, p.read_bytes().hex()) for p in files])

    def make(tmp):
        with beds.Bed([rootfs.root(suite, needs)], changes=tmp) as bed:
            install(bed, debs)
        shutil.rmtree(tmp / "work")

    folder = cache.folder("layers")
    build.prune(folder)
    path = cache.build_once(folder / f"{suite}-{key}", make)
    os.utime(path)
    return path / "upper"


def copy_staged(bed, tree):
    """The tree of a `DESTDIR=… cmake --install`, for work on the programs without packages."""
    shutil.copytree(tree, bed.path("/"), dirs_exist_ok=True, symlinks=True)
    conf = pathlib.Path(build.TOP, "debian/aptkeep.apt.conf").read_text(encoding="utf-8")
    bed.write("/etc/apt/apt.conf.d/20aptkeep", conf)
    bed.must(["mkdir", "-p", "/var/lib/aptkeep"])
    bed.must(["ldconfig"])
