"""Where to get a Debian release from: the same places as this machine's own apt.

No mirror is named anywhere in the tree. apt itself reads .list and .sources files alike and tells
what came of them (apt-get indextargets, see /usr/share/doc/apt-doc/acquire-additional-files.md).
"""

import subprocess

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUFFIXES = ("", "-updates", "-security")
# What makes downloads work here at all must make them work in the roots too.
PASSED_SETTINGS = (
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::Retries",
)


class NoSources(Exception):
    pass


def host_codename():
    with open("/etc/os-release", encoding="utf-8") as file:
        values = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    return values.get("VERSION_CODENAME", "").strip('"')


def _targets():
    fmt = "$(REPO_URI)|$(CODENAME)|$(ORIGIN)|$(COMPONENT)"
    out = subprocess.run(
        ["apt-get", "indextargets", "--format", fmt, "Created-By: Packages"],
        check=True, capture_output=True, text=True).stdout
    return [line.split("|") for line in out.splitlines() if line.count("|") == 3]


def lines(codename):
    """sources.list lines for `codename`: the release, its updates, its security archive."""
    host = host_codename()
    found = []
    for uri, name, origin, component in _targets():
        suffix = name[len(host):] if name.startswith(host) else None
        if origin != "Debian" or component != "main" or suffix not in SUFFIXES:
            continue
        line = f"deb [signed-by={KEYRING}] {uri.rstrip('/')} {codename}{suffix} main"
        if line not in found:
            found.append(line)
    if not found:
        raise NoSources("unable to find Debian's archive in apt's sources: "
                        "run `apt-get update` first")
    return found


def source_lines(codename):
    """The same of the source packages."""
    return [line.replace("deb ", "deb-src ", 1) for line in lines(codename)]


def settings():
    """This machine's apt settings, as apt.conf lines, that decide whether a download works."""
    out = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    return [line for line in out.splitlines()
            if line.split(" ", 1)[0] in PASSED_SETTINGS and not line.endswith(' "";')]


if __name__ == "__main__":
    import sys
    print("\n".join(lines(sys.argv[1] if len(sys.argv) > 1 else host_codename())))
