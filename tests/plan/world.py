"""A small system of its own for apt and dpkg-query, in a folder: a status file, a repository, and
rules. No root and no container is needed, because nothing is ever installed in it."""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib")]

import pkg  # noqa: E402

RULE = """
Package: {package}
Reason: {package} has its reasons
Source: https://rules.example.org/{package}
"""


class World:
    def __init__(self, folder, command):
        self.root = pathlib.Path(folder)
        self.command = command
        self.rules = self.root / "rules"
        for part in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d",
                     "var/lib/apt/lists/partial", "var/cache/apt/archives/partial",
                     "var/lib/dpkg/info", "var/lib/dpkg/updates", "repository", "rules", "log"):
            (self.root / part).mkdir(parents=True)
        (self.root / "apt.conf").write_text(
            f'Dir "{self.root}/";\nDir::State::status "{self.root}/var/lib/dpkg/status";\n'
            # Our launcher, which need not be there: apt only asks it for more architectures.
            f'Dir::Bin::dpkg "/usr/lib/aptkeep/bin/dpkg";\n'
            f'Dir::Log "{self.root}/log";\nDir::Etc::trusted "/etc/apt/trusted.gpg";\n'
            'Acquire::Languages "none";\nAPT::Sandbox::User "root";\n', encoding="utf-8")
        self.environment = {**os.environ, "APT_CONFIG": str(self.root / "apt.conf"),
                            "DPKG_ADMINDIR": str(self.root / "var/lib/dpkg"),
                            "LC_ALL": "C.UTF-8", "LANGUAGE": "de"}
        for name in ("APTKEEP", "APTKEEP_FORCE"):
            self.environment.pop(name, None)
        (self.root / "etc/apt/sources.list").write_text(
            f"deb [trusted=yes] file:{self.root}/repository ./\n", encoding="utf-8")

    def installed(self, *packages):
        stanzas = []
        for package in packages:
            lines = package.control().splitlines()
            lines.insert(1, "Status: install ok installed")
            stanzas.append("\n".join(lines) + "\n")
        (self.root / "var/lib/dpkg/status").write_text("\n".join(stanzas), encoding="utf-8")

    def offers(self, *packages):
        folder = self.root / "repository"
        text, debs = pkg.index(packages, "./")
        for name, content in debs.items():
            (folder / name).write_bytes(content)
        (folder / "Packages").write_text(text, encoding="utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        (folder / "Release").write_text(
            "Origin: Debian\nLabel: Debian\nSuite: stable\nCodename: bookworm\n"
            "Date: Thu, 01 Jan 2026 00:00:00 UTC\n"
            f"SHA256:\n {digest} {len(text)} Packages\n", encoding="utf-8")
        subprocess.run(["apt-get", "-q", "update"], env=self.environment, check=True,
                       capture_output=True, timeout=120)

    def rule(self, package, fields, name="50-test.rules"):
        with open(self.rules / name, "a", encoding="utf-8") as file:
            file.write(RULE.format(package=package) + fields.rstrip("\n") + "\n")

    def run(self, *args, environment=None, **more):
        return subprocess.run([self.command, *args], capture_output=True, timeout=120,
                              stdin=subprocess.DEVNULL,
                              env={**self.environment, **(environment or {})}, **more)

    def with_rules(self, *args, **more):
        command, *rest = args
        return self.run(command, "--rules", str(self.rules), *rest, **more)

    def fingerprint(self):
        """All that apt, dpkg and the rules have on disk; not apt's caches, which any question may
        renew, nor the tests' own records."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            inside = str(path.relative_to(self.root))
            if not inside.startswith(("var/cache/apt/", "records/")) and path.is_file():
                found[inside] = (path.read_bytes(), path.stat().st_mtime_ns)
        return found

    def changed_since(self, before):
        now = self.fingerprint()
        return [name for name in sorted(now.keys() | before.keys())
                if now.get(name) != before.get(name)]


class Case(unittest.TestCase):
    """A test with a world of its own, in a folder that others may look into."""
    command = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="aptkeep-plan-")
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        self.world = World(folder.name, self.command)
        self.folder = pathlib.Path(folder.name)
