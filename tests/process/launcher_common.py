"""The launcher under test: its driver, dpkg and off switch all lie below $LAUNCHER_ROOT."""

import os
import shutil
import subprocess

from common import Case

ROOT = os.environ["LAUNCHER_ROOT"]
LAUNCHER = os.environ["LAUNCHER_UNDER_TEST"]
FAKE_DRIVER = os.environ["FAKE_DRIVER"]


class LauncherCase(Case):
    def setUp(self):
        super().setUp()
        self.assertEqual(os.geteuid(), 0, "these tests need root")
        shutil.rmtree(ROOT, ignore_errors=True)
        for folder in ("bin", "real"):
            os.makedirs(os.path.join(ROOT, folder))
        shutil.copy(LAUNCHER, os.path.join(ROOT, "bin/dpkg"))
        self.addCleanup(shutil.rmtree, ROOT, ignore_errors=True)

    def at(self, name):
        return os.path.join(ROOT, name)

    def program(self, name, text):
        with open(self.at(name), "w") as file:
            file.write("#!/bin/sh\n" + text + "\n")
        os.chmod(self.at(name), 0o755)

    def driver(self, *lines):
        """Installs the fake driver with these lines as its script."""
        shutil.copy(FAKE_DRIVER, self.at("driver"))
        with open(self.at("script"), "w") as file:
            file.write("".join(line + "\n" for line in lines))

    def start(self, *args, **others):
        env = {name: value for name, value in os.environ.items()
               if name != "APTKEEP" and not name.startswith("DPKG_")}
        env.update(LAUNCHER_ROOT=ROOT, PATH=self.at("bin") + ":/usr/sbin:/usr/bin:/sbin:/bin")
        env.update(others.pop("env", {}))
        others.setdefault("stdin", subprocess.DEVNULL)
        others.setdefault("stdout", subprocess.PIPE)
        others.setdefault("stderr", subprocess.STDOUT)
        return subprocess.Popen(["dpkg", *args], executable=self.at("bin/dpkg"), env=env,
                                cwd=self.dir, start_new_session=True, **others)

    def run_launcher(self, *args, **others):
        process = self.start(*args, **others)
        self.output = process.communicate()[0].decode(errors="replace")
        return process.returncode
