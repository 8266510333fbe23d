#!/usr/bin/python3
"""Builds aptkeep's Debian packages for a suite, in a throw-away root of it, as a build daemon does.

    build.py SUITE [DESTINATION]     prints the folder with the .debs

The result is kept under the cache for as long as the sources stay the same.
"""

import os
import pathlib
import re
import shutil
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "lib"))

import bed as beds  # noqa: E402
import cache  # noqa: E402
import lifetime  # noqa: E402

# Everything that the packages are made of; not the tests.
SOURCES = ("CMakeLists.txt", "LICENSE", "README.md", "cli", "cmake", "debian", "docs", "hooks",
           "lib", "policy-rc.d", "rules")
# What debhelper leaves in the tree after a build by hand.
LEFTOVERS = re.compile(r"debian/(\.debhelper|tmp|aptkeep|libaptkeep0|libaptkeep-dev|files|"
                       r"debhelper-build-stamp|.*\.substvars|.*\.debhelper(\.log)?)(/|$)")


def sources():
    """The files of the tree, relative, sorted."""
    found = []
    for name in SOURCES:
        path = TOP / name
        files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
        found += [str(p.relative_to(TOP)) for p in files]
    return sorted(f for f in found if not LEFTOVERS.match(f) and "__pycache__" not in f and
                  not f.startswith("docs/results/"))


def build_dependencies():
    """The packages of Build-Depends, without versions: dpkg-buildpackage checks those. ccache
    only spares compiling what did not change."""
    text = (TOP / "debian/control").read_text(encoding="utf-8")
    field = re.search(r"^Build-Depends:((?:.*\n)(?:[ \t].*\n)*)", text, re.M).group(1)
    names = [re.sub(r"\(.*?\)", "", dependency).strip() for dependency in field.split(",")]
    return ["build-essential", "ccache", *names]


def options(suite):
    """Debian 13's packages are compiled without optimisation, which takes half the time, but for a
    soak: what is tested with them is how that system's apt, dpkg and systemd behave. Debugging
    symbols, which are packed for minutes, are made for a soak only as well."""
    if os.environ.get("APTKEEP_SOAK"):
        return {"DEB_BUILD_OPTIONS": "parallel=2"}
    return {"DEB_BUILD_OPTIONS": "parallel=2 noautodbgsym" + (" noopt" if suite != "bookworm" else ""),
            "DEB_CFLAGS_STRIP": "-g", "DEB_CXXFLAGS_STRIP": "-g"}


def _build(suite, files, target):
    compiled = cache.folder("ccache", suite)
    with beds.fresh(suite, build_dependencies(), binds={compiled: "/ccache"}) as bed:
        for name in files:
            path = TOP / name
            bed.write(f"/build/aptkeep/{name}", path.read_bytes(), path.stat().st_mode & 0o755)
        result = bed.run(
            "cd /build/aptkeep && dpkg-buildpackage -b -us -uc --jobs=2",
            env={**options(suite), "CCACHE_DIR": "/ccache",
                 "CMAKE_C_COMPILER_LAUNCHER": "ccache", "CMAKE_CXX_COMPILER_LAUNCHER": "ccache"},
            timeout=3600)
        if result.code != 0:
            raise beds.BedError(f"unable to build for {suite}:\n{result.output}")
        (target / "build.log").write_text(result.output, encoding="utf-8")
        for path in bed.path("/build").iterdir():
            if path.is_file():
                shutil.copy(path, target)


def prune(folder, days=3):
    """Old results; a folder's time is that of its last use."""
    for path in folder.iterdir():
        if path.stat().st_mtime < time.time() - days * 86400:
            shutil.rmtree(path, ignore_errors=True)


def debs(suite):
    """The folder with the packages of the present tree for `suite`, built if need be."""
    files = sources()
    content = [(f, (TOP / f).stat().st_mode & 0o100, (TOP / f).read_bytes().hex()) for f in files]
    content.append(sorted(options(suite).items()))
    folder = cache.folder("debs")
    prune(folder)
    path = cache.build_once(folder / f"{suite}-{cache.digest(content)}",
                            lambda tmp: _build(suite, files, tmp))
    os.utime(path)
    return path


def main():
    lifetime.end_tidily()
    built = debs(sys.argv[1])
    if len(sys.argv) > 2:
        destination = pathlib.Path(sys.argv[2])
        destination.mkdir(parents=True, exist_ok=True)
        for deb in built.glob("*.deb"):
            shutil.copy(deb, destination)
    print(built)


if __name__ == "__main__":
    try:
        main()
    except beds.BedError as error:
        sys.exit(str(error))
