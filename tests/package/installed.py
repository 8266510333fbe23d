"""aptkeep installed in a root: from its packages, as an admin does it."""

import glob
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import bed as beds
import build
import cache
import rootfs

RUNTIME = ("aptkeep_*.deb", "libaptkeep0_*.deb")
NEXT = "+next"


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


def layer(suite, needs=(), debs=None, below=()):
    """A folder to put over the root of `suite` and the layers `below`: what the installation changed
    there."""
    debs = pathlib.Path(debs or build.debs(suite))
    files = sorted(p for pattern in RUNTIME for p in debs.glob(pattern))
    key = cache.digest(suite, *sorted(needs), *below,
                       *[(p.name, p.read_bytes().hex()) for p in files])

    def make(tmp):
        with beds.Bed([*below, rootfs.root(suite, needs)], changes=tmp) as bed:
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

def version(debs):
    """The version of aptkeep's packages in a folder."""
    [deb] = glob.glob(f"{debs}/aptkeep_*.deb")
    return os.path.basename(deb).split("_")[1]


def _repack(deb, postinst):
    """(control text, content) of the next version: the same files."""
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder, "tree")
        subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
        control = tree / "DEBIAN/control"
        text = control.read_text(encoding="utf-8")
        now = re.search(r"^Version: (.*)$", text, re.M).group(1)
        text = re.sub(rf"(^Version: |\(= ){re.escape(now)}", rf"\g<0>{NEXT}", text, flags=re.M)
        control.write_text(text, encoding="utf-8")
        if postinst and text.startswith("Package: aptkeep\n"):
            (tree / "DEBIAN/postinst").write_text(f"#!/bin/sh\n{postinst}\n", encoding="utf-8")
        target = pathlib.Path(folder, "next.deb")
        subprocess.run(["dpkg-deb", "-Znone", "-b", tree, target], check=True,
                       stdout=subprocess.DEVNULL)
        return text, target.read_bytes()


def next_version(debs, postinst=""):
    """(text of a Packages file, {file name: content}) with the next version of aptkeep, whose
    postinst is `postinst` if that is given."""
    stanzas, content = [], {}
    for pattern in RUNTIME:
        for path in glob.glob(f"{debs}/{pattern}"):
            text, deb = _repack(path, postinst)
            name = os.path.basename(path)
            content[name] = deb
            stanzas.append(f"{text.rstrip()}\nFilename: ./{name}\nSize: {len(deb)}\n"
                           f"SHA256: {hashlib.sha256(deb).hexdigest()}\n")
    return "\n".join(stanzas), content
