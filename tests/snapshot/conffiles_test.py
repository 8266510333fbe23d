#!/usr/bin/python3
"""Conffiles on the way back: contents, what dpkg knows of them, and what it asks afterwards.

    conffiles_test.py PROGRAM [--suite S] [unittest's arguments]
"""

import os

import case
from case import FAILS, Case
from world import file

CONF = "/etc/foo/a.conf"


def conf(text):
    return {CONF: file(text)}


class Conffiles(Case):
    """1.0 is there; 2.0 fails; the way back; then 2.1 comes, as it would over 1.0."""

    looked_at = ("etc", "srv", "opt")

    def foo(self, w, version, files, **options):
        files = {"/usr/bin/foo": file(version), **files}
        return w.build("foo", version, files, conffiles=[p for p in files if p.startswith("/etc")],
                       **options)

    def change(self, w, change):
        if change == "edited":
            with open(w.path(CONF), "a", encoding="ascii") as out:
                out.write("edited\n")
        elif change == "deleted":
            os.unlink(w.path(CONF))
        elif change == "elsewhere":
            w.bed.must(f"mkdir -p /srv/conf && mv {CONF} /srv/conf/a && ln -s /srv/conf/a {CONF}")
        elif change == "elsewhere, edited":
            w.bed.must(f"mkdir -p /srv/conf && mv {CONF} /srv/conf/a && ln -s /srv/conf/a {CONF}"
                       f" && echo edited >>{CONF}")

    def later(self, change, old, versions, force):
        """What there is after `versions` came over 1.0 without any failure."""
        w = self.world()
        w.dpkg("-i", self.foo(w, "1.0", old))
        self.change(w, change)
        outputs = [w.dpkg(*force, "-i", self.foo(w, version, files), expect=None)
                   for version, files in versions]
        return self.look(w), outputs

    def check(self, change, old, new, latest, force=(), phase="postinst", scripts=None):
        with self.subTest(change=change, force=force, phase=phase):
            w = self.world()
            w.dpkg("-i", self.foo(w, "1.0", old))
            self.change(w, change)
            if phase == "unpacked":
                failing = self.foo(w, "2.0", new, scripts=scripts)
                self.there_and_back(w, [failing], args=(*force, "--unpack"), expect=0)
            else:
                scripts = dict(scripts or {})
                scripts["postinst"] = scripts.get("postinst", "") + "\n" + FAILS
                failing = self.foo(w, "2.0", new, scripts=scripts)
                self.there_and_back(w, [failing], args=(*force, "-i"))
            wanted, (stock,) = self.later(change, old, [("2.1", latest)], ())
            result = w.dpkg("-i", self.foo(w, "2.1", latest), expect=None)
            self.assertEqual("end of file" in result.output, "end of file" in stock.output)
            self.assertEqual(result.code, stock.code)
            self.same(wanted, self.look(w))

    def test_other_content_in_the_new_version(self):
        for change in ("none", "edited", "deleted"):
            for force in ("--force-confold", "--force-confnew"):
                for latest in ("1.0\n", "2.0\n", "2.1\n"):
                    self.check(change, conf("1.0\n"), conf("2.0\n"), conf(latest), (force,))

    def test_only_unpacked(self):
        for change in ("none", "edited", "deleted"):
            self.check(change, conf("1.0\n"), conf("2.0\n"), conf("2.1\n"), phase="unpacked")

    def test_same_content_in_the_new_version(self):
        for change in ("none", "edited", "deleted"):
            self.check(change, conf("1.0\n"), conf("1.0\n"), conf("2.1\n"))

    def test_behind_a_symlink(self):
        for change in ("elsewhere", "elsewhere, edited"):
            for force in ("--force-confold", "--force-confnew"):
                self.check(change, conf("1.0\n"), conf("2.0\n"), conf("2.1\n"), (force,))

    def test_new_in_the_new_version(self):
        new = {**conf("1.0\n"), "/etc/foo/new.conf": file("2.0\n"),
               "/etc/foo.d/only-new.conf": file("2.0\n")}
        for change in ("none", "edited"):
            for phase in ("postinst", "unpacked"):
                self.check(change, conf("1.0\n"), new, new, phase=phase)

    def test_new_but_the_admin_had_such_a_file(self):
        new = {**conf("1.0\n"), "/etc/foo/mine.conf": file("2.0\n")}
        for force in ("--force-confold", "--force-confnew"):
            w = self.world()
            w.dpkg("-i", self.foo(w, "1.0", conf("1.0\n")))
            w.bed.write("/etc/foo/mine.conf", "mine\n")
            failing = self.foo(w, "2.0", new, scripts={"postinst": FAILS})
            self.there_and_back(w, [failing], args=(force, "-i"))

    def test_gone_in_the_new_version(self):
        for change in ("none", "edited", "deleted"):
            for phase in ("postinst", "unpacked"):
                self.check(change, conf("1.0\n"), {}, conf("2.1\n"), phase=phase)
                self.check(change, conf("1.0\n"), {}, {}, phase=phase)

    def test_removed_by_dpkg_maintscript_helper(self):
        helper = f"dpkg-maintscript-helper rm_conffile {CONF} 2.0~ foo -- \"$@\"\n"
        scripts = {name: helper for name in ("preinst", "postinst", "postrm")}
        for change in ("none", "edited", "deleted"):
            for phase in ("postinst", "unpacked"):
                self.check(change, conf("1.0\n"), {}, conf("2.1\n"), phase=phase, scripts=scripts)

    def test_moved_by_dpkg_maintscript_helper(self):
        helper = f"dpkg-maintscript-helper mv_conffile {CONF} /etc/foo/b.conf 2.0~ foo -- \"$@\"\n"
        scripts = {name: helper for name in ("preinst", "postinst", "postrm")}
        for change in ("none", "edited", "deleted"):
            for phase in ("postinst", "unpacked"):
                self.check(change, conf("1.0\n"), {"/etc/foo/b.conf": file("2.0\n")},
                           conf("2.1\n"), force=("--force-confold",), phase=phase, scripts=scripts)

    def test_removed_on_upgrade(self):
        # A flag of the conffiles file; the new version's own says it.
        w = self.world()
        w.dpkg("-i", self.foo(w, "1.0", conf("1.0\n")))
        failing = w.build("foo", "2.0", {"/usr/bin/foo": file("2.0")},
                          conffiles=[f"remove-on-upgrade {CONF}"], scripts={"postinst": FAILS})
        self.there_and_back(w, [failing])
        self.change(w, "edited")
        w.bed.must("rm -r /var/lib/aptkeep/snapshots/*")
        self.there_and_back(w, [failing])

    def test_obsolete_before(self):
        w = self.world()
        w.dpkg("-i", self.foo(w, "0.9", conf("0.9\n")))
        w.dpkg("-i", self.foo(w, "1.0", {}))
        failing = self.foo(w, "2.0", conf("2.0\n"), scripts={"postinst": FAILS})
        self.there_and_back(w, [failing])

    def test_versions_beside_that_were_there_before(self):
        w = self.world()
        w.dpkg("-i", self.foo(w, "1.0", conf("1.0\n")))
        self.change(w, "edited")
        for extension in ("dpkg-old", "dpkg-dist", "dpkg-bak"):
            w.bed.write(f"{CONF}.{extension}", f"from earlier: {extension}\n", 0o600)
        for force in ("--force-confnew", "--force-confold"):
            failing = self.foo(w, "2.0", conf("2.0\n"), scripts={"postinst": FAILS})
            self.there_and_back(w, [failing], args=(force, "-i"))
            w.bed.must("rm -r /var/lib/aptkeep/snapshots/*")

    def test_taken_over_by_another_package(self):
        w = self.world()
        w.dpkg("-i", self.foo(w, "1.0", conf("1.0\n")), w.build("bar", "1.0", {"/usr/bin/bar": file("1.0")}))
        bar = w.build("bar", "2.0", {**conf("2.0\n"), "/usr/bin/bar": file("2.0")}, conffiles=[CONF], scripts={"postinst": FAILS},
                      fields={"Replaces": "foo (<< 2.0)", "Breaks": "foo (<< 2.0)"})
        failing = self.foo(w, "2.0", {}, scripts={"postinst": FAILS})
        # The one that took it goes back first: 1.0 of its owner is broken by it.
        self.there_and_back(w, [failing, bar], packages=("bar:amd64", "foo:amd64"),
                            args=("--auto-deconfigure", "-i"))

    def test_what_was_written_since_is_kept(self):
        w = self.world()
        w.dpkg("-i", self.foo(w, "1.0", conf("1.0\n")))
        before = self.look(w)
        w.snapshots("take", "foo:amd64")
        w.dpkg("-i", self.foo(w, "2.0", {**conf("2.0\n"), "/etc/foo/new": file("2.0\n")}))
        self.change(w, "edited")
        w.bed.must("echo edited >>/etc/foo/new")
        w.snapshots("back", "foo:amd64")
        self.assertEqual(w.bed.read(f"{CONF}.dpkg-old"), "2.0\nedited\n")
        self.assertEqual(w.bed.read("/etc/foo/new.dpkg-old"), "2.0\nedited\n")
        w.snapshots("settle", "foo:amd64")
        w.bed.must(f"rm {CONF}.dpkg-old /etc/foo/new.dpkg-old")
        self.same(before, self.look(w))


if __name__ == "__main__":
    case.main()
