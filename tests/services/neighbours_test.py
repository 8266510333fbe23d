#!/usr/bin/python3
"""Scripts that rely on what stock would have up: a plugin that stops another package's service and
starts it again, and scripts that use or reload a service that is down while its package is replaced."""

import unittest

import units  # first: it says where the others are
import pkg
from units import World, package, service

RELOAD = "systemctl --system daemon-reload\n"
NEW = "sleep 100000"
PLUGIN = {"prerm": {"*": "deb-systemd-invoke stop main.service"},
          "postrm": {"*": "deb-systemd-invoke start main.service"}}
# As of a database server: down while it is replaced, and used as soon as it is up.
SERVER = {"preinst": {"upgrade": "deb-systemd-invoke stop serv.service"},
          "postinst": {"configure": f"{RELOAD}deb-systemd-invoke start serv.service\n"
                                    "systemctl is-active serv.service"}}
RULE = """Package: serv
Class: stop
Together: other.service
Reason: made for a test
Source: https://example.org/
"""


def one(name, version, scripts=None, unit="", **options):
    made = service("sleep infinity" if version == "1.0" else NEW, unit, "ExecReload=true")
    return package(name, version, {f"{name}.service": made}, scripts=scripts or {}, **options)


class Neighbours(unittest.TestCase):
    def check(self, world, result, *names):
        self.assertEqual(result.code, 0, result.output)
        self.assertEqual(world.states(*names), {name: "active" for name in names}, result.output)

    def test_a_plugin_stops_what_is_not_its_own(self):
        main = one("main", "1.0")
        plugin = pkg.Package("plugin", "1.0", scripts=PLUGIN)
        newer = pkg.Package("plugin", "2.0", scripts=PLUGIN)
        with World([main, plugin, one("beside", "1.0")],
                   [main, newer, one("beside", "2.0")]) as world:
            world.start("main.service", "beside.service")
            for command in ("install plugin", "install --reinstall plugin",
                            "install beside plugin-"):
                with self.subTest(command):
                    result = world.bed.run(f"apt-get -qy {command}")
                    self.check(world, result, "main.service", "beside.service")

    def test_scripts_use_what_is_down(self):
        def packages(version):
            new = version == "2.0"
            uses = {"postinst": {"configure": "systemctl is-active serv.service"}} if new else {}
            return [one("serv", version, SERVER if new else {}),
                    pkg.Package("web", version, scripts=uses,
                                fields={"Depends": f"serv (= {version})"})]
        with World(packages("1.0"), packages("2.0")) as world:
            world.start("serv.service")
            result = world.upgrade()
            self.check(world, result, "serv.service")
            self.assertEqual(world.bed.must("dpkg-query -W -f '${Version} ' serv web"), "2.0 2.0 ")
            self.assertEqual(world.starts("serv.service"), 2, result.output)

    def test_scripts_reload_what_is_down(self):
        asks = {"postinst": {"configure": "invoke-rc.d serv reload\nsystemctl reload other.service"}}
        with World([one("serv", "1.0"), one("other", "1.0")],
                   [one("serv", "2.0", asks), one("other", "1.0")]) as world:
            world.bed.write("/etc/aptkeep/rules.d/t.rules", RULE)
            world.start("serv.service", "other.service")
            self.check(world, world.upgrade(), "serv.service", "other.service")


if __name__ == "__main__":
    unittest.main()
