"""Tiny Debian packages, written here and not by dpkg-deb, so that a thousand take a second.

deb(5): an ar archive of debian-binary, control.tar and data.tar (uncompressed is allowed).
"""

import dataclasses
import hashlib
import io
import subprocess
import tarfile

SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
LOG = "/var/log/maintainer-scripts"
RELATIONS = ("Pre-Depends", "Depends", "Recommends", "Suggests", "Enhances", "Breaks", "Conflicts",
             "Replaces", "Provides")

# `fail` and `fail 3` are words that a script body may use.
SCRIPT_HEAD = """#!/bin/sh
set -e
fail() {{
  echo "{name} {version} {script}: failing on purpose" >&2
  exit "${{1:-1}}"
}}
echo "{name} {version} {script} $*" >>{log}
case "$1" in
"""


def native_arch():
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True,
                          text=True).stdout.strip()


NATIVE = native_arch()


@dataclasses.dataclass
class Package:
    name: str
    version: str
    arch: str = NATIVE
    fields: dict = dataclasses.field(default_factory=dict)     # control fields beyond the usual
    # script -> {first argument or "*": shell lines}; a package with any of them logs them in LOG
    scripts: dict = dataclasses.field(default_factory=dict)
    files: dict = dataclasses.field(default_factory=dict)      # path -> text
    links: dict = dataclasses.field(default_factory=dict)      # path -> target
    hard_links: dict = dataclasses.field(default_factory=dict)  # path -> path of the same file
    folders: list = dataclasses.field(default_factory=list)    # paths of empty ones
    modes: dict = dataclasses.field(default_factory=dict)      # path -> "4755 root:mail"
    conffiles: dict = dataclasses.field(default_factory=dict)  # path -> text
    triggers: str = ""                                         # deb-triggers(5)
    control_files: dict = dataclasses.field(default_factory=dict)  # "config", "templates" -> text

    def key(self):
        """As dpkg and apt name it: with the architecture where it is not the native one."""
        return self.name if self.arch in (NATIVE, "all") else f"{self.name}:{self.arch}"

    def successor(self, version):
        """The same package one version on: relations of equality follow, scripts do not."""
        fields = {
            k: v.replace(f"(= {self.version})", f"(= {version})") if k in RELATIONS else v
            for k, v in self.fields.items()
        }
        return dataclasses.replace(
            self, version=version, fields=fields, scripts={}, files=dict(self.files),
            links=dict(self.links), hard_links=dict(self.hard_links), folders=list(self.folders),
            modes=dict(self.modes), conffiles=dict(self.conffiles), control_files={})

    def without(self, path):
        """Takes a file, folder or link of whatever kind out of the package."""
        known = (self.files, self.links, self.hard_links, self.conffiles)
        if path not in self.folders and not any(path in kind for kind in known):
            raise KeyError(f"{self.name} {self.version} has no {path}")
        for kind in (*known, self.modes):
            kind.pop(path, None)
        self.folders = [folder for folder in self.folders if folder != path]

    def filename(self):
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.arch}.deb"

    def control(self):
        fields = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.arch,
            "Maintainer": "Nobody <nobody@example.org>",
            "Installed-Size": "1",
            "Section": "misc",
            "Priority": "optional",
            "Description": "made for a test",
        }
        fields.update(self.fields)
        return "".join(f"{k}: {v}\n" for k, v in fields.items() if v)

    def script(self, which):
        text = SCRIPT_HEAD.format(name=self.name, version=self.version, script=which, log=LOG)
        cases = self.scripts[which]
        for argument, body in sorted(cases.items(), key=lambda item: item[0] == "*"):
            text += f"{argument})\n{body}\n;;\n"
        return text + "esac\n"

    def deb(self):
        members = {"control": (self.control(), 0o644)}
        members.update({s: (self.script(s), 0o755) for s in SCRIPTS if s in self.scripts})
        if self.conffiles:
            members["conffiles"] = ("".join(f"{p}\n" for p in self.conffiles), 0o644)
        members.update({n: (text, 0o755) for n, text in self.control_files.items()})
        if self.triggers:
            members["triggers"] = (self.triggers + "\n", 0o644)
        shipped = {f"/usr/share/doc/{self.name}/version.{self.arch}": self.version + "\n",
                   **self.files}
        # As debhelper does it: conffiles have their sums in dpkg's database.
        members["md5sums"] = ("".join(
            f"{hashlib.md5(text.encode()).hexdigest()}  {path[1:]}\n"
            for path, text in sorted(shipped.items())), 0o644)
        data = Tree(self.modes)
        for path in sorted(self.folders):
            data.folder(path)
        for path, text in sorted({**shipped, **self.conffiles}.items()):
            data.add(path, tarfile.REGTYPE, 0o644, content=text.encode())
        for path, target in sorted(self.links.items()):
            data.add(path, tarfile.SYMTYPE, 0o777, target=target)
        for path, target in sorted(self.hard_links.items()):
            data.add(path, tarfile.LNKTYPE, 0o644, target="." + target)
        control = Tree()
        for name, (text, mode) in members.items():
            control.add(f"/{name}", tarfile.REGTYPE, mode, content=text.encode())
        return _ar([("debian-binary", b"2.0\n"), ("control.tar", control.close()),
                    ("data.tar", data.close())])


class Tree:
    """A tar archive of files with the folders they lie in; `modes`: path -> "4755 root:mail"."""

    def __init__(self, modes=None):
        self.out = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.out, mode="w", format=tarfile.GNU_FORMAT)
        self.modes = modes or {}
        self.made = set()

    def folder(self, path):
        parts = path.strip("/").split("/") if path.strip("/") else []
        for depth in range(len(parts) + 1):
            at = "/" + "/".join(parts[:depth])
            if at not in self.made:
                self.made.add(at)
                self._add(at, "." + at.rstrip("/") + "/", tarfile.DIRTYPE, 0o755)

    def add(self, path, kind, mode, content=b"", target=""):
        self.folder(path.rpartition("/")[0])
        self._add(path, "." + path, kind, mode, content, target)

    def _add(self, path, name, kind, mode, content=b"", target=""):
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.size, entry.linkname = kind, mode, len(content), target
        # dpkg takes the mode of a hard link for that of the file.
        wanted = self.modes.get(target[1:] if kind == tarfile.LNKTYPE else path)
        if wanted:
            octal, _, owner = wanted.partition(" ")
            entry.mode = int(octal, 8)
            # By name: dpkg looks the ids up in the root that it unpacks into.
            entry.uname, _, entry.gname = owner.partition(":")
        self.tar.addfile(entry, io.BytesIO(content))

    def close(self):
        self.tar.close()
        return self.out.getvalue()


def _ar(members):
    out = b"!<arch>\n"
    for name, content in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode()
        out += content + b"\n" * (len(content) % 2)
    return out


def index(packages, prefix=""):
    """(the text of a Packages file, {file name: content of the .deb})"""
    stanzas, debs = [], {}
    for package in packages:
        content = package.deb()
        debs[package.filename()] = content
        stanzas.append(package.control() + f"Filename: {prefix}{package.filename()}\n"
                       f"Size: {len(content)}\n"
                       f"SHA256: {hashlib.sha256(content).hexdigest()}\n")
    return "\n".join(stanzas), debs
