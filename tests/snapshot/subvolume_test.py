#!/usr/bin/python3
"""Where /var is another subvolume of a btrfs, no hard link leads there: snapshots share the files'
extents instead, which takes no room and does not count against the limit for copies.

    subvolume_test.py PROGRAM [--suite S] [unittest's arguments]
"""

import os
import pathlib
import subprocess

import case
import world
from case import FAILS, Case
from world import file, hard

MANY = 8 << 20
LIMIT = {"COPY_LIMIT": "1000"}  # bytes
# In the bed: a loop device that goes with its last mount, and so with the bed.
MOUNT = """
mknod /dev/loop-control c 10 237
for n in $(seq 0 63); do mknod /dev/loop$n b 7 $n; done
mkdir /run/top
mount -o loop /run/image /run/top
"""


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Subvolumes(Case):
    def btrfs(self, w):
        """A btrfs at /run/top, with one subvolume at /opt and another where snapshots are."""
        image = w.path("/run/image")
        with open(image, "wb") as made:
            made.truncate(256 << 20)
        run("mkfs.btrfs", "-q", image)
        w.bed.must(MOUNT)
        for name, at in (("system", "/opt"), ("var", "/var/lib/aptkeep")):
            run("btrfs", "subvolume", "create", w.path(f"/run/top/{name}"))
            w.bed.must(f"mkdir -p {at} && mount --bind /run/top/{name} {at}")
        w.bed.must("mkdir /var/lib/aptkeep/snapshots")

    def packages(self, w):
        content = os.urandom(MANY)
        files = {"/opt/foo/big": file(content, 0o755), "/opt/foo/same": hard("/opt/foo/big"),
                 "/opt/foo/half": file(content[:MANY // 2])}
        w.dpkg("-i", w.build("foo", "1.0", files))
        return w.build("foo", "2.0", {"/opt/foo/big": file("2.0")}, scripts={"postinst": FAILS})

    def saved(self, w, size):
        """The one file of this size in the snapshots."""
        found = [path for path in pathlib.Path(os.fsdecode(w.path(world.FOLDER))).rglob("*")
                 if path.is_file() and path.stat().st_size == size]
        self.assertEqual(len({path.stat().st_ino for path in found}), 1, found)
        return found[0]

    def extents(self, path):
        """(where it lies on the disk, its flags) of each"""
        lines = run("filefrag", "-s", "-v", path).splitlines()
        fields = [line.split(":") for line in lines if line.split(":")[0].strip().isdigit()]
        self.assertTrue(fields, lines)
        return [(line[2].strip(), line[-1].strip()) for line in fields]

    def test_extents_are_shared(self):
        w = self.world()
        self.btrfs(w)
        failing = self.packages(w)
        before = self.look(w)
        self.assertNotEqual(os.stat(w.path("/opt/foo/big")).st_dev,
                            os.stat(w.path("/var/lib/aptkeep")).st_dev)
        self.assertEqual(w.snapshots("take", "foo:amd64", env=LIMIT), "")
        for name, size in (("big", MANY), ("half", MANY // 2)):
            ours = self.extents(self.saved(w, size))
            theirs = self.extents(w.path(f"/opt/foo/{name}"))
            self.assertEqual([at for at, _ in ours], [at for at, _ in theirs], name)
            self.assertTrue(all("shared" in flags for _, flags in ours), ours)
        w.dpkg("-i", failing, expect=1)
        w.snapshots("back", "foo:amd64")
        self.same(before, self.look(w))

    def test_from_another_file_system_the_limit_counts(self):
        """So that the above shows something: without sharing the same snapshot is refused."""
        w = self.world()
        self.btrfs(w)
        w.bed.must("umount /opt")
        self.packages(w)
        output = w.snapshots("take", "foo:amd64", env=LIMIT, expect=1)
        self.assertIn("File too large", output)


if __name__ == "__main__":
    case.main()
