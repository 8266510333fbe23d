#!/usr/bin/python3
"""Packages that an upgrade failed for come back as they were: all of the root is compared with a
look at it from before.

    way_back_test.py PROGRAM [--suite S] [unittest's arguments]
"""

import os

import case
import world
from case import FAILS, Case
from world import device, fifo, file, folder, hard, link


class Files(Case):
    ALL = {
        "/usr/bin/foo": file("#!/bin/sh\necho 1.0\n", 0o755),
        "/usr/bin/foo-same": hard("/usr/bin/foo"),
        "/usr/bin/foo-link": link("foo"),
        "/usr/bin/foo-su": file("setuid 1.0\n", 0o4755),
        "/usr/bin/foo-sg": file("setgid 1.0\n", 0o2755, (0, 8)),
        "/usr/share/foo/sticky": file("sticky 1.0\n", 0o1644),
        "/usr/share/foo/with space and \u00e4": file("1.0"),
        b"/usr/share/foo/latin-\xe4\xff": file("1.0"),
        "/usr/share/foo/empty": file(""),
        "/usr/share/foo/big": file("0123456789abcdef" * 20000),
        "/usr/share/foo/void": folder(),
        "/usr/share/foo/secret": folder(0o700),
        "/usr/share/foo/secret/key": file("secret 1.0", 0o600, (1, 1)),
        "/usr/share/foo/group": folder(0o2775, (0, 8)),
        "/usr/share/foo/owned-link": link("../nowhere", (1, 1)),
        "/usr/share/foo/pipe": fifo(0o640),
        "/usr/share/foo/null": device(1, 3, 0o640),
        "/lib/foo/aliased": file("aliased 1.0"),
        "/var/lib/foo/state": file("state 1.0", 0o640, (1, 8)),
        "/etc/foo.plain": file("no conffile 1.0"),
    }

    def test_every_kind_of_file(self):
        w = self.world()
        old = w.build("foo", "1.0", self.ALL)
        new = {path: (file("2.0", 0o755) if spec[0] in ("file", "hard") else spec)
               for path, spec in self.ALL.items()}
        for gone in ("/usr/bin/foo-su", "/usr/share/foo/empty", "/usr/share/foo/void",
                     "/usr/share/foo/pipe", "/usr/bin/foo-link"):
            del new[gone]
        new["/usr/share/foo/new"] = file("new")
        new["/usr/share/foo/more/new"] = file("new")
        w.dpkg("-i", old)
        os.setxattr(w.path("/usr/bin/foo"), "security.capability",
                    b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
                    b"\x00\x00\x00\x00")
        os.setxattr(w.path("/usr/share/foo/group"), "security.note", b"on a folder")
        failing = w.build("foo", "2.0", new, scripts={"postinst": FAILS})
        self.there_and_back(w, [failing])
        info = os.stat(w.path("/usr/bin/foo"))
        self.assertEqual(info.st_ino, os.stat(w.path("/usr/bin/foo-same")).st_ino)

    def test_the_archive_is_not_compressed(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", self.ALL))
        w.snapshots("take", "foo:amd64")
        archive = w.snapshots("archive", "foo:amd64").strip().splitlines()[-1]
        with open(w.path(archive), "rb") as stream:
            self.assertIn(b"0123456789abcdef" * 20000, stream.read())

    def test_what_the_admin_changed_comes_back_changed(self):
        w = self.world()
        old = w.build("foo", "1.0", self.ALL)
        w.dpkg("-i", old)
        os.chmod(w.path("/usr/bin/foo-su"), 0o755)
        os.chown(w.path("/usr/share/foo/big"), 1, 1)
        os.chmod(w.path("/usr/share/foo/void"), 0o711)
        with open(w.path("/usr/share/foo/empty"), "w", encoding="ascii") as out:
            out.write("edited in place")
        failing = w.build("foo", "2.0", {"/usr/share/foo/empty": file("2.0"),
                                         "/usr/bin/foo-su": file("2.0", 0o4755)},
                          scripts={"postinst": FAILS})
        self.there_and_back(w, [failing])

    def test_files_that_the_admin_deleted_stay_deleted(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", self.ALL))
        os.unlink(w.path("/usr/bin/foo-su"))
        os.rmdir(w.path("/usr/share/foo/void"))
        before = w.look()
        w.snapshots("take", "foo:amd64")
        w.dpkg("-i", w.build("foo", "2.0", {**self.ALL, "/usr/share/foo/new": file("x")},
                             scripts={"postinst": FAILS}), expect=1)
        w.snapshots("back", "foo:amd64")
        after = w.look()
        # dpkg's list can't have what no archive has; the next version brings it again.
        for look in (before, after):
            del look[b"info/foo.list"]
        self.same(before, after)

    def test_another_file_system(self):
        w = self.world()
        w.bed.must("mount -t tmpfs -o mode=755 tmpfs /var/lib/aptkeep && "
                   "mkdir /var/lib/aptkeep/snapshots")
        w.dpkg("-i", w.build("foo", "1.0", self.ALL))
        failing = w.build("foo", "2.0", {"/usr/bin/foo": file("2.0")}, scripts={"postinst": FAILS})
        output = w.snapshots("take", "foo:amd64", env={"COPY_LIMIT": "1000"}, expect=1)
        self.assertIn("File too large", output)
        self.assertFalse(os.path.exists(w.path(world.FOLDER + "/foo:amd64")))
        self.there_and_back(w, [failing])

    def test_half_installed(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", self.ALL))
        failing = w.build("foo", "2.0", {"/usr/bin/foo": file("2.0")},
                          scripts={"preinst": FAILS, "postrm": FAILS})
        before = w.look()
        w.snapshots("take", "foo:amd64")
        w.dpkg("-i", failing, expect=1)
        self.assertIn("foo", w.dpkg("--audit").output)
        w.snapshots("back", "foo:amd64")
        self.same(before, w.look())

    # Its old postrm fails, the new one first lets dpkg be killed with the new files in place; the
    # second time dpkg takes these for what was there before, and keeps them.
    KILLED = "[ \"$1\" != failed-upgrade ] || {{ [ -e /run/again ] || {}; exit 1; }}"

    def test_what_a_killed_dpkg_forgot_goes(self):
        w = self.world()
        w.dpkg("-i", w.build("other", "1.0", {"/usr/share/foo/others": file("of other")}),
               w.build("foo", "1.0", {**self.ALL, "/etc/foo.conf": file("1.0")}, ["/etc/foo.conf"],
                       {"postrm": "[ \"$1\" != upgrade ]"}))
        w.bed.must("echo mine >/usr/share/foo/mine; mkdir /usr/share/foo/nothing; "
                   "echo edited >/etc/foo.conf")
        new = {path: spec for path, spec in self.ALL.items() if path != "/usr/bin/foo-su"}
        new.update({
            "/usr/bin/foo": file("2.0", 0o755),
            "/usr/share/foo/stray": file("stray"), "/usr/share/foo/stray-same":
            hard("/usr/share/foo/stray"), "/usr/share/foo/stray-link": link("stray"),
            "/usr/share/foo/deep/er/stray": file("stray"), "/usr/share/foo/stray*[x]": file("x"),
            "/usr/share/foo/stray-pipe": fifo(0o640), "/usr/share/foo/stray-null": device(1, 3),
            "/usr/share/foo/written": file("stray"), "/usr/lib/foo/aliased": file("aliased 1.0"),
            "/etc/foo.conf": file("2.0"), "/etc/foo-new.conf": file("2.0")})
        new.pop("/lib/foo/aliased")
        scripts = {"postrm": self.KILLED.format("kill -KILL $PPID")}
        failing = w.build("foo", "2.0", new, ["/etc/foo.conf", "/etc/foo-new.conf"], scripts)
        before = self.look(w)
        w.snapshots("take", "foo:amd64")
        w.dpkg("-i", failing, expect=1)
        w.bed.write("/run/again", "")
        w.dpkg("-i", failing, expect=1)
        self.assertTrue(os.path.exists(w.path("/usr/share/foo/deep/er/stray")))
        w.bed.write("/usr/share/foo/written", "by somebody else since")
        w.snapshots("strays", "foo:amd64", failing)
        w.snapshots("back", "foo:amd64")
        after = self.look(w)
        self.assertIsNotNone(after.pop(b"/usr/share/foo/written", None))
        self.same(before, after)

    def test_strays_of_an_archive_that_is_gone_stay(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", self.ALL))
        w.snapshots("take", "foo:amd64")
        output = w.snapshots("strays", "foo:amd64", "/srv/packages/none.deb", expect=1)
        self.assertEqual(output, "unable to read /srv/packages/none.deb: it is damaged or not "
                                 "there\n")


class Types(Case):
    def test_dir_to_symlink(self):
        w = self.world()
        old = {"/usr/share/foo/d": folder(0o750), "/usr/share/foo/d/a": file("a 1.0"),
               "/usr/share/foo/other/a": file("other 1.0")}
        new = {"/usr/share/foo/d": link("other"), "/usr/share/foo/other/a": file("other 2.0")}
        helper = "dpkg-maintscript-helper dir_to_symlink /usr/share/foo/d other 2.0~ foo -- \"$@\""
        scripts = {"preinst": helper, "postrm": helper, "postinst": helper + "\n" + FAILS}
        w.dpkg("-i", w.build("foo", "1.0", old))
        self.there_and_back(w, [w.build("foo", "2.0", new, scripts=scripts)])

    def test_symlink_to_dir(self):
        w = self.world()
        base = {"/usr/share/doc/foo-common/copyright": file("of foo-common"),
                "/usr/share/doc/foo-common/changelog": file("of foo-common")}
        old = {"/usr/share/doc/foo": link("foo-common"), "/usr/bin/foo": file("1.0")}
        new = {"/usr/share/doc/foo/copyright": file("of foo 2.0"),
               "/usr/share/doc/foo/changelog": file("of foo 2.0"), "/usr/bin/foo": file("2.0")}
        helper = ("dpkg-maintscript-helper symlink_to_dir /usr/share/doc/foo foo-common 2.0~ foo "
                  "-- \"$@\"")
        scripts = {"preinst": helper, "postrm": helper, "postinst": helper + "\n" + FAILS}
        w.dpkg("-i", w.build("foo-common", "1.0", base), w.build("foo", "1.0", old))
        self.there_and_back(w, [w.build("foo", "2.0", new, scripts=scripts)])

    def test_what_others_put_into_the_new_folder_is_kept(self):
        w = self.world()
        old = {"/usr/share/foo/d": link("real"), "/usr/share/foo/real": folder()}
        new = {"/usr/share/foo/d/a": file("2.0"), "/usr/share/foo/real": folder()}
        helper = "dpkg-maintscript-helper symlink_to_dir /usr/share/foo/d real 2.0~ foo -- \"$@\""
        scripts = {"preinst": helper, "postrm": helper, "postinst": helper + "\necho mine "
                   ">/usr/share/foo/d/mine\n" + FAILS}
        w.dpkg("-i", w.build("foo", "1.0", old))
        before = w.look()
        w.snapshots("take", "foo:amd64")
        w.dpkg("-i", w.build("foo", "2.0", new, scripts=scripts), expect=1)
        w.snapshots("back", "foo:amd64")
        after = w.look()
        self.assertEqual(w.bed.read("/usr/share/foo/real/mine"), "mine\n")
        del after[b"/usr/share/foo/real/mine"]
        self.same(before, after)

    def test_file_to_folder_and_folder_to_file(self):
        w = self.world()
        old = {"/usr/share/foo/a": file("1.0"), "/usr/share/foo/b/x": file("1.0"),
               "/usr/share/foo/c/void": folder(0o700)}
        new = {"/usr/share/foo/a/x": file("2.0"), "/usr/share/foo/b": file("2.0"),
               "/usr/share/foo/c": link("a")}
        preinst = "rm -rf /usr/share/foo/a /usr/share/foo/b /usr/share/foo/c"
        w.dpkg("-i", w.build("foo", "1.0", old))
        self.there_and_back(w, [w.build("foo", "2.0", new,
                                        scripts={"preinst": preinst, "postinst": FAILS})])

    def test_folder_that_the_admin_moved_elsewhere(self):
        w = self.world()
        files = {"/var/lib/foo/data/x": file("1.0"), "/var/lib/foo/data/void": folder()}
        w.dpkg("-i", w.build("foo", "1.0", files))
        w.bed.must("mv /var/lib/foo/data /srv/data && ln -s /srv/data /var/lib/foo/data")
        files = {"/var/lib/foo/data/x": file("2.0"), "/var/lib/foo/data/void": folder()}
        self.there_and_back(w, [w.build("foo", "2.0", files, scripts={"postinst": FAILS})])

    def test_unpacking_that_fails_leaves_all_as_it_was(self):
        w = self.world()
        old = {"/usr/share/foo/d/a": file("1.0"), "/usr/share/foo/e": file("1.0")}
        new = {"/usr/share/foo/d": link("e"), "/usr/share/foo/e/x": file("2.0")}
        scripts = {"preinst": "rm -rf /usr/share/foo/d /usr/share/foo/e", "postinst": FAILS}
        w.dpkg("-i", w.build("foo", "1.0", old))
        w.snapshots("take", "foo:amd64")
        w.dpkg("-i", w.build("foo", "2.0", new, scripts=scripts), expect=1)
        between = w.look()
        w.snapshots("clear", "foo:amd64")
        self.assertFalse(os.path.lexists(w.path("/usr/share/foo/d")))
        w.snapshots("settle", "foo:amd64")
        self.same(between, w.look())


if __name__ == "__main__":
    case.main()
