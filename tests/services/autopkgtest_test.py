#!/usr/bin/python3
"""Debian's own tests of postfix, dovecot and mariadb, run where aptkeep is installed and has upgraded
the packages that are tested. They need no network but the loopback. All of them in a soak, or by their
names; postfix's otherwise, since the others take minutes each, and roots of their own."""

import os
import pathlib
import sys
import tarfile
import tempfile
import unittest

import units  # first: it says where the others are
import frontend
import source_tests

sys.path.insert(0, str(pathlib.Path(units.HERE).parent / "demo"))

import repacked  # noqa: E402

# Who is entered is counted: each of these leaves a line.
COUNTED = ("driver", "policy-rc.d")
COUNT = """#!/bin/sh
echo {name} >>/root/entered
exec /usr/lib/aptkeep/{name}.real "$@"
"""
COMMON = ("lsb-release", "python3", "procps", "hostname", "debconf", "dpkg-dev")


class Machine(units.Machine):
    """With `needs` installed, of which newer versions are on offer, with those of `offered`."""

    def __init__(self, source, needs, offered=()):
        self.source = source
        self.offered = offered
        super().__init__(needs=(*COMMON, *needs))

    def __enter__(self):
        self.versions, offer = repacked.make(
            frontend.SUITE, (*units.NEEDS, *self.needs, *self.offered), {})
        super().__enter__()
        for name in COUNTED:
            self.bed.must(f"mv /usr/lib/aptkeep/{name} /usr/lib/aptkeep/{name}.real")
            self.bed.write(f"/usr/lib/aptkeep/{name}", COUNT.format(name=name), 0o755)
        self.repository.write_raw("main", *offer)
        self.repository.update()
        self.put_tests()
        return self

    def put_tests(self):
        folder = source_tests.folder(frontend.SUITE, self.source)
        with tempfile.TemporaryFile() as file:
            with tarfile.open(fileobj=file, mode="w") as tar:
                tar.add(folder / "debian", "debian")
            file.seek(0)
            self.bed.write("/root/tests.tar", file.read())
        self.bed.must("mkdir -p /root/source && tar -C /root/source -xf /root/tests.tar && "
                      # As autopkgtest does before it runs one.
                      "chmod -R a+rx /root/source/debian/tests && chmod a+x /root")

    def entered(self):
        """{who: how often}"""
        lines = self.bed.run("cat /root/entered").output.split()
        return {name: lines.count(name) for name in COUNTED}

    def run_test(self, command):
        return self.bed.run(
            "export AUTOPKGTEST_TMP=$(mktemp -d) ADTTMP=/tmp AUTOPKGTEST_REBOOT_MARK=; "
            f"cd /root/source && {command}", timeout=900)


class Autopkgtest(unittest.TestCase):
    maxDiff = None

    def play(self, machine, tests):
        result = machine.upgrade(timeout=900)
        self.assertEqual(result.code, 0, result.output)
        before = machine.entered()
        for test in tests:
            command = test if " " in test else f"debian/tests/{test}"
            with self.subTest(test=test):
                result = machine.run_test(command)
                self.assertEqual(result.code, 0, result.output[-6000:])
        print(f"{machine.source}: aptkeep was entered {before} times by the upgrade, "
              f"{machine.entered()} times in all")
        for name in COUNTED:
            self.assertGreater(machine.entered()[name], 0, name)
        installed = machine.bed.must("dpkg-query -W -f '${Package} ${Version}\\n'").splitlines()
        old = [line for line in installed if line.split()[0] in machine.versions
               and not line.endswith(repacked.SUFFIX)]
        self.assertEqual(old, [], "nothing but what aptkeep has brought was tested")
        self.assertEqual(machine.bed.run("aptkeep status").code, 0)
        # The system bus, which no run restarts.
        told = machine.bed.run("aptkeep services").output.splitlines()
        self.assertEqual([line for line in told if not line.startswith((" ", "dbus.service", "To try"))
                          and not line.startswith("All that ran")], [])

    def test_postfix(self):
        # Its test installs postfix itself.
        needs = ("procmail", "sasl2-bin", "python3-pexpect", "libsasl2-modules")
        with Machine("postfix", needs, ("postfix",)) as machine:
            self.play(machine, ["postfix"])

    def test_dovecot(self):
        needs = ("dovecot-imapd", "dovecot-pop3d", "dovecot-managesieved", "sieve-connect",
                 "python3-passlib")
        # Each of the last three breaks its test bed, as debian/tests/control says.
        for tests in (["doveadm", "systemd", "testmails"],
                      ["run-parts --report --exit-on-error debian/tests/usage"],
                      ["debian_bug_1134464"]):
            with Machine("dovecot", needs) as machine:
                self.play(machine, tests)

    def test_mariadb(self):
        # Its third test is the server's own suite of many hours.
        plugins = ("mariadb-plugin-rocksdb", "mariadb-plugin-provider-bzip2",
                   "mariadb-plugin-provider-lz4", "mariadb-plugin-provider-lzma",
                   "mariadb-plugin-provider-lzo", "mariadb-plugin-provider-snappy")
        with Machine("mariadb", ("mariadb-server", *plugins)) as machine:
            self.play(machine, ["smoke"])
        with Machine("mariadb", ("mariadb-server", "diffutils")) as machine:
            # It compares the server's help text with the source's, word by word.
            source = (source_tests.folder(frontend.SUITE, "mariadb") / "version").read_text("ascii")
            same = machine.versions["mariadb-server"] == source.strip() + repacked.SUFFIX
            if not same:
                print("mariadb: configuration-tracing is not run: the archive has the source of "
                      f"{source.strip()}, but installs {machine.versions['mariadb-server']}")
            self.play(machine, ["configuration-tracing"] if same else [])


def load_tests(loader, tests, _):
    if os.environ.get("APTKEEP_SOAK"):
        return tests
    print("left to the soak: test_dovecot, test_mariadb", file=sys.stderr)
    return loader.loadTestsFromName("Autopkgtest.test_postfix", sys.modules[__name__])


if __name__ == "__main__":
    unittest.main()
