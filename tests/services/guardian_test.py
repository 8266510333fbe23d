#!/usr/bin/python3
"""What outlives a frontend: services of a run that was killed come back, and the many small steps of
unattended-upgrades end with one restart."""

import unittest

import units  # first: it says where the others are
import frontend
import unattended_upgrades_test as nightly
from units import World, package, service, UPGRADE

RELOAD = "systemctl --system daemon-reload\n"
NEW = "sleep 100000"
# Ends everything that could see to anything, and leaves itself behind for a moment.
KILL_ALL = """
all= pid=$PPID
while [ "$pid" -gt 1 ]; do
  case "$(cat /proc/$pid/comm)" in sh|systemd) ;; *) all="$all $pid";; esac
  pid=$(awk '{print $4}' /proc/$pid/stat)
done
kill -9 $all
exit 1
"""


# Once, when the service is restarted at the run's end.
KILL_HOOK = """#!/bin/sh
[ ! -e /root/killed ] || exit 0
for process in /proc/[0-9]*; do
  [ "$(cat $process/comm)" = apt-hook ] || continue
  kill -9 ${process#/proc/} && touch /root/killed
done
exit 0
"""


def one(name, version, scripts=None, command="sleep infinity", **options):
    return package(name, version, {f"{name}.service": service(command)}, scripts=scripts or {},
                   **options)


class Guardian(unittest.TestCase):
    maxDiff = None

    def wait(self, world, condition):
        frontend.wait_until(lambda: condition(world),
                            lambda: world.bed.run("journalctl -u 'aptkeep-guardian*'").output, 60)

    def test_a_frontend_is_killed_at_its_end(self):
        stop = {"preinst": {"*": "systemctl stop other.service"}}
        pairs = ((one("waits", "1.0"), one("waits", "2.0", {"postinst": {
            "configure": f"{RELOAD}deb-systemd-invoke restart waits.service"}}, NEW)),
                 (one("stops", "1.0"), one("stops", "2.0", stop)),
                 (one("other", "1.0"), one("other", "2.0")))
        with World([old for old, _ in pairs], [new for _, new in pairs]) as world:
            world.start("waits.service", "other.service")
            # Before ours.
            world.bed.write("/etc/apt/apt.conf.d/00kill", 'DPkg::Post-Invoke { "kill -9 $PPID"; };')
            world.upgrade()
            self.wait(world, lambda w: w.starts("waits.service") == 2)
            self.wait(world, lambda w: w.states("other.service")["other.service"] == "active")
            self.is_gone(world)
            self.assertEqual(world.states("stops.service"), {"stops.service": "inactive"})
            world.bed.must("rm /etc/apt/apt.conf.d/00kill")
            self.assertEqual(world.upgrade().code, 0)
            self.assertEqual(world.starts("waits.service"), 2, "the next run has nothing left to do")

    def test_the_hook_is_killed_at_its_end(self):
        stop = {"preinst": {"*": "systemctl stop other.service"}}
        kills = service(NEW, service_lines="ExecStartPre=/root/kill-hook")
        pairs = ((one("waits", "1.0"), package("waits", "2.0", {"waits.service": kills}, scripts={
                     "postinst": {"configure": f"{RELOAD}deb-systemd-invoke restart waits.service"}})),
                 (one("stops", "1.0"), one("stops", "2.0", stop)),
                 (one("other", "1.0"), one("other", "2.0")))
        with World([old for old, _ in pairs], [new for _, new in pairs]) as world:
            world.bed.write("/root/kill-hook", KILL_HOOK, 0o755)
            world.start("waits.service", "other.service")
            result = world.upgrade()
            self.assertTrue(world.bed.path("/root/killed").exists(), result.output)
            self.wait(world, lambda w: w.states("other.service")["other.service"] == "active")
            self.is_gone(world)
            self.assertEqual(world.states("waits.service", "other.service"),
                             {"waits.service": "active", "other.service": "active"})
            pid = world.bed.must("systemctl show -P MainPID waits.service").strip()
            self.assertIn("100000", world.bed.read(f"/proc/{pid}/cmdline"))
            self.assertEqual(world.bed.run("aptkeep services").code, 0)

    def test_all_are_killed_amid_a_script(self):
        new = [one("torn", "2.0", {"preinst": {"*": "systemctl stop whole.service torn.service"},
                                   "postinst": {"configure": KILL_ALL}}), one("whole", "1.0")]
        with World([one("torn", "1.0"), one("whole", "1.0")], new, needs=("gawk",)) as world:
            world.start("torn.service", "whole.service")
            world.upgrade()
            self.assertEqual(world.bed.must("dpkg-query -W -f '${db:Status-Abbrev}' torn").strip(),
                             "iF")
            world.bed.must("systemctl is-active whole.service || sleep 5")
            self.is_gone(world)
            # Nobody's package was touched, so nobody has recorded what is to run.
            self.assertEqual(world.states("torn.service"), {"torn.service": "inactive"})

    def is_gone(self, world):
        frontend.wait_until(
            lambda: not world.bed.run("systemctl list-units -q --no-legend --all "
                                      "'aptkeep-guardian*'").output.strip(),
            lambda: world.bed.run("systemctl status 'aptkeep-guardian*'").output, 60)
        left = [p.name for p in world.bed.path("/run/aptkeep").glob("guardian*")]
        self.assertEqual(left, [])

    def test_a_run_that_another_program_refuses_is_not_cut_off(self):
        with World([one("foo", "1.0")], [one("foo", "2.0")]) as world:
            world.start("foo.service")
            # As apt-listbugs does; after ours.
            world.bed.write("/etc/apt/apt.conf.d/99refuse",
                            'DPkg::Pre-Install-Pkgs { "cat >/dev/null; exit 10"; };')
            self.assertNotEqual(world.upgrade().code, 0)
            self.wait(world, lambda w: "nothing was begun" in w.bed.run("aptkeep runs").output)
            self.assertIn("No package is kept back", world.bed.must("aptkeep status"))
            self.assertEqual(world.starts("foo.service"), 1)
            world.bed.must("rm /etc/apt/apt.conf.d/99refuse")
            self.assertNotIn("cut off", world.bed.must(UPGRADE))
            self.assertEqual(world.bed.must("dpkg-query -W foo").split()[1], "2.0")

    def test_after_a_run_that_ended_well_nothing_is_left_to_do(self):
        with World([one("plain", "1.0")], [one("plain", "2.0", {"postinst": {
                "configure": f"{RELOAD}deb-systemd-invoke restart plain.service"}}, NEW)]) as world:
            world.start("plain.service")
            output = world.upgrade().output
            self.assertIn("aptkeep: restarting plain.service", output)
            self.is_gone(world)
            self.assertEqual(world.starts("plain.service"), 2)

    def test_it_comes_again_when_it_is_killed(self):
        kill = "kill -9 $(systemctl show -P MainPID 'aptkeep-guardian*')\nsleep 2\n"
        with World([one("plain", "1.0")],
                   [one("plain", "2.0", {"preinst": {"*": "systemctl stop plain.service\n" + kill},
                                         "postinst": {"*": KILL_ALL}})],
                   needs=("gawk",)) as world:
            world.start("plain.service")
            world.upgrade()
            self.is_gone(world)
            log = world.bed.run("journalctl -o cat -u 'aptkeep-guardian*'").output
            self.assertIn("Scheduled restart job", log)

    def test_many_small_steps_end_with_one_restart(self):
        # Three packages restart the one's service, as dovecot's do.
        restart = {"postinst": {"configure": f"{RELOAD}deb-systemd-invoke restart shared.service"}}
        names = ("part1", "part2")
        old = [one("shared", "1.0"), *[package(n, "1.0") for n in names]]
        new = [one("shared", "2.0", restart, NEW), *[package(n, "2.0", scripts=restart) for n in names]]
        with World(old, new, needs=("unattended-upgrades",)) as world:
            world.start("shared.service")
            nightly.upgrade(world)
            states = world.bed.must("dpkg-query -W -f '${Version} ' shared part1 part2").split()
            self.assertEqual(states, ["2.0"] * 3)
            self.is_gone(world)
            self.assertEqual(world.starts("shared.service"), 2,
                             world.bed.run("journalctl -u 'aptkeep-guardian*'").output)
            pid = world.bed.must("systemctl show -P MainPID shared.service").strip()
            self.assertIn("100000", world.bed.read(f"/proc/{pid}/cmdline"))
            self.assertGreater(int(world.bed.must("grep -c 'startup archives unpack' "
                                                  "/var/log/dpkg.log")), 2, "many small steps")
            self.assertEqual(world.bed.run("aptkeep services").code, 0)


if __name__ == "__main__":
    unittest.main()
