#!/usr/bin/python3
"""Rules with `Sockets: park`: clients that never stop asking are neither refused nor cut off through a
whole upgrade, and each is answered by one version or the other, whoever is killed meanwhile; and what
cannot be parked is stopped, and that is told."""

import unittest

import sockd
import units  # it says where the others are
import frontend
import holds_test  # not its names: they are tests
from units import World, package, service

SOAK = units.SOAK
RULE = ("Package: sockd\nSockets: park\n{}Reason: its clients may wait\n"
        "Source: https://example.org/\n")
FILE = "/etc/aptkeep/rules.d/50-park.rules"
DPKG = "dpkg -i /srv/repository/main/sockd_2.0_*.deb"
WAYS = {"apt": units.UPGRADE, "dpkg": DPKG}
UNITS = ("sockd.socket", "sockd.service")
# What is seen when its package is being replaced, and time for clients to pile up.
LOOK = ("[ -e /root/seen ] || { aptkeep services; /usr/bin/systemctl is-active %s %s; } "
        ">/root/seen 2>&1; sleep 0.5\n" % UNITS)
SEEN = "sockd.service: is parked: its clients wait until its package is replaced\n"
# Scripts that call systemctl directly, in the order that cuts clients off.
MEDDLING = {
    "preinst": {"upgrade": "systemctl stop sockd.service sockd.socket\n"},
    "postinst": {"configure": sockd.RELOAD + "systemctl restart sockd.socket sockd.service\n"}}
STOPS = "/var/log/sockd.stops"
# With all that has to go, or to stay, when something else stands in its place.
RICH = """[Unit]
Description=made for a test
ConditionPathExists=/etc/sockd.conf
[Service]
Type=exec
PrivateTmp=yes
ProtectHome=yes
EnvironmentFile=/usr/share/sockd/data
ExecStartPre=/usr/bin/test -s /etc/sockd.conf
ExecStart=/usr/bin/sockd
ExecStop=/bin/sh -c 'echo stop $MAINPID >>%s; kill $MAINPID'
ExecStopPost=/bin/sh -c 'echo stopped >>%s'
Restart=always
[Install]
WantedBy=multi-user.target
""" % (STOPS, STOPS)
FLAVOURS = {**sockd.FLAVOURS, "direct": MEDDLING}
# And the default one with a unit of its own.
USUAL = ("no-restart", "legacy", "direct")


def cases():
    for number, flavour in enumerate(FLAVOURS):
        for requires in (False, True):
            for way in WAYS:
                # A plain dpkg has no shims: systemctl is not asked about.
                if flavour == "direct" and way == "dpkg":
                    continue
                usual = flavour in USUAL and requires == bool(number % 2)
                if SOAK or (usual and (way == "apt" or flavour == "no-restart")):
                    yield flavour, requires, way


def with_look(scripts, before=""):
    """The same, with a look at the units in its preinst, and something before that."""
    its = {name: dict(verbs) for name, verbs in scripts.items()}
    preinst = its.setdefault("preinst", {})
    preinst["upgrade"] = LOOK + before + preinst.get("upgrade", "")
    return its


class Park(unittest.TestCase):
    maxDiff = None

    def world(self, scripts, rule="", **options):
        old, new = sockd.pair(scripts, **options)
        world = World([old], [new], needs=("python3", "gawk"))
        self.rule = RULE.format(rule)
        return world

    def begin(self, world):
        world.bed.write(FILE, self.rule)
        world.start(*UNITS)

    def is_answered(self, world, output, versions=("2.0",)):
        """All, by one of these, when it is over."""
        frontend.wait_until(
            lambda: all(said[-1] in versions for said in self.clients.all_said()),
            lambda: f"{versions}: {self.clients.all_said()}\n{output}\n" + world.bed.run(
                "dpkg -l sockd; systemctl status sockd.socket sockd.service; "
                f"cat {sockd.STARTS}; find /run/aptkeep; journalctl -u 'aptkeep-guardian*'").output,
            60)
        for said in self.clients.all_said():
            self.assertIn(said, (["1.0", "2.0"], ["1.0"]), output)

    def nothing_is_left(self, world, output):
        found = world.bed.run("find /run/aptkeep/holds /run/aptkeep/fresh /run/aptkeep/parked "
                              "/run/systemd/system -path '*sockd*'").output
        self.assertEqual([line for line in found.splitlines() if "No such file" not in line], [],
                         output)
        shown = world.bed.must("systemctl show -P NeedDaemonReload sockd.service sockd.socket")
        self.assertEqual(shown.split(), ["no", "no"])

    def test_each_flavour_under_clients(self):
        for flavour, requires, way in cases():
            for _ in range(5 if SOAK else 1):
                with self.subTest(flavour=flavour, requires=requires, way=way):
                    self.upgrade(flavour, requires, way)

    def upgrade(self, flavour, requires, way):
        with self.world(with_look(FLAVOURS[flavour]), requires=requires) as world:
            self.begin(world)
            with sockd.Clients(world, 5) as self.clients:
                begun = len(sockd.starts(world))
                result = world.bed.run(WAYS[way])
                self.assertEqual(result.code, 0, result.output)
                self.is_answered(world, result.output)
            self.assertEqual(sockd.starts(world)[begun:], ["2.0 2.0 2.0"], result.output)
            self.assertIn(SEEN, world.bed.read("/root/seen"))
            self.assertIn("active\nactive\n", world.bed.read("/root/seen"))
            self.assertIn("with clients of sockd.socket waiting (parked)", result.output)
            self.assertEqual(world.states(*UNITS), dict.fromkeys(UNITS, "active"))
            self.nothing_is_left(world, result.output)

    def test_what_its_unit_says_of_its_stop_is_done_once(self):
        its = {"sockd.service": RICH, "sockd.socket": units.socket(sockd.PORT)}
        with self.world(with_look(FLAVOURS["default"]), units=its) as world:
            self.begin(world)
            main = world.bed.must("systemctl show -P MainPID sockd.service").strip()
            with sockd.Clients(world, 5) as self.clients:
                result = world.upgrade()
                self.assertEqual(result.code, 0, result.output)
                self.is_answered(world, result.output)
            self.assertEqual(world.bed.read(STOPS), f"stop {main}\nstopped\n", result.output)
            self.assertEqual(sockd.starts(world)[1:], ["2.0 2.0 2.0"], result.output)
            self.assertIn(SEEN, world.bed.read("/root/seen"))
            self.nothing_is_left(world, result.output)

    def test_a_socket_that_moves(self):
        old, new = sockd.pair(sockd.FLAVOURS["default"])
        moved = units.socket(sockd.PORT + 1)
        new.files["/usr/lib/systemd/system/sockd.socket"] = moved
        self.rule = RULE.format("")
        with World([old], [new], needs=("python3",)) as world:
            self.begin(world)
            result = world.upgrade()
            self.assertEqual(result.code, 0, result.output)
            self.assertIn("(parked)", result.output)
            ask = ("import socket; print(socket.create_connection(('127.0.0.1', %d), 10).recv(9))")
            self.assertIn("2.0", world.bed.must(["python3", "-c", ask % (sockd.PORT + 1)]))
            self.assertIn("refused", world.bed.run(["python3", "-c", ask % sockd.PORT]).output)
            self.assertEqual(sockd.starts(world)[1:], ["2.0 2.0 2.0"], result.output)
            self.nothing_is_left(world, result.output)

    def test_whoever_is_killed(self):
        places = {"driver": "postinst", "apt-get": "preinst", "apt-get dpkg driver": "preinst"}
        for who, place in places.items():
            if not SOAK and who == "apt-get":
                continue
            for where in {"preinst", place} if SOAK else (place,):
                for _ in range(5 if SOAK else 1):
                    with self.subTest(who=who, place=where):
                        self.killed(who, where)

    def killed(self, who, place):
        scripts = {name: dict(verbs) for name, verbs in sockd.FLAVOURS["no-restart"].items()}
        verb = "upgrade" if place == "preinst" else "configure"
        scripts[place][verb] = holds_test.KILL % (who, "sleep 0.3") + scripts[place][verb]
        with self.world(scripts) as world:
            self.begin(world)
            with sockd.Clients(world, 5) as self.clients:
                output = world.upgrade().output
                holds_test.Holds.settled(self, world, output)
                self.is_answered(world, output, ("1.0", "2.0"))
            self.assertEqual(sockd.mixtures(world), [], output)
            frontend.wait_until(lambda: not world.bed.path("/run/aptkeep/parked").exists(),
                                "the end of what was parked", 30)
            self.nothing_is_left(world, output)

    def test_a_plain_dpkg_that_is_killed(self):
        scripts = {name: dict(verbs) for name, verbs in sockd.FLAVOURS["no-restart"].items()}
        # It ends with its dpkg.
        scripts["postinst"]["configure"] = (
            "[ ! -e /root/killed ] || again=yes\n" + holds_test.KILL % ("dpkg", "sleep 0.3")
            + '[ "$again" ] || exit 1\n' + scripts["postinst"]["configure"])
        with self.world(scripts) as world:
            self.begin(world)
            with sockd.Clients(world, 5) as self.clients:
                output = world.bed.run(DPKG).output
                # Nobody is bound to go on with it: they are not to wait for ever.
                frontend.wait_until(
                    lambda: all(said[-1] == "refused" for said in self.clients.all_said()),
                    lambda: f"nobody: {self.clients.all_said()} {output}", 30)
                output += world.bed.must("dpkg --configure -a")
                frontend.wait_until(
                    lambda: all(said[-1] == "2.0" for said in self.clients.all_said()),
                    lambda: f"2.0: {self.clients.all_said()} {output}", 30)
            self.assertEqual(sockd.mixtures(world), [], output)
            self.nothing_is_left(world, output)

    def test_what_cannot_be_parked_is_stopped(self):
        def dual(version):
            text = ("[Unit]\nDescription=made for a test\n[Socket]\nListenStream=/run/dual\n"
                    "ListenDatagram=/run/dual.log\n[Install]\nWantedBy=sockets.target\n")
            look = "systemctl is-active dual.socket dual.service >/root/seen || true\n"
            return package("dual", version, {"dual.service": service(), "dual.socket": text},
                           scripts={"preinst": {"upgrade": look}} if version == "2.0" else {})
        with World([dual("1.0")], [dual("2.0")]) as world:
            world.start("dual.socket", "dual.service")
            rule = RULE.format("Class: stop\n{}").replace("sockd", "dual")
            why = "dual.socket listens on more than streams (Datagram /run/dual.log)"
            for services in ("", "Services: dual.service\n"):
                world.bed.write(FILE, rule.format(services))
                checked = world.bed.run("aptkeep rules check")
                self.assertEqual(why in checked.output, bool(services), checked.output)
                self.assertEqual(checked.code, 1 if services else 0)
            world.bed.must("apt-get -q -y --download-only full-upgrade")
            planned = world.bed.run("aptkeep plan").output
            self.assertIn(why, planned)
            self.assertIn("down meanwhile: dual.service, dual.socket", planned)
            result = world.upgrade()
            self.assertEqual(result.code, 0, result.output)
            self.assertIn("not parked: " + why, result.output)
            self.assertEqual(world.bed.read("/root/seen"), "inactive\ninactive\n")
            self.assertEqual(set(world.states("dual.socket", "dual.service").values()), {"active"})

    def test_it_is_told_before(self):
        with self.world(sockd.FLAVOURS["default"], "Class: stop\n") as world:
            self.begin(world)
            self.assertEqual(world.bed.run("aptkeep rules check").code, 0)
            world.bed.must("apt-get -q -y --download-only full-upgrade")
            planned = world.bed.run("aptkeep plan").output
            self.assertIn("down meanwhile: sockd.service; parked, with clients waiting: sockd.socket",
                          planned)
            world.bed.write(FILE, RULE.format("Class: early\nServices: dbus.service\n"))
            checked = world.bed.run("aptkeep rules check")
            self.assertEqual(checked.code, 1)
            self.assertIn("it is about services of class stop", checked.output)
            self.assertIn("dbus.service is stopped, and not parked", checked.output)


if __name__ == "__main__":
    unittest.main()
