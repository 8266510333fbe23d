#!/usr/bin/python3
"""A package's postinst migrates its PostgreSQL database while the server is upgraded in the same run,
beside a package that fails; and a service that had crashed starts with the version that mends it."""

import pathlib
import sys
import unittest

import units  # first: it says where the others are
import frontend

sys.path.insert(0, str(pathlib.Path(units.HERE).parent / "demo"))

import repacked  # noqa: E402

FAILS = "tree"
NEEDS = ("postgresql", FAILS)
UNIT = {"bookworm": "postgresql@15-main.service", "trixie": "postgresql@17-main.service"}
PSQL = "cd /; su postgres -c \"psql -qAt -v ON_ERROR_STOP=1 -d app -c '{}'\""
MIGRATE = {"postinst": {"configure": PSQL.format("ALTER TABLE mail ADD COLUMN size int")}}
APP = (units.package("app", "1.0", fields={"Depends": "postgresql"}),
       units.package("app", "2.0", fields={"Depends": "postgresql"}, scripts=MIGRATE))
CRASHED = (units.package("crashed", "1.0", {"crashed.service": units.service("false")}),
           units.package("crashed", "2.0", {"crashed.service": units.service()}, scripts={
               "postinst": {"configure": "deb-systemd-invoke restart crashed.service || true"}}))


class World(units.World):
    def __init__(self):
        super().__init__([APP[0], CRASHED[0]], [APP[1], CRASHED[1]], needs=NEEDS)

    def __enter__(self):
        super().__enter__()
        self.repository.write_raw("aptkeep", *self.offer)
        self.repository.update()
        frontend.wait_until(lambda: self.bed.run("su postgres -c 'createdb app'").code == 0,
                            lambda: "no database", 60)
        self.bed.must(PSQL.format("CREATE TABLE mail (subject text)"))
        self.bed.run("systemctl enable -q crashed; systemctl start crashed")
        frontend.wait_until(lambda: self.states("crashed.service")["crashed.service"] == "failed",
                            lambda: "it has not crashed", 30)
        return self


class Migrate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.versions, World.offer = repacked.make(frontend.SUITE, (*units.NEEDS, *NEEDS),
                                                  {FAILS: ("preinst", "")})

    def test_a_migration_finds_the_new_server(self):
        with World() as world:
            unit = UNIT[frontend.SUITE]
            starts = world.starts(unit)
            result = world.upgrade(timeout=600)
            self.assertEqual(result.code, 100, result.output)
            self.assertEqual(world.bed.must(["dpkg-query", "-W", "-f", "${Status} ${Version}", "app"]),
                             "install ok installed 2.0", result.output)
            columns = world.bed.must(PSQL.format("SELECT count(size) FROM mail"))
            self.assertEqual(columns.strip(), "0")
            self.assertEqual(world.starts(unit), starts + 1, result.output)
            server = world.bed.must(["dpkg-query", "-W", "-f", "${Version}", "postgresql"])
            self.assertTrue(server.endswith(repacked.SUFFIX), server)
            self.assertEqual(set(world.states(unit, "crashed.service").values()), {"active"})
            told = result.output.partition("as they should be:")[2]
            self.assertNotIn("postgresql", told)
            self.assertNotIn("crashed", told)
            self.assertEqual(world.bed.must("dpkg --audit"), "")


if __name__ == "__main__":
    unittest.main()
