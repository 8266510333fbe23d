#!/usr/bin/python3
"""A socket-activated service under clients that never stop asking, through an upgrade in each form
that debhelper gives a package's scripts: no start of a mixture, one start of the new version, and all
is up at the end; through apt and through plain dpkg, with Requires= on the socket and without. Stock
is beside it: what becomes of the same upgrades without aptkeep is printed, and some go wrong."""

import unittest

import sockd
import units  # it says where the others are
import frontend
from units import World

WAYS = {"apt": units.UPGRADE, "dpkg": "dpkg -i /srv/repository/main/sockd_2.0_*.deb"}
SOAK = units.SOAK
TIMES = 20 if SOAK else 1
# Those that went wrong nearly each time when they were measured, since they leave the socket open.
STOCK = tuple(sockd.FLAVOURS) if SOAK else ("service-only", "legacy", "separate")


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

    def test_one_that_takes_its_time_to_start(self):
        # A client has begun that by when the script asks for it.
        for way in WAYS:
            with self.subTest(way=way):
                self.upgrade("separate", True, way, slow=True)

    def upgrade(self, flavour, requires, way, **options):
        old, new = sockd.pair(sockd.FLAVOURS[flavour], requires=requires, **options)
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

    def test_stock_beside_it(self):
        wrong = {}
        for flavour in STOCK:
            for requires in (False, True) if SOAK else (False,):
                for _ in range(3 if SOAK else 1):
                    wrong[(flavour, requires)] = self.stock(flavour, requires)
                    print(f"stock, {flavour}{', Requires=' if requires else ''}: "
                          f"{'; '.join(wrong[(flavour, requires)]) or 'well'}", flush=True)
        bad = [one for one in wrong if wrong[one]]
        # Else the upgrades above show nothing.
        self.assertGreaterEqual(len(bad), 1 if len(wrong) < 4 else 2, wrong)

    def stock(self, flavour, requires):
        """What is wrong with it, a few seconds after its end."""
        old, new = sockd.pair(sockd.FLAVOURS[flavour], requires=requires)
        with World([old], [new], stock=True, needs=("python3",)) as world:
            world.bed.must("rm -f /usr/sbin/policy-rc.d")  # the bed's own, which denies all
            world.start("sockd.socket", "sockd.service")
            with sockd.Clients(world) as clients:
                begun = len(sockd.starts(world))
                result = world.bed.run(WAYS["apt"])
                self.assertEqual(result.code, 0, result.output)
                world.bed.run("sleep 2")
                said = clients.all_said()
                states = world.states("sockd.socket", "sockd.service")
            since = sockd.starts(world)[begun:]
        wrong = [f"started of a mixture: {line}" for line in since if len(set(line.split())) != 1]
        if since and since[-1] != "2.0 2.0 2.0":
            wrong.append(f"runs as {since[-1]} at the end")
        wrong += [f"{unit} is {state}" for unit, state in states.items() if state != "active"]
        if any(answers[-1] != "2.0" for answers in said):
            wrong.append(f"clients end with {sorted({answers[-1] for answers in said})}")
        return wrong


if __name__ == "__main__":
    unittest.main()
