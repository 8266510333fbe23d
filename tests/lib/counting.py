"""A small source tree with a build folder whose tests are as a test wants them, for the tests of
what counts tests."""

import contextlib
import os
import pathlib
import shutil
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LIB = pathlib.Path("tests", "lib")

SKIPS = 'SKIP_RETURN_CODE 77'
OFF = 'DISABLED ON'


def environment(tree):
    """Without what a test run around this one has set."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("CTEST_", "APTKEEP_", "GIT_"))}
    return dict(kept, APTKEEP_CACHE=str(tree / "cache"), APTKEEP_SEED="7", LC_ALL="C.UTF-8")


@contextlib.contextmanager
def tree(files, tests):
    """`files`: copied from this source tree. `tests`: (name, shell command, properties or None)."""
    with tempfile.TemporaryDirectory(prefix="aptkeep-counting.") as folder:
        root = pathlib.Path(folder)
        for file in files:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(SOURCE / file, root / file)
        build = root / "build" / "dev"
        build.mkdir(parents=True)
        lines = []
        for name, command, properties in tests:
            lines.append(f"add_test({name} /bin/sh -c [=[{command}]=])")
            if properties:
                lines.append(f"set_tests_properties({name} PROPERTIES {properties})")
        (build / "CTestTestfile.cmake").write_text("\n".join(lines) + "\n")
        yield root
