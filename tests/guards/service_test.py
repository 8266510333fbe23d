#!/usr/bin/python3
"""service-active, and users that only the name service switch knows, in a Debian that systemd has
booted; and both where there is no systemd. PROBE names the static program that evaluates a guard."""

import os
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "frontends")]

import bed as beds  # noqa: E402
import booted  # noqa: E402

SUITE = os.environ.get("APTKEEP_SUITE", "bookworm")
NEEDS = ("systemd-sysv", "dbus", "libnss-systemd")
UNIT = "[Service]\nType={type}\nExecStart={start}\n"


class Guards(unittest.TestCase):
    def enter(self, bed):
        self.bed = bed.__enter__()
        self.addCleanup(bed.__exit__, None, None, None)
        self.bed.write("/probe", pathlib.Path(os.environ["PROBE"]).read_bytes(), 0o755)

    def probe(self, *words, before=()):
        return self.bed.must(["/probe", *before, "--", *words]).splitlines()

    def active(self, unit):
        [line] = self.probe("service-active", unit)
        return line

    def unit(self, name, start, kind="simple", more=""):
        self.bed.write(f"/etc/systemd/system/{name}.service",
                       UNIT.format(type=kind, start=start) + more)

    def test_with_systemd(self):
        self.enter(booted.fresh(SUITE, NEEDS))
        self.unit("up", "/bin/sleep infinity")
        self.unit("odd@", "/bin/sleep infinity")
        self.unit("bad", "/bin/false", kind="oneshot")
        self.unit("slow", "/bin/sleep infinity", kind="oneshot")
        self.bed.must("systemctl daemon-reload; systemctl start up 'odd@a\\x2db'; "
                      "systemctl start --no-block slow; systemctl mask dbus-x.service; "
                      "! systemctl start bad")
        self.assertEqual(self.active("up"), "met: up is active (running)")
        self.assertEqual(self.active("up.service"), "met: up.service is active (running)")
        self.assertEqual(self.active("odd@a\\x2db"), "met: odd@a\\x2db is active (running)")
        self.assertEqual(self.active("odd@b"), "unmet: odd@b is inactive (dead)")
        self.assertEqual(self.active("bad"), "unmet: bad is failed (failed)")
        self.assertEqual(self.active("slow"), "unmet: slow is activating (start)")
        self.assertEqual(self.active("no-such"), "unmet: no-such is not-found")
        self.assertEqual(self.active("dbus-x"), "unmet: dbus-x is masked")
        self.assertEqual(self.active("dbus.socket"), "met: dbus.socket is active (running)")
        self.bed.must("systemctl stop up")
        self.assertEqual(self.active("up"), "unmet: up is inactive (dead)")

        # A user that is in no file; known once the program runs, for which "exec" waits.
        self.unit("dynamic", "/bin/sleep infinity", kind="exec",
                  more="DynamicUser=yes\nUser=dynamo\n")
        self.bed.must("systemctl daemon-reload; systemctl start dynamic; ! grep dynamo /etc/passwd")
        number = self.bed.must("getent passwd dynamo").split(":")[2]
        self.assertEqual(self.probe("same-ids", "dynamo"),
                         ["met: user dynamo: nothing remembered yet to compare with",
                          f"same-ids dynamo={number}"])
        self.assertEqual(self.probe("same-ids", ":dynamo", before=["same-ids :dynamo=1"]),
                         [f"unmet: group dynamo is {number}, it was 1",
                          f"same-ids :dynamo={number}"])
        self.assertEqual(self.probe("command", "user=dynamo /usr/bin/id -u", "expects", number),
                         [f"met: /usr/bin/id prints {number}"])
        self.bed.must("systemctl stop dynamic")
        self.assertEqual(self.probe("same-ids", "dynamo", before=[f"same-ids dynamo={number}"]),
                         [f"unmet: there is no user dynamo any more, it was {number}"])

    def test_without_systemd(self):
        self.enter(beds.fresh(SUITE))
        self.assertEqual(self.active("ssh"), "unknown: systemd is not running")
        self.assertEqual(self.probe("same-ids", "root", before=["same-ids root=0"])[0],
                         "met: user root is 0 as it was")
        # As amid a release upgrade: what is asked is not there.
        self.bed.must("mv /usr/bin/getent /usr/bin/getent.away")
        self.assertEqual(
            self.probe("same-ids", "nobody-knows"),
            ["unknown: unable to run /usr/bin/getent: No such file or directory"])
        self.bed.must("mkdir -p /run/systemd/system; rm -f /usr/bin/systemctl /bin/systemctl")
        self.assertEqual(
            self.active("ssh"),
            "unknown: unable to run /usr/bin/systemctl: No such file or directory")


if __name__ == "__main__":
    unittest.main()
