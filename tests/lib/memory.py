"""What packages and the system they are in looked like at a moment, to be compared with later.

All is read from outside: the files through the bed's root, dpkg's knowledge from its own files. So
it is nobody's record but the test's.
"""

import hashlib
import os
import stat

import pkg

# Where a run leaves its own traces, whatever it does.
ELSEWHERE = ("/proc", "/dev", "/run", "/sys", "/tmp", "/srv", "/root", "/var/log", "/var/cache",
             "/var/lib/apt", "/var/lib/aptkeep", "/var/lib/dpkg", "/etc/apt/preferences.d")
INFO = "/var/lib/dpkg/info"
# What maintainer scripts change beside files of their own.
REGISTRIES = ("/var/lib/dpkg/diversions", "/var/lib/dpkg/statoverride")
REGISTRY_FOLDERS = ("/var/lib/dpkg/alternatives", "/etc/alternatives", "/var/lib/ucf")
ORDERED = (".list", ".md5sums", ".conffiles")


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _attributes(path):
    names = os.listxattr(path, follow_symlinks=False)
    # The bed's own: it lies on an overlay.
    return {n: os.getxattr(path, n, follow_symlinks=False) for n in names
            if not n.startswith("trusted.")}


def look(path):
    """What is to be the same again; None: nothing there."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    facts = {"type": stat.filemode(found.st_mode)[0], "mode": oct(found.st_mode & 0o7777),
             "owner": f"{found.st_uid}:{found.st_gid}", "attributes": _attributes(path)}
    if stat.S_ISREG(found.st_mode):
        facts["content"] = hashlib.sha256(_read(path)).hexdigest()
        # cron, among others, does not take files with more than one name.
        facts["names"] = found.st_nlink if "/etc/" in str(path) else None
    elif stat.S_ISLNK(found.st_mode):
        facts["target"] = os.readlink(path)
    return facts


def _changes(before, after):
    """What differs between two looks at a path."""
    if before is None or after is None:
        return [] if before == after else ["is gone" if before else "was not there"]
    return [f"{fact} was {before.get(fact)}, is {after.get(fact)}"
            for fact in sorted(before | after) if before.get(fact) != after.get(fact)]


class Memory:
    def __init__(self, bed, packages):
        self.bed = bed
        self.paths = set(self._all_paths())
        self.stanzas = self._stanzas()
        self.info = {name: self._info(name) for name in packages}
        self.files = {name: self._files(name) for name in packages}
        self.registries = self._registries()

    def _all_paths(self):
        root = str(self.bed.path("/")).rstrip("/")
        for folder, names, files in os.walk(root):
            inside = folder.removeprefix(root)
            names[:] = [n for n in names if f"{inside}/{n}" not in ELSEWHERE]
            yield from (f"{inside}/{n}" for n in names + files)

    def _stanzas(self):
        """package -> its stanza in dpkg's database, without the state."""
        found = {}
        for stanza in self.bed.read("/var/lib/dpkg/status").split("\n\n"):
            lines = [line for line in stanza.strip("\n").split("\n")
                     if not line.startswith("Status: ")]
            fields = dict(line.split(": ", 1) for line in lines
                          if ": " in line and not line.startswith(" "))
            if "Package" in fields:
                found[f"{fields['Package']}:{fields.get('Architecture')}"] = sorted(lines)
        return found

    def _stanza(self, name):
        base, _, arch = name.partition(":")
        for kind in [arch] if arch else [pkg.NATIVE, "all"]:
            if f"{base}:{kind}" in self.stanzas:
                return self.stanzas[f"{base}:{kind}"]
        return None

    def _info_files(self, name):
        """{".list": path of the file}; one that is Multi-Arch: same has its architecture in the
        name."""
        folder = self.bed.path(INFO)
        stem = name if (folder / f"{name}.list").exists() else f"{name}:{pkg.NATIVE}"
        return {p.suffix: p for p in sorted(folder.glob(f"{stem}.*")) if p.stem == stem}

    def _info(self, name):
        return {kind: sorted(_read(p).splitlines()) if kind in ORDERED else _read(p)
                for kind, p in self._info_files(name).items()}

    def _files(self, name):
        path = self._info_files(name).get(".list")
        listed = [p for p in _read(path).decode().splitlines() if p != "/."] if path else []
        found = {p: look(self.bed.path(p)) for p in listed}
        by_inode = {}
        for path in [p for p in listed if found[p] and found[p]["type"] == "-"]:
            by_inode.setdefault(self.bed.path(path).lstat().st_ino, []).append(path)
        for paths in by_inode.values():
            for path in paths:
                found[path]["one with"] = sorted(set(paths) - {path})
        return found

    def _registries(self):
        paths = list(REGISTRIES)
        for folder in REGISTRY_FOLDERS:
            if self.bed.path(folder).exists():
                paths += [f"{folder}/{p.name}" for p in sorted(self.bed.path(folder).iterdir())]
        found = {}
        for path in paths:
            inside = self.bed.path(path)
            if path in REGISTRIES and (not inside.exists() or not inside.stat().st_size):
                continue
            if inside.is_symlink():
                found[path] = os.readlink(inside)
            # ucf numbers its backups.
            elif inside.is_file() and not inside.suffix[1:].isdigit():
                found[path] = _read(inside)
        return found

    def _owned(self):
        owned = set()
        for path in self.bed.path(INFO).iterdir():
            if path.name.endswith(".list"):
                owned.update(_read(path).decode(errors="replace").splitlines())
        # A diverted file lies under another name, an aliased folder's under both.
        lines = self.bed.read("/var/lib/dpkg/diversions").splitlines() if self.bed.path(
            "/var/lib/dpkg/diversions").exists() else []
        owned.update(lines[1::3])
        return owned | {"/usr" + p for p in owned if p.startswith(("/lib", "/bin", "/sbin"))}

    def left_behind(self):
        """Paths that have come since, and belong to no package."""
        now = set(self._all_paths()) - self.paths
        return sorted(now - self._owned())

    def differences(self, names):
        """What of these packages, and of the registries, is not as it was."""
        now = Memory(self.bed, names)
        wrong = []
        for name in names:
            before, after = set(self._stanza(name) or ()), set(now._stanza(name) or ())
            if before != after:
                wrong.append(f"dpkg knew of {name}: {sorted(before - after)}, "
                             f"knows: {sorted(after - before)}")
            for kind in sorted(self.info[name] | now.info[name]):
                before, after = self.info[name].get(kind), now.info[name].get(kind)
                if kind == ".list" and before and after:
                    # What the admin had deleted may be forgotten.
                    gone = {p.encode() for p, facts in self.files[name].items() if facts is None}
                    before, after = [p for p in before if p not in gone], [
                        p for p in after if p not in gone]
                if before != after:
                    wrong.append(f"{name}{kind} was:\n{before}\nand is:\n{after}")
            for path, before in self.files[name].items():
                after = now.files[name].get(path) or look(self.bed.path(path))
                wrong += [f"{path}: {what}" for what in _changes(before, after)]
        for path in sorted(self.registries | now.registries):
            before, after = self.registries.get(path), now.registries.get(path)
            if before != after:
                wrong.append(f"{path}: {before}, now {after}")
        return wrong + [f"left behind: {path}" for path in self.left_behind()]

