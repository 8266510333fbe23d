"""A package repository inside a bed, and apt set up to see nothing else."""

import hashlib

import pkg

APT_SETTINGS = """// No test needs more than its own repository.
Acquire::Languages "none";
APT::Install-Recommends "true";
"""

# What makes apt, and so aptkeep, take a repository for a security archive or a foreign one.
IDENTITIES = {
    "main": ("Debian", "Debian", ""),
    "security": ("Debian", "Debian-Security", "-security"),
    "third-party": ("Elsewhere", "Elsewhere", ""),
    "aptkeep": ("Debian", "Debian", ""),
}


class Repositories:
    def __init__(self, bed, codename):
        self.bed = bed
        self.codename = codename
        self.packages = {}  # repository -> {(key, version): Package}
        bed.write("/etc/apt/apt.conf.d/99bed", APT_SETTINGS)

    def replace(self, packages, name="main"):
        self.packages[name] = {(p.key(), p.version): p for p in packages}
        self._write(name)

    def add(self, packages, name="main"):
        self.packages.setdefault(name, {}).update({(p.key(), p.version): p for p in packages})
        self._write(name)

    def update(self):
        self.bed.must(["apt-get", "-q", "update"])

    def _write(self, name):
        folder = f"/srv/repository/{name}"
        text, debs = pkg.index(self.packages[name].values(), "./")
        self.write_raw(name, text, debs)
        return folder

    def write_raw(self, name, text, debs):
        """`text`: a Packages file whose Filename fields begin with ./; `debs`: file -> content."""
        folder = f"/srv/repository/{name}"
        self.bed.must(["rm", "-rf", folder])
        for file, content in debs.items():
            self.bed.write(f"{folder}/{file}", content)
        self.bed.write(f"{folder}/Packages", text)
        origin, label, suffix = IDENTITIES[name]
        content = text.encode()
        self.bed.write(f"{folder}/Release", (
            f"Origin: {origin}\nLabel: {label}\nSuite: {self.codename}{suffix}\n"
            f"Codename: {self.codename}{suffix}\nDate: Thu, 01 Jan 2026 00:00:00 UTC\n"
            f"SHA256:\n {hashlib.sha256(content).hexdigest()} {len(content)} Packages\n"))
        # copy:, so that archives come to /var/cache/apt/archives as they do from a mirror.
        self.bed.write(f"/etc/apt/sources.list.d/{name}.list",
                       f"deb [trusted=yes] copy:{folder} ./\n")
