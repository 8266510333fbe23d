#!/usr/bin/python3
"""Rules about the source tree and the built programs that no compiler checks.

usage: check_tree.py layers|lengths|hosts SOURCE
       check_tree.py static SOURCE PROGRAM...
"""
import pathlib
import re
import subprocess
import sys

# One foreign library, one place (docs/design.md, "Layers").
PLACES = {
    r"<apt-pkg/": r"lib/adapters/apt_[a-z_]+\.(cc|h)$",
    r"<dpkg/": r"lib/adapters/dpkg_([a-z]+\.cc|impl\.h)$",
    r"<boost/process": r"lib/adapters/process\.cc$",
    # To be cut off at each commit a test has to see it.
    r"<sqlite3\.h>": r"(lib/state/[a-z_]+|tests/engine/killed_random_test)\.cc$",
    r"<systemd/": r"(lib/adapters/units_bus|hooks/bus-names/main)\.cc$",
}
SOURCES = (".cc", ".h", ".c", ".hpp", ".cpp")
# Headers of ours that need nothing but libc, for what does not either (lib/table).
# config.h: nothing but paths.
LIBC_ONLY = {"core/table_layout.h", "core/config.h", "adapters/end_by_signal.h",
             "adapters/path_list.h", "adapters/process_stat.h"}
LIBC_USERS = ("lib/table/", "lib/policy/")
MOST_LINES = 400


def tracked(source, *suffixes):
    names = subprocess.run(["git", "-C", source, "ls-files", "-z"], check=True,
                           capture_output=True).stdout.decode().split("\0")
    return [n for n in names if n and (not suffixes or n.endswith(suffixes))
            and (pathlib.Path(source) / n).is_file()]


def read(source, name):
    return (pathlib.Path(source) / name).read_text(errors="replace")


def layers(source):
    wrong = []
    for name in tracked(source, *SOURCES):
        text = read(source, name)
        for include, place in PLACES.items():
            if re.search(r"#\s*include\s*" + include, text) and not re.search(place, name):
                wrong.append(f"{name}: includes {include}...: belongs in {place}")
        if name.startswith("lib/core/"):
            for line in re.findall(r'#\s*include\s*[<"]([^>"]+)[>"]', text):
                pure = line.startswith("core/") or "/" not in line and not line.endswith(".h")
                if not pure:
                    wrong.append(f"{name}: core includes {line}: std headers and core only")
        if name.startswith(LIBC_USERS) or name.removeprefix("lib/") in LIBC_ONLY:
            for mark, line in re.findall(r'#\s*include\s*([<"])([^>"]+)[>"]', text):
                libc = mark == "<" and (line.endswith(".h") or re.fullmatch(r"c[a-z]+", line))
                ours = line.startswith(("table/", "policy/")) or line in LIBC_ONLY
                if not (libc or ours):
                    wrong.append(f"{name}: includes {line}: libc only, for programs without more")
    return wrong


def lengths(source):
    return [f"{name}: {count} lines, more than {MOST_LINES}"
            for name in tracked(source, *SOURCES, ".py", ".sh")
            if (count := read(source, name).count("\n")) > MOST_LINES]


def hosts(source):
    # Put together, so that this file does not match itself.
    forbidden = [r"deb\.deb" + r"ian\.org", r"security\.deb" + r"ian\.org", r"registry\.np" + r"mjs",
                 r"/work/(main|shared)"]
    return [f"{name}: names {found.group(0)}" for name in tracked(source)
            for found in [re.search("|".join(forbidden), read(source, name))] if found]


def static(programs):
    wrong = []
    for program in programs:
        headers = subprocess.run(["readelf", "-ldW", program], check=True, capture_output=True,
                                 text=True).stdout
        kind = subprocess.run(["readelf", "-hW", program], check=True, capture_output=True,
                              text=True).stdout
        if "INTERP" in headers or "(NEEDED)" in headers:
            wrong.append(f"{program}: is linked dynamically")
        if "DYN" not in kind:
            wrong.append(f"{program}: is not position-independent")
    return wrong


def main():
    what, source = sys.argv[1:3]
    rules = {"layers": layers, "lengths": lengths, "hosts": hosts}
    wrong = static(sys.argv[3:]) if what == "static" else rules[what](source)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
