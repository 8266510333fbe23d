#!/usr/bin/python3
"""lintian has no error to tell of the built packages, and every override has its reason above it.

    lintian.py SUITE
"""

import pathlib
import subprocess
import sys

import build  # sets the path to tests/lib
import lifetime


def unreasoned(path):
    """Overrides without a comment anywhere above them in their paragraph."""
    found, reason = [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            reason = False
        elif line.startswith("#"):
            reason = True
        elif not reason:
            found.append(f"{path}: no reason given for: {line}")
    return found


def main():
    lifetime.end_tidily()
    suite = sys.argv[1]
    wrong = []
    for path in sorted((build.TOP / "debian").glob("*lintian-overrides")):
        wrong += unreasoned(path)
    debs = [str(p) for p in sorted(pathlib.Path(build.debs(suite)).glob("*.deb"))]
    # The suite of the changes file is not this machine's: only the packages are looked at.
    done = subprocess.run(["lintian", "--fail-on", "error", "--allow-root", "--no-cfg", *debs],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(done.stdout)
    if done.returncode != 0:
        wrong.append(f"lintian ended {done.returncode}")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
