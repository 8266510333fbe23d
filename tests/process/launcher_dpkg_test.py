"""The launcher's fallback with the real dpkg on a small system of its own: which scripts run how
often, and what is installed in the end, wherever the driver is killed."""

import os
import signal
import subprocess
import unittest

from common import children, read, wait_until
from launcher_common import LauncherCase


class LauncherDpkgTest(LauncherCase):
    def setUp(self):
        super().setUp()
        self.system = self.path("system")
        for folder in ("info", "updates", "triggers"):
            os.makedirs(os.path.join(self.system, "var/lib/dpkg", folder))
        for name in ("status", "available"):
            open(os.path.join(self.system, "var/lib/dpkg", name), "w").close()
        self.program("real/dpkg", "exec /usr/bin/dpkg --root=%s --force-script-chrootless "
                     "--log=/dev/null \"$@\"" % self.system)
        self.program("real/dpkg-query", "exec /usr/bin/dpkg-query --root=%s \"$@\"" % self.system)
        os.symlink("/usr/bin/dpkg-deb", self.at("real/dpkg-deb"))
        self.archives = {}
        for name in "abcd":
            self.archives[name] = self.build(name, "1.0", "all" if name in "ac" else self.arch())

    def arch(self):
        return subprocess.check_output(["dpkg", "--print-architecture"], encoding="ascii").strip()

    def build(self, name, version, arch, preinst="", postinst=""):
        tree = self.path("tree-%s-%s" % (name, version))
        os.makedirs(os.path.join(tree, "DEBIAN"))
        os.makedirs(os.path.join(tree, "usr/share/" + name))
        with open(os.path.join(tree, "usr/share", name, "file"), "w") as file:
            file.write(version)
        with open(os.path.join(tree, "DEBIAN/control"), "w") as file:
            file.write("Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: nobody "
                       "<nobody@example.org>\nDescription: test\n" % (name, version, arch))
        for script, more in (("preinst", preinst), ("postinst", postinst)):
            path = os.path.join(tree, "DEBIAN", script)
            with open(path, "w") as file:
                file.write("#!/bin/sh\necho %s %s %s >>%s\n%s\n"
                           % (name, script, version, self.path("scripts"), more))
            os.chmod(path, 0o755)
        archive = self.path("%s %s.deb" % (name, version))
        subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", tree, archive],
                       check=True, stdout=subprocess.DEVNULL)
        os.rename(archive, archive.replace(" ", "_"))
        return archive.replace(" ", "_")

    def rebuild(self, name, **scripts):
        self.archives[name] = self.build(name, "1.1", "all", **scripts)

    def apt(self, *args):
        """The launcher as apt calls it: its exit status and what came out of apt's status fd."""
        ours, theirs = os.pipe()
        code = self.run_launcher("--status-fd", str(theirs), *args, pass_fds=[theirs])
        os.close(theirs)
        with os.fdopen(ours) as reader:
            self.status = reader.read()
        return code

    def links(self):
        folder = self.path("links")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            for i, archive in enumerate(self.archives.values()):
                os.symlink(archive, os.path.join(folder, "%d.deb" % i))
        return folder

    def names(self, names):
        return " ".join(self.archives[name] for name in names)

    def states(self):
        output = subprocess.check_output(
            ["dpkg-query", "--root=" + self.system, "-W", "-f",
             "${Package} ${db:Status-Abbrev}${Version}\n"], encoding="utf-8")
        return dict(line.split(" ", 1) for line in output.splitlines())

    def scripts_run(self):
        return read(self.path("scripts")).split("\n")[:-1]

    def unpack(self):
        return self.apt("--no-triggers", "--unpack", "--auto-deconfigure", "--recursive",
                        self.links())

    def test_without_a_driver(self):
        self.assertEqual(self.unpack(), 0, self.output)
        self.assertEqual(set(self.states().values()), {"iU 1.0"})
        self.assertIn("status: a: unpacked", self.status)

    def test_killed_at_each_call_boundary(self):
        for done in ("", "a", "ab", "abc", "abcd"):
            with self.subTest(done=done):
                subprocess.run(["dpkg", "--root=" + self.system, "--log=/dev/null",
                                "--force-script-chrootless", "--purge", *"abcd"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
                open(self.path("scripts"), "w").close()
                lines = []
                for i, name in enumerate(done):
                    lines += ["calling %s | %s" % (self.names(name), self.names("abcd"[i + 1:])),
                              "run --unpack " + self.names(name)]
                self.driver(*lines, "signal 9")
                self.assertEqual(self.unpack(), 0, self.output)
                self.assertEqual(self.states(), {name: "iU 1.0" for name in "abcd"})
                self.assertEqual(self.scripts_run(), [n + " preinst 1.0" for n in "abcd"])

    def test_killed_in_every_second_call_of_a_pair(self):
        self.driver("calling %s | %s" % (self.names("ab"), self.names("cd")),
                    "run --unpack " + self.names("ab"),
                    "calling %s" % self.names("cd"), "run --unpack " + self.names("c"), "signal 9")
        self.assertEqual(self.unpack(), 0, self.output)
        self.assertEqual(self.scripts_run(), [n + " preinst 1.0" for n in "abcd"])
        self.assertEqual(set(self.states().values()), {"iU 1.0"})

    def test_killed_while_a_script_runs(self):
        go = self.path("go")
        self.rebuild("b", preinst="touch %s; until test -e %s; do sleep 0.05; done"
                     % (self.path("within"), go))
        self.driver("calling %s | %s" % (self.names("ab"), self.names("cd")),
                    "run --unpack " + self.names("ab"), "signal 9")
        process = self.start("--status-fd", "1", "--unpack", "--recursive", self.links())
        wait_until(lambda: os.path.exists(self.path("within")), "the script")
        os.kill([pid for pid, name in children(process.pid) if name == "driver"][0], signal.SIGKILL)
        open(go, "w").close()
        output = process.communicate()[0].decode()
        self.assertEqual(process.returncode, 0, output)
        self.assertEqual(self.scripts_run(), ["a preinst 1.0", "b preinst 1.1", "c preinst 1.0",
                                              "d preinst 1.0"])

    def test_killed_after_a_failure_it_had_not_handled(self):
        self.rebuild("b", preinst="exit 1")
        self.driver("calling %s | %s" % (self.names("abc"), self.names("d")),
                    "run --abort-after=1 --unpack " + self.names("abc"), "signal 9")
        self.assertEqual(self.unpack(), 1, self.output)
        self.assertEqual(self.scripts_run(), ["a preinst 1.0", "b preinst 1.1", "b preinst 1.1",
                                              "c preinst 1.0", "d preinst 1.0"])
        self.assertEqual(self.states(), {name: "iU 1.0" for name in "acd"})

    def test_configuring(self):
        self.assertEqual(self.unpack(), 0)
        self.driver("calling", "run --configure a c", "signal 9")
        self.assertEqual(self.apt("--configure", *"abcd"), 0, self.output)
        self.assertEqual(self.states(), {name: "ii 1.0" for name in "abcd"})
        self.assertEqual(self.scripts_run()[4:], [n + " postinst 1.0" for n in "acbd"])
        self.driver("calling", "signal 9")
        self.assertEqual(self.apt("--configure", *"abcd"), 0, "nothing is left")
        self.assertEqual(self.apt("--configure", "--pending"), 0, self.output)

    def test_removing(self):
        self.assertEqual(self.unpack(), 0)
        self.assertEqual(self.apt("--configure", "--pending"), 0)
        self.driver("calling a b", "run --remove a b", "calling c", "signal 9")
        self.assertEqual(self.apt("--abort-after=1", "--remove", *"abc"), 0, self.output)
        self.assertEqual(self.states(), {"d": "ii 1.0"})

    def test_a_reinstallation_that_was_not_reached(self):
        self.assertEqual(self.unpack(), 0)
        self.assertEqual(self.apt("--configure", "--pending"), 0)
        open(self.path("scripts"), "w").close()
        self.driver("calling " + self.names("ab"), "run --unpack " + self.names("a"), "signal 9")
        self.assertEqual(self.apt("--unpack", self.archives["a"], self.archives["b"]), 0)
        self.assertEqual(self.scripts_run(), ["a preinst 1.0", "b preinst 1.0"])


if __name__ == "__main__":
    unittest.main()
