#!/usr/bin/python3
"""Debian roots to test in, made once and kept under the cache.

    rootfs.py SUITE [PACKAGE...]     makes it if need be and prints its folder
"""

import glob
import os
import pathlib
import shutil
import subprocess
import sys

import cache
import lifetime
import sources

# What aptkeep's packages depend on beyond apt and dpkg, and what the tests call inside.
BASE = ("libsqlite3-0", "mount", "procps", "psmisc")


def _mmdebstrap(suite, packages, target, archives):
    # It mounts things in the root: in a mount namespace of its own, so that they go with it.
    command = [
        "unshare", "-m", "-p", "-f", "--kill-child=KILL", "--mount-proc",
        "mmdebstrap", "--mode=root", "--variant=apt", "--format=directory", "--quiet",
        "--skip=essential/unlink", "--skip=cleanup/apt", "--dpkgopt=force-unsafe-io",
        # Downloads of earlier roots; apt checks each against its hash before it uses it.
        "--setup-hook=mkdir -p \"$1\"/var/cache/apt/archives/partial; "
        f"cp -l {archives}/*.deb \"$1\"/var/cache/apt/archives/ 2>/dev/null || true",
    ]
    command += [f"--aptopt={line}" for line in sources.settings()]
    if packages:
        command.append("--include=" + ",".join(packages))
    subprocess.run(command + [suite, str(target), "-"], check=True, stdout=sys.stderr,
                   preexec_fn=lifetime.killed_with_parent,
                   input="\n".join(sources.lines(suite)) + "\n", text=True)


def _make(suite, packages, target):
    archives = cache.folder("archives", suite)
    with cache.lock(f"archives-{suite}"):
        _mmdebstrap(suite, packages, target / "root", archives)
        root = target / "root"
        for deb in glob.glob(f"{root}/var/cache/apt/archives/*.deb"):
            os.replace(deb, archives / os.path.basename(deb))
    # The lists stay beside the root: apt inside is to know the test's own repository only.
    shutil.move(root / "var/lib/apt/lists", target / "lists")
    os.makedirs(root / "var/lib/apt/lists/partial")
    for name in glob.glob(f"{root}/etc/apt/sources.list*/*") + [
            f"{root}/etc/apt/sources.list",
            f"{root}/etc/apt/apt.conf.d/99mmdebstrap",
            f"{root}/etc/dpkg/dpkg.cfg.d/99mmdebstrap"]:
        if os.path.exists(name):
            os.remove(name)


def _folder(suite, packages):
    packages = tuple(sorted(set(BASE) | set(packages)))
    key = cache.digest(suite, *packages)
    return cache.build_once(cache.folder("roots") / f"{suite}-{key}",
                            lambda tmp: _make(suite, packages, tmp))


def root(suite, packages=()):
    """The folder with a root of `suite` that has `packages` installed. Never write to it."""
    return _folder(suite, packages) / "root"


def package_lists(suite):
    """The Packages files of the release itself, as apt stored them (maybe compressed)."""
    lists = _folder(suite, ()) / "lists"
    found = sorted(pathlib.Path(lists).glob(f"*_dists_{suite}_main_binary-*_Packages*"))
    if not found:
        raise FileNotFoundError(f"no Packages list of {suite} in {lists}")
    return found


if __name__ == "__main__":
    lifetime.end_tidily()
    print(root(sys.argv[1], sys.argv[2:]))
