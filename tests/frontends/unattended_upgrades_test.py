#!/usr/bin/python3
"""unattended-upgrades as Debian's timer starts it, in a Debian that systemd has booted: many small
steps, one of them fails, and all others are taken in the one run."""

import unittest

import frontend  # first: it says where the others are
import booted

NEEDS = ("unattended-upgrades", "systemd-sysv", "dbus")

PACKAGES = """
[installed]
base 1.0
foo 1.0
  Depends: base
dep1 1.0
  Depends: foo
dep2 1.0
  Depends: dep1
depv 1.0
  Depends: foo (= 1.0)
late 1.0
ind1 ind2 ind3 ind4 ind5 1.0

[repository]
* 2.0
foo 2.0
  preinst upgrade: fail 3
late 2.0
  postinst configure: fail 4
"""

SETTINGS = """
Unattended-Upgrade::Origins-Pattern { "origin=Debian"; };
APT::Periodic::Enable "1";
APT::Periodic::Unattended-Upgrade "1";
// What else the service would do before.
APT::Periodic::Update-Package-Lists "0";
"""
STAMP = "/var/lib/apt/periodic/upgrade-stamp"
LOG = "/var/log/unattended-upgrades/unattended-upgrades.log"


def upgrade(world, settings=""):
    """What the timer does; the service's own result."""
    world.bed.write("/etc/apt/apt.conf.d/99upgrade", SETTINGS + settings)
    world.bed.must("systemctl start apt-daily-upgrade.service")
    return world.bed.must("systemctl show -P Result -P ExecMainStatus apt-daily-upgrade.service")


class UnattendedUpgrades(unittest.TestCase):
    def test_one_run_takes_everything_else(self):
        with frontend.world(PACKAGES, NEEDS, stock=True, kind=booted) as world:
            stock_result = upgrade(world)
            self.assertFalse(world.bed.path(STAMP).exists())
            upgraded = [n for n, state in world.states().items() if state == ("ii", "2.0")]
            self.assertLess(len(upgraded), 9, "stock stops at its first failure")
        with frontend.world(PACKAGES, NEEDS, kind=booted) as world:
            self.assertEqual(upgrade(world), stock_result)
            world.play("""
[expect]
ii 1.0: foo depv late
ii 2.0: base dep1 dep2 ind1 ind2 ind3 ind4 ind5
""")
            # Its own word that not all went well: no stamp, so the timer tries again.
            self.assertFalse(world.bed.path(STAMP).exists())
            log = world.bed.read(LOG)
            self.assertIn("ERROR aptkeep: some packages were kept back", log)
            self.assertNotIn("All upgrades installed", log)
            self.is_one_run(world)

    def is_one_run(self, world):
        runs = world.bed.must(["aptkeep", "runs"])
        self.assertEqual(runs.count("unattended-upgrade"), 1, runs)
        report = world.bed.must(["aptkeep", "report"])
        self.assertIn("foo 2.0: its preinst ended with exit status 3", report)
        self.assertIn("late 2.0: its postinst ended with exit status 4", report)
        self.assertNotIn("called /usr/bin/dpkg itself", report)
        self.assertGreater(int(world.bed.must("grep -c 'startup archives unpack' "
                                              "/var/log/dpkg.log")), 5, "many small steps")


if __name__ == "__main__":
    unittest.main()
