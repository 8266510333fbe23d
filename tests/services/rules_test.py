#!/usr/bin/python3
"""What rules say of services and of what starts them, through one upgrade: for whom each field
counts, and what becomes of it."""

import unittest

import units  # first: it says where the others are
from units import World, package, service, socket

RULE = "Package: {}\n{}\nReason: a test\nSource: https://example.org/\n"
# package -> its rule, and whether its socket listens on while its service is stopped
SOCKETS = {
    "plain": ("", "inactive"),
    "quiesced": ("Sockets: quiesce", "inactive"),
    "left": ("Sockets: leave", "active"),
    "parked": ("Sockets: park", "active"),
    "parkable": ("Class: stop\nSockets: park", "active"),
    "stock": ("Class: stock", "active"),
    "named": ("Services: named.service\nSockets: leave", "active"),
    "other": ("Services: another.service\nSockets: leave", "inactive"),
    "older": ("Upgrade-From: << 0.5\nSockets: leave", "inactive"),
    "foreign": ("Architecture: hurd-i386\nSockets: leave", "inactive"),
    "lonely": ("When-Installed: nobody\nSockets: leave", "inactive"),
}
# package -> its rule, whether its service is new when its script has restarted it, and at the end
CLASSES = {
    "end": ("", False, True),
    "ended": ("Class: end", False, True),
    "early": ("Class: early", True, True),
    "stocked": ("Class: stock", True, True),
    "never": ("Class: never", False, False),
    "nevers": ("Services: nevers.service\nClass: never", False, False),
    "others": ("Services: another.service\nClass: never", False, True),
}
RELOAD = "systemctl --system daemon-reload\n"


def with_socket(name, version):
    scripts = {"preinst": {"upgrade": f"deb-systemd-invoke stop {name}.service\n"
                                      f"systemctl is-active {name}.socket >/root/{name} || true"},
               "postinst": {"configure": RELOAD + f"deb-systemd-invoke start {name}.service"}}
    port = 2000 + sorted(SOCKETS).index(name)
    return package(name, version, {f"{name}.service": service(), f"{name}.socket": socket(port)},
                   scripts=scripts if version == "2.0" else {})


def restarted(name, version):
    script = (RELOAD + f"deb-systemd-invoke restart {name}.service\n"
              f"systemctl show -P InvocationID {name}.service >/root/{name}")
    return package(name, version, {f"{name}.service": service()},
                   scripts={"postinst": {"configure": script}} if version == "2.0" else {})


class Rules(unittest.TestCase):
    maxDiff = None

    def packages(self, version):
        return [*[with_socket(n, version) for n in SOCKETS], *[restarted(n, version) for n in CLASSES]]

    def test_each_field(self):
        rules = [RULE.format(name, said[0]) for name, said in (SOCKETS | CLASSES).items() if said[0]]
        with World(self.packages("1.0"), self.packages("2.0")) as world:
            world.bed.write("/etc/aptkeep/rules.d/50-test.rules", "\n".join(rules))
            world.bed.must("aptkeep rules check")
            world.start(*[f"{name}.{kind}" for name in SOCKETS for kind in ("socket", "service")],
                        *[f"{name}.service" for name in CLASSES])
            before = {name: self.invocation(world, name) for name in CLASSES}
            result = world.upgrade()
            self.assertEqual(result.code, 0, result.output)
            self.assertEqual({name: world.bed.read(f"/root/{name}").strip() for name in SOCKETS},
                             {name: state for name, (_, state) in SOCKETS.items()}, result.output)
            self.assertEqual({name: (world.bed.read(f"/root/{name}").strip() != before[name],
                                     self.invocation(world, name) != before[name])
                              for name in CLASSES},
                             {name: (there, at_end) for name, (_, there, at_end) in CLASSES.items()},
                             result.output)
            every = [f"{name}.socket" for name in SOCKETS] + [f"{n}.service" for n in CLASSES]
            self.assertEqual(set(world.states(*every).values()), {"active"})

    @staticmethod
    def invocation(world, name):
        return world.bed.must(f"systemctl show -P InvocationID {name}.service").strip()


if __name__ == "__main__":
    unittest.main()
