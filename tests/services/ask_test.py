#!/usr/bin/python3
"""systemd's private socket and systemctl(1) say the same of every unit of a booted system."""

import os
import pathlib
import re
import unittest

import units  # first: it says where the others are
import frontend

PROBE = os.environ["UNITS_PROBE"]
ODD = ["no-such.service", "no-such.socket", "no-such@x.timer", "dbus.service", "-.slice"]


class Ask(unittest.TestCase):
    maxDiff = None

    def test_both_ways_say_the_same(self):
        with units.World([], []) as world:
            self.bed = world.bed
            self.bed.write("/usr/local/bin/units_probe", pathlib.Path(PROBE).read_bytes(), 0o755)
            self.bed.write("/etc/systemd/system/t@.service", units.service())
            self.bed.write("/etc/systemd/system/twice.service", units.service(
                "sh -c 'test -e /run/once || { touch /run/once; exit 1; }; sleep infinity'",
                service_lines="Restart=on-failure\nRestartSec=100ms"))
            # Masking reloads systemd, which must not come amid the restart: while its job waits, a
            # reload lets systemd arm its timer once more, and it counts another restart.
            self.bed.must("systemctl mask -q systemd-tmpfiles-clean.timer")
            self.bed.must("systemctl start twice.service t@one.service 't@a\\x2db.service'")
            twice = ("systemctl", "show", "-P", "NRestarts", "-P", "SubState", "twice.service")
            frontend.wait_until(lambda: sorted(self.bed.must(twice).split()) == ["1", "running"],
                                lambda: f"twice.service: {self.bed.must(twice).split()}", 60)
            ways = {way: self.listed(way) for way in ("bus", "systemctl")}
            self.assertGreater(len(ways["bus"]), 50)
            self.assertEqual(ways["bus"], ways["systemctl"])
            # Mounts have a Type of their own, which nobody asks for.
            names = [line.split()[0] for line in ways["bus"] if ".mount " not in line] + ODD
            asked = {way: self.bed.must(["units_probe", way, "ask", *names]).splitlines()
                     for way in ("bus", "systemctl")}
            self.assertEqual(len(asked["bus"]), len(set(names)))
            for unit, text in (("dbus.socket", "listens=Stream /run/dbus/system_bus_socket "),
                               ("systemd-journald-dev-log.socket", "Datagram /run/systemd/journal"),
                               ("systemd-journald.service", "refuses=0 ")):
                (line,) = [line for line in asked["bus"] if line.startswith(unit + ": ")]
                self.assertIn(text, line)
            self.assertTrue(any("refuses=1 " in line for line in asked["bus"]))
            self.assertIn(" restarts=1 ", next(line for line in asked["bus"]
                                               if line.startswith("twice.service")))
            # Two starts within a second can be told apart.
            mark = int(re.search(" mark=([0-9]+) ", next(
                line for line in asked["bus"] if line.startswith("t@one.service: ")))[1])
            self.assertEqual(str(mark), self.property_of("t@one.service",
                                                         "InactiveExitTimestampMonotonic"))
            self.assertEqual([unordered(line) for line in asked["bus"]],
                             [unordered(line) for line in asked["systemctl"]])
            self.check_time()

    def check_time(self):
        """All questions go out before the first answer is read. Of what is not loaded systemd would
        read the files anew for each of them."""
        names = [f"loaded@{number}.service" for number in range(300)]
        self.bed.write("/etc/systemd/system/loaded@.service", units.service(
            "true", unit="ConditionPathExists=/no/such"))
        self.bed.write("/etc/systemd/system/all.target", f"[Unit]\nWants={' '.join(names)}\n")
        self.bed.must("systemctl daemon-reload; systemctl start all.target")
        self.assertEqual(self.bed.must(["units_probe", "bus", "list"]).count("loaded@"), 300)
        bus, systemctl = (self.time(way, names) for way in ("bus", "systemctl"))
        print(f"300 loaded units: {bus} ms on the bus, {systemctl} ms by systemctl")
        self.assertLess(bus, systemctl)
        names = [f"t@{number}.service" for number in range(300)]
        bus, systemctl = (self.time(way, names) for way in ("bus", "systemctl"))
        print(f"300 others: {bus} ms on the bus, {systemctl} ms by systemctl")
        self.assertLess(bus, 2 * systemctl)

    def time(self, way, names):
        return min(int(self.bed.must(["units_probe", way, "time", *names]))
                   for _ in range(3)) // 1000

    def property_of(self, unit, name):
        return self.bed.must(["systemctl", "show", "-P", name, unit]).strip()

    def listed(self, way):
        # What comes and goes by itself meanwhile: the probe's own scope, timers' services.
        lines = self.bed.must(["units_probe", way, "list"]).splitlines()
        return sorted(line for line in lines if ".scope" not in line and ".device" not in line)


def unordered(line):
    """Relations are told in no order."""
    head, _, tail = line.partition(" triggers=")
    return head, sorted(re.sub("(by|related|with|listens)=", " ", tail).split())


if __name__ == "__main__":
    unittest.main()
