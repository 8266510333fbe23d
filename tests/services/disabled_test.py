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

    def test_masked_and_running_is_down_while_it_is_replaced(self):
        names = ("masked", "front")
        old, new = ([package(name, version, {f"{name}.service": service("sleep infinity")})
                     for name in names] for version in ("1.0", "2.0"))
        with World(old, new[:1]) as world:
            lines = "Together: front.service\nBefore: sh: systemctl is-active masked front >/root/seen || true"
            world.bed.write("/etc/aptkeep/rules.d/masked.rules", RULE.format("masked", lines))
            world.start("masked.service", "front.service")
            world.bed.must("systemctl mask masked.service front.service")
            output = world.upgrade().output
            self.assertEqual(world.bed.must("cat /root/seen"), "inactive\n" * 2, output)
            told = world.bed.run("aptkeep services").output
            for name in names:
                self.assertRegex(told, f"(?m)^{name}.service.*: it is masked now$")


if __name__ == "__main__":
    unittest.main()
