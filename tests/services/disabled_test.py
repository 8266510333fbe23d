#!/usr/bin/python3
"""What is disabled and down stays down where its script's start is met by a hold, as it does without
aptkeep: deb-systemd-invoke asks policy-rc.d first, and only then looks whether the unit is enabled."""

import unittest

from units import World, package, service, socket

RULE = "Package: {0}\nClass: stop\n{1}\nReason: a test\nSource: https://example.org/\n\n"
NAMES = ("checked", "followed", "joined", "first", "second")
INVOKE = "deb-systemd-invoke {0} {1}.service {1}-side.service {1}-side.socket\n"


PORTS = dict(zip(NAMES, range(7801, 7801 + len(NAMES))))


def daemons(name, version, **more):
    """A service that is enabled, one and its socket that are not."""
    files = {f"{name}.service": service("sleep infinity"),
             f"{name}-side.service": service("sleep infinity"),
             f"{name}-side.socket": socket(PORTS[name])}
    return package(name, version, files, scripts={
        "postinst": {"configure": "systemctl daemon-reload\n" + INVOKE.format("start", name)},
        "prerm": {"*": INVOKE.format("stop", name)}}, **more)


def all_of(version):
    return [daemons("checked", version), daemons("followed", version), daemons("joined", version),
            daemons("first", version),  # no rule: replaced together
            daemons("second", version, fields={"Depends": f"first (= {version})"}),
            package("neighbour", version, {"neighbour.service": service("sleep infinity")})]


RULES = "".join([RULE.format("checked", "Check-Config: /bin/true"),
                 RULE.format("followed", "After: /bin/true"),
                 RULE.format("joined", "Together: neighbour.service")])


class Disabled(unittest.TestCase):
    def test_stays_down(self):
        with World(all_of("1.0"), all_of("2.0")) as world:
            world.bed.write("/etc/aptkeep/rules.d/disabled.rules", RULES)
            world.bed.must("aptkeep rules check")
            world.start("neighbour.service", *[f"{name}.service" for name in NAMES])
            world.bed.must("systemctl disable --now " + " ".join(
                f"{name}-side.service {name}-side.socket" for name in NAMES))
            # Disabled, and started by hand all the same.
            world.start("second-side.service", enable=False)
            output = world.upgrade().output
            units = [f"{name}{kind}" for name in NAMES
                     for kind in (".service", "-side.service", "-side.socket")]
            up = {f"{name}.service" for name in NAMES} | {"second-side.service"}
            self.assertEqual(world.states(*units), {
                unit: "active" if unit in up else "inactive" for unit in units}, output)
            self.assertIn("All that ran", world.bed.must("aptkeep services"), output)


if __name__ == "__main__":
    unittest.main()
