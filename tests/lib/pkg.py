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
        return Package(self.name, version, self.arch, fields, {}, dict(self.files),
                       dict(self.links), dict(self.conffiles), self.triggers)

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
        data = {f"/usr/share/doc/{self.name}/version.{self.arch}": self.version + "\n",
                **self.files, **self.conffiles}
        return _ar([("debian-binary", b"2.0\n"),
                    ("control.tar", _tar({f"/{k}": v for k, v in members.items()}, {})),
                    ("data.tar", _tar({k: (v, 0o644) for k, v in data.items()}, self.links))])


def _tar(files, links):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        made = set()

        def folders(path):
            parts = path.strip("/").split("/")[:-1]
            for depth in range(len(parts) + 1):
                folder = "./" + "/".join(parts[:depth])
                if folder not in made:
                    made.add(folder)
                    entry = tarfile.TarInfo(folder.rstrip("/") + "/")
                    entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                    tar.addfile(entry)

        for path, (text, mode) in sorted(files.items()):
            folders(path)
            content = text.encode()
            entry = tarfile.TarInfo("." + path)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
        for path, target in sorted(links.items()):
            folders(path)
            entry = tarfile.TarInfo("." + path)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
            tar.addfile(entry)
    return out.getvalue()


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
