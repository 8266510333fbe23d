"""The folder where the tests keep what is costly to make: roots, downloads, built packages."""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil


def folder(*parts):
    base = os.environ.get("APTKEEP_CACHE") or "/var/cache/aptkeep-tests"
    path = pathlib.Path(base, *parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def digest(*parts):
    """A short name for these values."""
    text = "\0".join(str(p) for p in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextlib.contextmanager
def lock(name):
    """Only one process at a time; the kernel frees it when that process dies."""
    with open(folder("locks") / name.replace("/", "-"), "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_once(path, make):
    """`make(tmp)` fills a folder, which gets its name only when it is whole."""
    path = pathlib.Path(path)
    if path.exists():
        return path
    with lock(path.parent.name + "-" + path.name):
        if path.exists():
            return path
        tmp = path.with_name(path.name + ".part")
        shutil.rmtree(tmp, ignore_errors=True)
        tmp.mkdir(parents=True)
        try:
            make(tmp)
            os.rename(tmp, path)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
    return path
