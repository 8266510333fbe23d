"""Real file systems for a test, in a mount namespace of its own: gone with the process."""

import ctypes
import os
import pathlib
import subprocess
import tempfile

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
LIBC = ctypes.CDLL(None, use_errno=True)


def own_mounts():
    """From here on mounts of this process are its own."""
    if LIBC.unshare(CLONE_NEWNS) != 0 or LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE,
                                                    None) != 0:
        raise OSError(ctypes.get_errno(), "unable to make a mount namespace")


class Disks:
    """Two ext4 file systems, `one` and `two`, from files."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="aptkeep-qmail-")
        self.mounted = []
        for name in ("one", "two"):
            at = pathlib.Path(self.folder.name, name)
            image = f"{at}.ext4"
            at.mkdir()
            subprocess.run(["truncate", "-s", "64M", image], check=True)
            subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-N", "16384", image], check=True)
            subprocess.run(["mount", "-o", "loop", image, at], check=True)
            self.mounted.append(at)
        self.one, self.two = self.mounted

    def mount(self, *words):
        subprocess.run(["mount", *map(str, words)], check=True)
        self.mounted.append(pathlib.Path(words[-1]))

    def close(self):
        for at in reversed(self.mounted):
            subprocess.run(["umount", at], check=True)
        os.sync()
        self.folder.cleanup()
