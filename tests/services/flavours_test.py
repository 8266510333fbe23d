#!/usr/bin/python3
"""A socket-activated service under clients that never stop asking, through an upgrade in each form
that debhelper gives a package's scripts: no start of a mixture, one start of the new version, and all
is up at the end; through apt and through plain dpkg, with Requires= on the socket and without."""

import os
import unittest

import sockd
import units  # it says where the others are
import frontend
from units import World

WAYS = {"apt": units.UPGRADE, "dpkg": "dpkg -i /srv/repository/main/sockd_2.0_*.deb"}
TIMES = 20 if os.environ.get("APTKEEP_SOAK") else 2


def cases():
    for flavour in sockd.FLAVOURS:
        for requires in (False, True):
            for way in WAYS:
                yield flavour, requires, way


class Flavours(unittest.TestCase):
    maxDiff = None

    def test_each_flavour_under_clients(self):
        for flavour, requires, way in cases():
            for _ in range(TIMES):
                with self.subTest(flavour=flavour, requires=requires, way=way):
                    self.upgrade(flavour, requires, way)

    def upgrade(self, flavour, requires, way):
        old, new = sockd.pair(sockd.FLAVOURS[flavour], requires=requires)
        with World([old], [new], needs=("python3",)) as world:
            world.start("sockd.socket", "sockd.service")
            with sockd.Clients(world) as clients:
                begun = len(sockd.starts(world))
                result = world.bed.run(WAYS[way])
                self.assertEqual(result.code, 0, result.output)
                frontend.wait_until(lambda: all(s[-1] == "2.0" for s in clients.all_said()),
                                    lambda: f"2.0: {clients.all_said()}\n{result.output}", 60)
                said = clients.all_said()
            since = sockd.starts(world)[begun:]
            self.assertEqual(sockd.mixtures(world), [], result.output)
            self.assertEqual(since.count("2.0 2.0 2.0"), 1, f"{since} {result.output}")
            self.assertEqual(world.states("sockd.socket", "sockd.service"),
                             {"sockd.socket": "active", "sockd.service": "active"})
            for answers in said:
                versions = [a for a in answers if a in ("1.0", "2.0")]
                self.assertEqual(versions, sorted(versions), answers)
            self.assertEqual(world.bed.run("ls /run/aptkeep/holds /run/aptkeep/fresh").output.count(
                "sockd"), 0)


if __name__ == "__main__":
    unittest.main()
