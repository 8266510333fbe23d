"""What the scripted tests of this folder share: beds with and without aptkeep, played upon by the
lines of a scenario file.

By hand, for work on the programs: APTKEEP_STAGED=DIR or APTKEEP_DEBS=DIR (as run.py's --staged and
--debs), APTKEEP_SUITE=trixie.
"""

import contextlib
import os
import pathlib
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), *[str(HERE.parent / name) for name in ("lib", "package", "scenario")]]

import bed as beds  # noqa: E402
import build  # noqa: E402
import installed  # noqa: E402
import run  # noqa: E402
import scenario  # noqa: E402

SUITE = os.environ.get("APTKEEP_SUITE", "bookworm")
STAGED = os.environ.get("APTKEEP_STAGED", "")
DEBS = os.environ.get("APTKEEP_DEBS", "")


class World:
    """A bed and the packages in it."""

    def __init__(self, bed, stock):
        self.bed = bed
        self.runner = run.Runner(bed=bed, suite=SUITE, stock=stock, verbose=False, debs=None)

    def play(self, text):
        """The sections of a scenario file; raises what run.py would have called FAILED."""
        with tempfile.NamedTemporaryFile("w", suffix=".scenario", encoding="utf-8") as file:
            file.write(text if "[expect]" in text else text + "\n[expect] some\n")
            file.flush()
            self.runner.play(scenario.read(file.name))

    def log(self):
        return "\n".join(self.runner.log)

    def states(self):
        return run.package_states(self.bed)


@contextlib.contextmanager
def world(text, needs=(), stock=False, kind=beds):
    """`kind`: the module whose beds to take, bed or booted."""
    above = []
    if not stock and not STAGED:
        above = [installed.layer(SUITE, needs, DEBS or build.debs(SUITE))]
    with kind.fresh(SUITE, needs, above) as bed:
        if not stock and STAGED:
            installed.copy_staged(bed, STAGED)
            if bed.path("/run/systemd/system").exists():
                bed.must(["systemctl", "daemon-reload"])  # as the package's postinst does
        made = World(bed, stock)
        made.play(text)
        yield made


def wait_until(condition, what, seconds=300):
    """Waits for what is bound to come; the limit only ends a test that hangs."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited in vain for " + (what() if callable(what) else what))
        time.sleep(0.05)
