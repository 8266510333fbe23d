#!/usr/bin/python3
"""Steps that are done twice, that find damage, or that cannot put all back; and packages that were
removed.

    again_test.py PROGRAM [--suite S] [unittest's arguments]
"""

import os

import case
import world
from case import FAILS, Case
from world import file, folder


class Removed(Case):
    def check(self, how):
        w = self.world()
        files = {"/usr/bin/foo": file("1.0", 0o755), "/var/lib/foo/void": folder(0o700),
                 **{f"/etc/foo/{name}": file("1.0\n") for name in ("a", "edited", "deleted")}}
        scripts = {
            "postinst": "update-alternatives --install /usr/bin/aned aned /usr/bin/foo 5",
            "prerm": "update-alternatives --remove aned /usr/bin/foo",
            "postrm": "if [ $1 = purge ]; then rm -rf /etc/foo; fi"}
        w.dpkg("-i", w.build("foo", "1.0", files, conffiles=[p for p in files if "/etc" in p],
                             scripts=scripts))
        w.bed.must("echo edited >>/etc/foo/edited; rm /etc/foo/deleted")
        w.bed.must("dpkg-statoverride --update --add root mail 0750 /usr/bin/foo")
        self.there_and_back(w, ["foo"], args=(how,), expect=0)

    def test_removed(self):
        self.check("--remove")

    def test_purged(self):
        self.check("--purge")


class Again(Case):
    """Steps that were cut off are done again by `resume`."""

    def test_each_step_twice(self):
        w = self.world()
        files = {"/usr/share/foo/d/a": file("1.0"), "/etc/foo.conf": file("1.0\n"),
                 "/usr/bin/foo": file("1.0", 0o4755)}
        w.dpkg("-i", w.build("foo", "1.0", files, conffiles=["/etc/foo.conf"]))
        before = w.look()
        new = {"/usr/share/foo/d": world.link("elsewhere"), "/etc/foo.conf": file("2.0\n"),
               "/etc/foo-new.conf": file("2.0\n"), "/usr/bin/foo": file("2.0", 0o755)}
        failing = w.build("foo", "2.0", new, conffiles=["/etc/foo.conf", "/etc/foo-new.conf"],
                          scripts={"preinst": "rm -rf /usr/share/foo/d", "postinst": FAILS})
        w.snapshots("take", "foo:amd64")
        w.dpkg("-i", failing, expect=1)
        for _ in range(2):
            archive = w.snapshots("archive", "foo:amd64").strip()
            w.snapshots("clear", "foo:amd64")
            w.dpkg("--unpack", archive)
            for step in ("settle", "settle", "clear", "settle"):
                w.snapshots(step, "foo:amd64")
            w.dpkg("--configure", "foo")
            w.snapshots("complete", "foo:amd64")
            w.snapshots("complete", "foo:amd64")
            self.same(before, w.look())

    def test_unpacking_that_fails_after_a_way_back(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", {"/usr/share/foo/d/a": file("1.0")}))
        failing = w.build("foo", "2.0", {"/usr/share/foo/d": world.link("elsewhere")}, scripts={
            "preinst": "rm -rf /usr/share/foo/d", "postinst": FAILS})
        self.there_and_back(w, [failing])
        w.dpkg("-i", failing, expect=1)
        between = w.look()
        w.snapshots("clear", "foo:amd64")
        w.snapshots("settle", "foo:amd64")
        self.same(between, w.look())
        w.snapshots("back", "foo:amd64")

    def test_a_snapshot_without_its_end_is_none(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", {"/usr/bin/foo": file("1.0")}))
        w.snapshots("take", "foo:amd64")
        record = w.path(world.FOLDER + "/foo:amd64/record")
        with open(record, "r+b") as stream:
            stream.truncate(100)
        self.assertIn("damaged", w.snapshots("archive", "foo:amd64", expect=1))
        w.snapshots("take", "foo:amd64")
        w.snapshots("archive", "foo:amd64")

    def test_damaged_copies_are_not_packed(self):
        w = self.world()
        files = {"/etc/foo.conf": file("1.0\n"), "/usr/bin/foo": file("1.0")}
        w.dpkg("-i", w.build("foo", "1.0", files, conffiles=["/etc/foo.conf"]))
        w.snapshots("take", "foo:amd64")
        own = os.fsdecode(w.path(world.FOLDER + "/foo:amd64"))
        copy, = [f"{own}/files/{name}" for name in os.listdir(own + "/files")
                 if os.stat(f"{own}/files/{name}").st_nlink == 1]
        for damage in (lambda: os.truncate(copy, 1), lambda: os.unlink(copy)):
            damage()
            output = w.snapshots("archive", "foo:amd64", expect=1)
            self.assertIn("unable to read what was saved of /etc/foo.conf", output)
            self.assertEqual(set(os.listdir(own)), {"record", "files", "control"})


class Named(Case):
    """What could not be put back is named."""

    def test_what_the_old_scripts_spoil(self):
        w = self.world()
        files = {f"/usr/share/foo/{name}": file("1.0") for name in ("gone", "other", "mode", "kind")}
        spoil = ("cd /usr/share/foo; rm gone kind; mkdir kind; echo 2 >>other; chmod 600 mode\n"
                 "chown 1:1 mode")
        w.dpkg("-i", w.build("foo", "1.0", files,
                             scripts={"postinst": "test ! -e /spoil || (" + spoil + ")"}))
        w.snapshots("take", "foo:amd64")
        w.dpkg("-i", w.build("foo", "2.0", files, scripts={"postinst": FAILS}), expect=1)
        w.bed.must("touch /spoil")
        output = w.snapshots("back", "foo:amd64", expect=3)
        self.assertEqual([line for line in output.splitlines() if line.startswith("differs")], [
            "differs: /usr/share/foo/gone: is missing, was a file",
            "differs: /usr/share/foo/kind: is a folder, was a file",
            "differs: /usr/share/foo/other: its content is another"])
        info = os.stat(w.path("/usr/share/foo/mode"))
        self.assertEqual((info.st_mode & 0o7777, info.st_uid, info.st_gid), (0o644, 0, 0))

    def test_a_file_that_was_written_to_in_place(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", {"/var/lib/foo/data": file("1.0")}))
        w.snapshots("take", "foo:amd64")
        failing = w.build("foo", "2.0", {"/var/lib/foo/data": file("2.0")}, scripts={
            "preinst": "echo more >>/var/lib/foo/data", "postinst": FAILS})
        w.dpkg("-i", failing, expect=1)
        output = w.snapshots("back", "foo:amd64", expect=3)
        self.assertIn("/var/lib/foo/data: it was written to in place", output)
        self.assertEqual(w.bed.read("/var/lib/foo/data"), "1.0more\n")

    def test_without_proc(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", {"/usr/bin/foo": file("1.0", 0o4755)}))
        failing = w.build("foo", "2.0", {"/usr/bin/foo": file("2.0", 0o755)},
                          scripts={"postinst": FAILS})
        before = w.look()
        w.bed.must("umount -l /proc")
        w.snapshots("take", "foo:amd64")
        w.dpkg("-i", failing, expect=1)
        w.snapshots("back", "foo:amd64")
        self.same(before, w.look())


if __name__ == "__main__":
    case.main()
