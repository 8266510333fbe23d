"""What the tests of how-tos share: a booted system with scenario files' packages."""

import contextlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "services")]

import units  # noqa: E402  first: it says where the others are

import frontend  # noqa: E402
import howto  # noqa: E402
import booted  # noqa: E402


def section(scenario, head, nth=0):
    """The text of the nth section that begins with `head` in a file of tests/scenario."""
    text = (HERE.parent / "scenario" / scenario).read_text(encoding="utf-8")
    found = [part for part in text.replace("\n[", "\n\0[").split("\0") if part.startswith(head)]
    return found[nth]


@contextlib.contextmanager
def world(installed, needs=()):
    """`installed`: the lines of a scenario file for what stock apt installs first."""
    with frontend.world(installed, (*units.NEEDS, *needs), False, booted) as made:
        yield made
