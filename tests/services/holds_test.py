#!/usr/bin/python3
"""Whoever is killed while a service is held, and a reboot amid it: nothing of a mixture is started,
what is whole is back in seconds, the half replaced package is finished before its service comes
back, and nothing stays held. And removals under clients: gone is gone."""

import unittest

import sockd
import units
import frontend
from units import World

SOAK = units.SOAK
# Kills, once, those of these names that this script runs below.
KILL = r"""
if [ ! -e /root/killed ]; then
  touch /root/killed
  all= pid=$PPID
  while [ "$pid" -gt 1 ]; do
    case " %s " in *" $(cat /proc/$pid/comm) "*) all="$all $pid";; esac
    pid=$(awk '{print $4}' /proc/$pid/stat)
  done
  %s
  kill -9 $all
  sleep 1
fi
"""
ALL = "apt-get dpkg driver"
GUARDIAN = "kill -9 $(systemctl show -P MainPID 'aptkeep-guardian*') 2>/dev/null || :"
CASES = {  # who is killed, and what else
    "all": (ALL, ":"),
    "all, the guardian first": (ALL, GUARDIAN),
    "apt": ("apt-get", ":"),
    "driver": ("driver", ":"),
    "dpkg": ("dpkg driver", ":"),
}
PLACES = ("preinst", "postinst")
# Debian bug 736258: only the service is stopped.
REMOVAL = {"prerm": {"remove": "deb-systemd-invoke stop sockd.service >/dev/null || true"}}


class Holds(unittest.TestCase):
    maxDiff = None

    def cases(self):
        # Each of them once; in a soak in both places, many times.
        for number, who in enumerate(CASES):
            for place in PLACES:
                if SOAK or PLACES[number % 2] == place:
                    yield who, place

    def test_whoever_is_killed(self):
        for who, place in self.cases():
            for _ in range(10 if SOAK else 1):
                with self.subTest(who=who, place=place):
                    self.killed(who, place)

    def killed(self, who, place):
        scripts = {**sockd.FLAVOURS["default"]}
        body = KILL % CASES[who]
        verb = "upgrade" if place == "preinst" else "configure"
        after = scripts.get(place, {}).get(verb, "")
        scripts[place] = {verb: body + after}
        old, new = sockd.pair(scripts)
        whole = units.package("whole", "1.0", {"whole.service": units.service()})
        with World([old, whole], [new, whole.successor("2.0")], needs=("python3", "gawk")) as world:
            world.start("sockd.socket", "sockd.service")
            world.start("whole.service")
            with sockd.Clients(world) as clients:
                output = world.upgrade().output
                self.settled(world, output)
                said = clients.all_said()
            self.assertEqual(sockd.mixtures(world), [], output)
            for answers in said:
                versions = [a for a in answers if a in ("1.0", "2.0")]
                self.assertEqual(versions, sorted(versions), answers)
            self.assertEqual(world.states("whole.service"), {"whole.service": "active"})

    def settled(self, world, output):
        """One version, whole, and at work."""
        def is_whole():
            state = world.bed.run("dpkg-query -W -f '${db:Status-Abbrev}${Version}' sockd").output
            last = sockd.starts(world)[-1].split()[0]
            states = set(world.states("sockd.socket", "sockd.service").values())
            held = world.bed.run("ls -A /run/aptkeep/holds 2>/dev/null").output.strip()
            return (state in ("ii 1.0", "ii 2.0") and state.endswith(last) and states == {"active"}
                    and not held)
        frontend.wait_until(is_whole, lambda: "one whole version:\n" + output + world.bed.run(
            "dpkg -l sockd; ls -A /run/aptkeep/holds; systemctl status sockd.socket sockd.service; "
            f"cat {sockd.STARTS}; journalctl -u 'aptkeep-guardian*'").output, 60)

    def test_a_reboot(self):
        scripts = {**sockd.FLAVOURS["default"], "preinst": {
            "upgrade": "if [ ! -e /root/killed ]; then touch /root/killed; sync; "
                       "systemctl reboot -ff; sleep 60; fi"}}
        old, new = sockd.pair(scripts)
        with World([old], [new], needs=("python3",)) as world:
            world.start("sockd.socket", "sockd.service")
            before = world.bed.pid
            world.upgrade()
            world.bed.reboots(before)
            self.settled(world, "")
            self.assertEqual(sockd.mixtures(world), [])

    def test_an_admins_drop_in_that_empties_our_condition(self):
        # Past all shims, when it is stopped and held.
        start = "/usr/bin/systemctl start sockd.service || true\nsleep 0.5\n"
        scripts = {**sockd.FLAVOURS["no-restart"]}
        scripts["preinst"] = {"upgrade": scripts["preinst"]["upgrade"] + "\n" + start}
        old, new = sockd.pair(scripts)
        emptied = "/etc/systemd/system/sockd.service.d/zzz.conf"
        with World([old], [new], needs=("python3",)) as world:
            world.bed.write(emptied, "[Unit]\nConditionPathExists=\n")
            world.bed.must("systemctl daemon-reload")
            world.start("sockd.socket", "sockd.service")
            world.bed.must("apt-get -q -y --download-only full-upgrade")
            why = f"since {emptied} empties all conditions, aptkeep's too"
            self.assertEqual(world.bed.run("aptkeep plan").output.count(why), 1)
            with sockd.Clients(world) as clients:
                begun = len(sockd.starts(world))
                result = world.upgrade()
                self.assertEqual(result.code, 0, result.output)
                frontend.wait_until(lambda: all(s[-1] == "2.0" for s in clients.all_said()),
                                    lambda: f"2.0: {clients.all_said()}\n{result.output}", 60)
            self.assertEqual(result.output.count(why), 1, result.output)
            self.assertEqual(sockd.starts(world)[begun:], ["2.0 2.0 2.0"], result.output)

    def test_what_is_removed_is_not_reborn(self):
        for how in ("apt-get -qy remove sockd", "apt-get -qy purge sockd", "dpkg -r sockd",
                    "dpkg -P sockd"):
            with self.subTest(how=how):
                old = sockd.sockd("1.0", REMOVAL)
                with World([old], [], needs=("python3",)) as world:
                    world.start("sockd.socket", "sockd.service")
                    with sockd.Clients(world) as clients:
                        begun = sockd.starts(world)
                        output = world.bed.must(how)
                        frontend.wait_until(
                            lambda: all(s[-1] == "refused" for s in clients.all_said()),
                            lambda: f"nobody: {clients.all_said()} {output}", 30)
                    self.assertEqual(sockd.starts(world), begun, output)
                    self.assertEqual(world.bed.run("pgrep -f [/]usr/bin/sockd").output, "")
                    self.assertEqual(world.bed.run("ls -A /run/aptkeep/holds").output.count("sockd"),
                                     0)


if __name__ == "__main__":
    unittest.main()
