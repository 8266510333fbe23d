#!/usr/bin/python3
"""A program of somebody else, compiled with what libaptkeep-dev installs, computes a kept set and
reads a run that really took place.

    outside.py SUITE
"""

import sys

import build  # sets the path to tests/lib
import bed as beds
import lifetime
import pkg
import repo

# Says 2 of the example's packages stay back, and the one that failed in the run below.
EXPECTED = ("2 packages stay back", "bar kept: needs foo (= 2.0); foo failed", "broken")


def break_a_package(bed, suite):
    """One run with a failure, for the record."""
    repositories = repo.Repositories(bed, suite)
    repositories.replace([pkg.Package("broken", "1.0", scripts={"preinst": {"install": "fail"}})])
    repositories.update()
    result = bed.run("apt-get -y install broken")
    if result.code != 100:
        raise beds.BedError(f"the installation of a broken package ended {result}")


def main():
    lifetime.end_tidily()
    suite = sys.argv[1]
    debs = build.debs(suite)
    with beds.fresh(suite, build.build_dependencies()) as bed:
        names = []
        for deb in debs.glob("*.deb"):
            if "dbgsym" not in deb.name:
                names.append(f"/root/{deb.name}")
                bed.write(names[-1], deb.read_bytes())
        bed.must(["apt-get", "-y", "install", *names])
        break_a_package(bed, suite)
        source = (build.TOP / "docs/examples/outside.c").read_bytes()
        bed.write("/tmp/outside.c", source)
        output = bed.must("cd /tmp && cc -Wall -Werror outside.c "
                          "$(pkg-config --cflags --libs aptkeep) -o outside && ./outside")
    print(output)
    missing = [text for text in EXPECTED if text not in output]
    print("\n".join(f"not said: {text}" for text in missing))
    return 1 if missing else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except beds.BedError as error:
        sys.exit(f"outside.py: {error}")
