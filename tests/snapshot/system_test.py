#!/usr/bin/python3
"""What scripts change outside of their package's files: diversions, overrides, alternatives, ucf's
files; and packages for more than one architecture.

    system_test.py PROGRAM [--suite S] [unittest's arguments]
"""

import os

import case
import world
from case import FAILS, Case
from world import file, folder


class Diversions(Case):
    def pair(self, w, scripts=None):
        w.dpkg("-i", w.build("bar", "1.0", {"/usr/bin/tool": file("of bar", 0o755)}),
               w.build("foo", "1.0", {"/usr/bin/foo": file("1.0")}, scripts=scripts))

    def test_added_by_the_new_version(self):
        w = self.world()
        self.pair(w)
        preinst = ("dpkg-divert --package foo --rename --divert /usr/bin/tool.bar "
                   "--add /usr/bin/tool")
        failing = w.build("foo", "2.0", {"/usr/bin/tool": file("of foo 2.0", 0o755)},
                          scripts={"preinst": preinst, "postinst": FAILS})
        self.there_and_back(w, [failing])
        self.assertEqual(w.bed.read("/usr/bin/tool"), "of bar")

    def test_added_and_its_place_taken_by_a_script(self):
        w = self.world()
        self.pair(w)
        postinst = ("dpkg-divert --package foo --rename --divert /usr/bin/tool.bar "
                    "--add /usr/bin/tool; echo made by a script >/usr/bin/tool\n" + FAILS)
        failing = w.build("foo", "2.0", {"/usr/bin/foo": file("2.0")},
                          scripts={"postinst": postinst})
        self.there_and_back(w, [failing])

    def test_local_one_of_its_own_file(self):
        w = self.world()
        self.pair(w)
        postinst = "dpkg-divert --local --rename --add /usr/bin/foo\n" + FAILS
        failing = w.build("foo", "2.0", {"/usr/bin/foo": file("2.0")},
                          scripts={"postinst": postinst})
        self.there_and_back(w, [failing])

    def test_taken_away_by_the_new_version(self):
        w = self.world()
        w.dpkg("-i", w.build("bar", "1.0", {"/usr/bin/tool": file("of bar", 0o755)}))
        preinst = ('if [ "$1" = install ]; then dpkg-divert --package foo --rename '
                   "--divert /usr/bin/tool.bar --add /usr/bin/tool; fi")
        w.dpkg("-i", w.build("foo", "1.0", {"/usr/bin/tool": file("of foo", 0o755)},
                             scripts={"preinst": preinst}))
        postinst = ("dpkg-divert --package foo --rename --divert /usr/bin/tool.bar "
                    "--remove /usr/bin/tool\n" + FAILS)
        failing = w.build("foo", "2.0", {"/usr/bin/foo": file("2.0")},
                          scripts={"postinst": postinst})
        self.there_and_back(w, [failing])
        self.assertEqual(w.bed.read("/usr/bin/tool"), "of foo")

    def test_files_of_ours_that_another_package_diverts(self):
        w = self.world()
        files = {"/usr/bin/tool": file("of foo 1.0", 0o4755), "/etc/tool.conf": file("1.0\n")}
        w.dpkg("-i", w.build("foo", "1.0", files, conffiles=["/etc/tool.conf"]))
        preinst = "\n".join(f"dpkg-divert --package bar --rename --divert {p}.orig --add {p}"
                            for p in ("/usr/bin/tool", "/etc/tool.conf"))
        w.dpkg("-i", w.build("bar", "1.0", {"/usr/bin/tool": file("of bar", 0o755)},
                             scripts={"preinst": preinst}))
        files = {"/usr/bin/tool": file("of foo 2.0", 0o755), "/etc/tool.conf": file("2.0\n")}
        failing = w.build("foo", "2.0", files, conffiles=["/etc/tool.conf"],
                          scripts={"postinst": FAILS})
        self.there_and_back(w, [failing])
        self.assertEqual(w.bed.read("/usr/bin/tool.orig"), "of foo 1.0")


class Overrides(Case):
    FILES = {"/usr/bin/foo": file("1.0", 0o755), "/var/lib/foo": folder()}

    def test_one_of_the_admins(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", self.FILES))
        w.bed.must("dpkg-statoverride --update --add root mail 4750 /usr/bin/foo")
        w.bed.must("dpkg-statoverride --update --add '#1234' '#1234' 0711 /var/lib/foo")
        failing = w.build("foo", "2.0", {"/usr/bin/foo": file("2.0", 0o755)},
                          scripts={"postinst": FAILS})
        self.there_and_back(w, [failing])

    def test_added_and_taken_away_by_the_new_version(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", self.FILES))
        w.bed.must("dpkg-statoverride --update --add root mail 4750 /usr/bin/foo")
        postinst = ("dpkg-statoverride --remove /usr/bin/foo; chmod 700 /usr/bin/foo\n"
                    "dpkg-statoverride --update --add mail mail 0700 /var/lib/foo\n"
                    "dpkg-statoverride --update --add root mail 0700 /usr/bin/new\n" + FAILS)
        failing = w.build("foo", "2.0", {**self.FILES, "/usr/bin/new": file("2.0")},
                          scripts={"postinst": postinst})
        self.there_and_back(w, [failing])


class Alternatives(Case):
    def files(self, version):
        return {"/usr/bin/ed-foo": file(version, 0o755), "/usr/share/foo/ed.1": file(version),
                "/usr/bin/ed-bar": file(version, 0o755)}

    def install(self, path="/usr/bin/ed-foo", priority=50):
        return (f"update-alternatives --install /usr/bin/aned aned {path} {priority} "
                "--slave /usr/share/anman anman /usr/share/foo/ed.1\n")

    def test_added_by_the_new_version(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", self.files("1.0"), scripts={"postinst": self.install()}))
        new = {**self.files("2.0"), "/usr/bin/ed-new": file("2.0", 0o755)}
        postinst = (self.install() + self.install("/usr/bin/ed-new", 90)
                    + self.install("/usr/bin/ed-bar", 10)
                    + "update-alternatives --install /usr/bin/other other /usr/bin/ed-new 5\n")
        failing = w.build("foo", "2.0", new, scripts={"postinst": postinst + FAILS})
        self.there_and_back(w, [failing])

    def test_an_admins_choice_that_was_lost(self):
        w = self.world()
        both = self.install() + self.install("/usr/bin/ed-bar", 90)
        w.dpkg("-i", w.build("foo", "1.0", self.files("1.0"), scripts={"postinst": both}))
        w.bed.must("update-alternatives --set aned /usr/bin/ed-foo")
        postinst = "update-alternatives --remove aned /usr/bin/ed-foo\n" + FAILS
        failing = w.build("foo", "2.0", {"/usr/bin/ed-bar": file("2.0", 0o755)},
                          scripts={"postinst": postinst})
        self.there_and_back(w, [failing])

    def test_a_choice_that_the_new_version_made(self):
        w = self.world()
        both = self.install() + self.install("/usr/bin/ed-bar", 90)
        w.dpkg("-i", w.build("foo", "1.0", self.files("1.0"), scripts={"postinst": both}))
        postinst = "update-alternatives --set aned /usr/bin/ed-foo\n" + FAILS
        failing = w.build("foo", "2.0", self.files("2.0"), scripts={"postinst": postinst})
        self.there_and_back(w, [failing])

    def test_one_that_only_its_removal_from_the_old_version_registers(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", self.files("1.0")))
        w.bed.must(self.install())
        failing = w.build("foo", "2.0", {"/usr/bin/foo": file("2.0")}, scripts={
            "postinst": "update-alternatives --remove aned /usr/bin/ed-foo\n" + FAILS})
        self.there_and_back(w, [failing])


class Ucf(Case):
    def script(self, fails=False, names=("ucf.conf",)):
        # As debconf-using postinsts call it: no terminal, so the default answer.
        return "".join(
            f"ucf --three-way /usr/share/foo/{name} /etc/foo-{name} </dev/null\n"
            f"ucfr foo /etc/foo-{name}\n" for name in names) + (FAILS if fails else "")

    def files(self, version, names=("ucf.conf",)):
        return {f"/usr/share/foo/{name}": file(version + "\n") for name in names}

    def ready(self, w):
        w.dpkg("-i", w.build("foo", "1.0", self.files("1.0"), scripts={"postinst": self.script()}))

    def test_unedited(self):
        w = self.world(["ucf"])
        self.ready(w)
        failing = w.build("foo", "2.0", self.files("2.0"), scripts={"postinst": self.script(True)})
        self.there_and_back(w, [failing])
        self.assertEqual(w.bed.read("/etc/foo-ucf.conf"), "1.0\n")

    def test_edited_and_kept(self):
        w = self.world(["ucf"])
        self.ready(w)
        w.bed.must("echo edited >>/etc/foo-ucf.conf")
        failing = w.build("foo", "2.0", self.files("2.0"), scripts={"postinst": self.script(True)})
        self.there_and_back(w, [failing])

    def test_edited_and_replaced(self):
        w = self.world(["ucf"])
        self.ready(w)
        w.bed.must("echo edited >>/etc/foo-ucf.conf")
        script = "export UCF_FORCE_CONFFNEW=1\n" + self.script(True)
        failing = w.build("foo", "2.0", self.files("2.0"), scripts={"postinst": script})
        self.there_and_back(w, [failing])

    def test_deleted(self):
        w = self.world(["ucf"])
        self.ready(w)
        os.unlink(w.path("/etc/foo-ucf.conf"))
        failing = w.build("foo", "2.0", self.files("2.0"), scripts={
            "postinst": "export UCF_FORCE_CONFFMISS=1\n" + self.script(True)})
        self.there_and_back(w, [failing])

    def test_new_in_the_new_version(self):
        w = self.world(["ucf"])
        self.ready(w)
        names = ("ucf.conf", "new.conf")
        failing = w.build("foo", "2.0", self.files("2.0", names),
                          scripts={"postinst": self.script(True, names)})
        self.there_and_back(w, [failing])

    def test_edited_since(self):
        w = self.world(["ucf"])
        self.ready(w)
        w.snapshots("take", "foo:amd64")
        w.dpkg("-i", w.build("foo", "2.0", self.files("2.0"), scripts={"postinst": self.script()}))
        w.bed.must("echo edited >>/etc/foo-ucf.conf")
        output = w.snapshots("back", "foo:amd64", expect=3)
        self.assertIn("/etc/foo-ucf.conf: its content is another", output)
        self.assertEqual(w.bed.read("/etc/foo-ucf.conf"), "2.0\nedited\n")

    def test_a_file_that_a_rule_names(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", self.files("1.0"),
                             scripts={"postinst": "echo 1.0 >/etc/foo.made; chmod 640 /etc/foo.made"}))
        before = w.look()
        env = {"EXTRA": "/etc/foo.made"}
        w.snapshots("take", "foo:amd64", env=env)
        w.dpkg("-i", w.build("foo", "2.0", self.files("2.0"),
                             scripts={"postinst": "echo 2.0 >/etc/foo.made\n" + FAILS}), expect=1)
        # The old version's script makes its own again; without it the saved one comes.
        w.snapshots("back", "foo:amd64", env=env)
        self.assertEqual(w.bed.read("/etc/foo.made.dpkg-old"), "2.0\n")
        os.unlink(w.path("/etc/foo.made.dpkg-old"))
        self.same(before, w.look())

    # The failed version's script writes through it.
    def test_what_the_symlink_of_a_rule_leads_to(self):
        w = self.world()
        w.dpkg("-i", w.build("foo", "1.0", self.files("1.0")))
        w.bed.must("mkdir /etc/real; echo 1.0 >/etc/real/file; chmod 640 /etc/real/file; "
                   "ln -s real/file /etc/foo.link")
        before = w.look()
        env = {"EXTRA": "/etc/foo.link"}
        self.assertEqual(w.snapshots("take", "foo:amd64", env=env), "")
        w.dpkg("-i", w.build("foo", "2.0", self.files("2.0"), scripts={
            "postinst": "echo 2.0 >/etc/foo.link\n" + FAILS}), expect=1)
        w.snapshots("back", "foo:amd64", env=env)
        self.assertEqual(w.bed.read("/etc/real/file.dpkg-old"), "2.0\n")
        os.unlink(w.path("/etc/real/file.dpkg-old"))
        self.same(before, w.look())


class MultiArch(Case):
    def build(self, w, version, arch, scripts=None):
        files = {"/usr/share/foo/both": file(version), f"/usr/lib/{arch}/foo": file(version),
                 "/etc/foo.conf": file(version + "\n"), "/etc/foo-2.conf": file(version + "\n")}
        return w.build("foo", version, files, arch=arch, scripts=scripts,
                       conffiles=["/etc/foo.conf", "/etc/foo-2.conf"],
                       fields={"Multi-Arch": "same"})

    def test_both_go_back(self):
        w = self.world()
        w.dpkg("--add-architecture", "i386")
        w.dpkg("-i", self.build(w, "1.0", "amd64"), self.build(w, "1.0", "i386"))
        w.bed.must("echo edited >>/etc/foo.conf")
        failing = [self.build(w, "2.0", arch, {"postinst": FAILS}) for arch in ("amd64", "i386")]
        self.there_and_back(w, failing, packages=("foo:amd64", "foo:i386"),
                            args=("--force-confold", "-i"))
        # The next version asks for the edited one only, as it would have.
        result = w.dpkg("-i", self.build(w, "2.1", "amd64"), self.build(w, "2.1", "i386"), expect=1)
        self.assertIn("Configuration file '/etc/foo.conf'", result.output)
        self.assertNotIn("Configuration file '/etc/foo-2.conf'", result.output)


if __name__ == "__main__":
    case.main()
