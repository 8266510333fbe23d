"""A throw-away root in which packages are upgraded and led back, and a look at all of it.

Packages are built with the real dpkg-deb from a description: path -> what is there.
"""

import hashlib
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

import bed  # noqa: E402

FOLDER = "/var/lib/aptkeep/snapshots/run1/plan1"
LOOKED_AT = ("etc", "usr", "var", "opt", "srv", "root")
# What a way there and back may leave: logs, backups of databases, our own folder.
NOT_LOOKED_AT = ("/var/lib/aptkeep", "/var/log", "/var/cache/debconf", "/var/cache/ldconfig",
                 "/var/lib/dpkg/status-old", "/var/lib/dpkg/statoverride-old",
                 "/var/lib/dpkg/diversions-old", "/var/lib/dpkg/status", "/var/lib/dpkg/info",
                 "/var/lib/dpkg/triggers", "/var/lib/dpkg/lock", "/var/lib/ucf/hashfile.",
                 "/var/lib/ucf/registry.", "/var/lib/ucf/hashfile", "/var/lib/ucf/registry",
                 "/etc/ld.so.cache", "/var/lib/dpkg/available", "/var/lib/dpkg/updates")


def file(content="", mode=0o644, owner=(0, 0), xattrs=None):
    return ("file", content, mode, owner, xattrs or {})


def link(target, owner=(0, 0)):
    return ("link", target, 0o777, owner, {})


def folder(mode=0o755, owner=(0, 0), xattrs=None):
    return ("dir", "", mode, owner, xattrs or {})


def fifo(mode=0o644):
    return ("fifo", "", mode, (0, 0), {})


def device(major, minor, mode=0o600):
    return ("dev", (major, minor), mode, (0, 0), {})


def hard(path):
    return ("hard", path, 0, (0, 0), {})


def _make(root, path, spec):
    kind, content, mode, owner, xattrs = spec
    at = root + b"/" + os.fsencode(path).lstrip(b"/")
    os.makedirs(os.path.dirname(at), exist_ok=True)
    if kind == "file":
        with open(at, "wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
    elif kind == "link":
        os.symlink(content, at)
    elif kind == "dir":
        os.makedirs(at, exist_ok=True)
    elif kind == "fifo":
        os.mkfifo(at)
    elif kind == "dev":
        os.mknod(at, stat.S_IFCHR | 0o600, os.makedev(*content))
    elif kind == "hard":
        os.link(root + os.fsencode(content), at)
        return
    os.chown(at, *owner, follow_symlinks=False)
    if kind != "link":
        os.chmod(at, mode)


def build(to, name, version, files, conffiles=(), scripts=None, arch="all", fields=None,
          control_files=None):
    """Builds the package into the folder `to` and returns the archive's name there. `scripts`:
    name -> the shell lines of it."""
    tree = tempfile.mkdtemp().encode()
    try:
        os.chmod(tree, 0o755)
        for path, spec in sorted(files.items(), key=lambda item: item[1][0] == "hard"):
            _make(tree, path, spec)
        control = tree + b"/DEBIAN"
        os.mkdir(control, 0o755)
        lines = {"Package": name, "Version": version, "Architecture": arch, "Section": "misc",
                 "Priority": "optional", "Maintainer": "Nobody <nobody@example.org>",
                 **(fields or {}), "Description": "made for a test\n Of more than one line."}
        texts = {"control": "".join(f"{k}: {v}\n" for k, v in lines.items()),
                 **(control_files or {})}
        texts.update({s: f"#!/bin/sh\nset -e\n{body}\n" for s, body in (scripts or {}).items()})
        if conffiles:
            texts["conffiles"] = "".join(f"{path}\n" for path in conffiles)
        for member, text in texts.items():
            with open(control + b"/" + member.encode(), "w", encoding="utf-8") as out:
                out.write(text)
            os.chmod(control + b"/" + member.encode(), 0o755 if member in (scripts or {}) else 0o644)
        archive = f"{name}_{version}_{arch}.deb"
        subprocess.run(["dpkg-deb", "-Znone", "--nocheck", "-b", tree, f"{to}/{archive}"],
                       check=True, capture_output=True)
        return archive
    finally:
        shutil.rmtree(tree)


_HASHES = {}


def _content(path, info):
    key = (info.st_ino, info.st_mtime_ns, info.st_ctime_ns, info.st_size)
    if key not in _HASHES:
        with open(path, "rb") as stream:
            _HASHES[key] = hashlib.file_digest(stream, "md5").hexdigest() if hasattr(
                hashlib, "file_digest") else hashlib.md5(stream.read()).hexdigest()
    return _HASHES[key]


def _look(path, info):
    if stat.S_ISREG(info.st_mode):
        what = _content(path, info)
    elif stat.S_ISLNK(info.st_mode):
        what = os.readlink(path)
    else:
        what = info.st_rdev
    mode = info.st_mode if not stat.S_ISLNK(info.st_mode) else stat.S_IFLNK
    xattrs = tuple(sorted((name, os.getxattr(path, name, follow_symlinks=False))
                          for name in os.listxattr(path, follow_symlinks=False)
                          if not name.startswith("trusted.overlay")))
    return (oct(mode), info.st_uid, info.st_gid, what, xattrs)


class World:
    """A fresh bed with the program that drives the snapshots."""

    def __init__(self, suite, program, packages=()):
        self.packages = tempfile.mkdtemp()
        self.bed = bed.fresh(suite, packages, binds={self.packages: "/srv/packages"})
        self.program = program

    def __enter__(self):
        self.bed.__enter__()
        self.bed.write("/usr/local/bin/by_hand", pathlib.Path(self.program).read_bytes(), 0o755)
        self.bed.must("mkdir -p /var/lib/aptkeep/snapshots")
        return self

    def __exit__(self, *rest):
        self.bed.__exit__(*rest)
        shutil.rmtree(self.packages)

    def path(self, inside):
        return os.fsencode(str(self.bed.path(""))) + os.fsencode(inside)

    def build(self, *args, **options):
        return "/srv/packages/" + build(self.packages, *args, **options)

    def dpkg(self, *args, expect=0, **options):
        result = self.bed.run(["dpkg", *args], **options)
        if expect is not None and (result.code == 0) != (expect == 0):
            raise AssertionError(f"dpkg {args}: {result}")
        return result

    def snapshots(self, what, *packages, expect=0, env=None, folder_=FOLDER):
        result = self.bed.run(["by_hand", what, folder_, *packages], env=env)
        if expect is not None and result.code != expect:
            raise AssertionError(f"{what} {packages}: {result}")
        return result.output

    def look(self, folders=LOOKED_AT):
        """path -> type, mode, owner, content or target, attributes; and what dpkg says."""
        found = {}
        top = os.fsencode(str(self.bed.path("")))
        stack = [top + b"/" + name.encode() for name in folders]
        skipped = tuple(name.encode() for name in (*NOT_LOOKED_AT, "/srv/packages"))
        while stack:
            path = stack.pop()
            inside = path[len(top):]
            if inside.startswith(skipped):
                continue
            info = os.lstat(path)
            found[inside] = _look(path, info)
            if stat.S_ISDIR(info.st_mode):
                stack += [path + b"/" + name for name in os.listdir(path)]
        for name in ("hashfile", "registry"):
            at = self.path(f"/var/lib/ucf/{name}")
            if os.path.exists(at):
                with open(at, "rb") as stream:
                    found[f"ucf {name}"] = sorted(stream.read().splitlines())
        status = self.bed.must(["dpkg-query", "-W", "-f",
                                "${Package}:${Architecture} ${Status} ${Version}${Conffiles}\\n"])
        found["dpkg"] = sorted(status.splitlines())
        info = self.path("/var/lib/dpkg/info")
        for name in os.listdir(info):
            with open(info + b"/" + name, "rb") as stream:
                text = stream.read()
            if name.endswith(b".list"):
                text = sorted(text.splitlines())
            found[b"info/" + name] = text
        return found


def differences(before, after):
    """What a reader of a failed test has to know."""
    lines = []
    for key in sorted(set(before) | set(after), key=str):
        if before.get(key) != after.get(key):
            one, two = before.get(key), after.get(key)
            if isinstance(one, list) and isinstance(two, list):
                one, two = ([x for x in one if x not in two], [x for x in two if x not in one])
            lines.append(f"{key}: {one} -> {two}")
    return "\n".join(lines)
