#!/usr/bin/python3
"""debian/tests of a source package, from the same archive as this machine's own packages.

    source_tests.py SUITE PACKAGE     fetches it if need be and prints its folder
"""

import pathlib
import re
import subprocess
import sys
import tarfile

import cache
import lifetime
import sources


def _apt(state, *words):
    """apt with lists and sources of its own, so that the machine's stay as they are."""
    options = {"Dir::Etc::sourcelist": state / "sources.list", "Dir::Etc::sourceparts": "-",
               "Dir::State::lists": state / "lists", "Dir::Cache": state / "cache",
               "APT::Sandbox::User": "root", "Acquire::Languages": "none"}
    command = [words[0], *[f"-o{key}={value}" for key, value in options.items()], *words[1:]]
    return subprocess.run(command, cwd=state, check=False, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _versions(state, package):
    """Newest first, as dpkg orders them."""
    shown = _apt(state, "apt-cache", "showsrc", "--only-source", package).stdout
    found = set(re.findall(r"^Version: (.*)$", shown, re.M))
    ordered = []
    for version in found:
        at = 0
        while at < len(ordered) and subprocess.run(
                ["dpkg", "--compare-versions", version, "lt", ordered[at]], check=False).returncode == 0:
            at += 1
        ordered.insert(at, version)
    return ordered


def _fetch(suite, package, target):
    state = target / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "sources.list").write_text("\n".join(sources.source_lines(suite)) + "\n", "ascii")
    told = _apt(state, "apt-get", "-q", "update")
    versions = _versions(state, package)
    # What a mirror has no more of the newest, it has of the one before.
    for version in versions:
        told = _apt(state, "apt-get", "-q", "source", "--download-only", "--diff-only",
                    f"{package}={version}")
        archives = list(state.glob("*.debian.tar.*"))
        if told.returncode == 0 and archives:
            with tarfile.open(archives[0]) as tar:
                members = [m for m in tar.getmembers() if m.name.startswith("debian/tests/")]
                # Debian 12's own Python knows no filter= (before deb12u7); as the manual of
                # tarfile says.
                tar.extraction_filter = getattr(tarfile, "tar_filter",
                                                lambda member, _path: member)
                tar.extractall(target, members=members)
            (target / "version").write_text(version + "\n", "ascii")
            return
    raise sources.NoSources(f"unable to fetch the source of {package} for {suite} "
                            f"(versions {versions}):\n{told.stdout}")


def folder(suite, package):
    """A folder with debian/tests, as it was for the release's version of the package."""
    name = f"{suite}-{package}"
    return cache.build_once(cache.folder("source-tests") / name,
                            lambda target: _fetch(suite, package, target))


if __name__ == "__main__":
    lifetime.end_tidily()
    print(folder(*sys.argv[1:3]))
