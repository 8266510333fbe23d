#!/usr/bin/python3
"""Without systemd: what ran before an upgrade runs after it, and is restarted once, where sysvinit
or OpenRC starts scripts. Beside it, what stock apt leaves."""

import pathlib
import sys
import types
import unittest

import units  # first: it says where the others are
import frontend
import booted
import pkg
import rootfs

sys.path.insert(0, str(pathlib.Path(units.HERE).parent / "demo"))

import repacked  # noqa: E402

INIT = ("sysvinit-core", "init-system-helpers", "procps")
INITS = {"sysvinit": (*INIT, "sysv-rc"), "openrc": (*INIT, "openrc")}
KIND = types.SimpleNamespace(
    fresh=lambda suite, needs, layers: booted.BootedBySysv([*layers, rootfs.root(suite, needs)]))
SCRIPT = """#!/bin/sh
### BEGIN INIT INFO
# Provides: {name}
# Required-Start: $remote_fs
# Required-Stop: $remote_fs
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: made for a test
### END INIT INFO
. /lib/lsb/init-functions
pid=/run/{name}.pid
start() {{
  {before}
  echo {version} >>/var/log/{name}.starts
  start-stop-daemon --start --background --make-pidfile --pidfile $pid --exec /usr/bin/sleep -- 100000
}}
stop() {{
  start-stop-daemon --stop --oknodo --retry 5 --pidfile $pid --remove-pidfile
}}
case "$1" in
start) start ;;
stop) stop ;;
restart|force-reload) stop; start ;;
status) status_of_proc -p $pid /usr/bin/sleep {name} ;;
*) exit 3 ;;
esac
"""
STOP = {"preinst": {"upgrade": "invoke-rc.d {0} stop"}}


def daemon(name, version, scripts=None, before=":"):
    made = pkg.Package(name, version, scripts={
        script: {k: v.format(name) for k, v in cases.items()}
        for script, cases in (scripts or {}).items()})
    path = f"/etc/init.d/{name}"
    made.files[path] = SCRIPT.format(name=name, version=version, before=before)
    made.modes[path] = "0755 root:root"
    return made


OLD = [daemon(name, "1.0") for name in ("stopped", "unfinished", "twice", "admins", "broken", "goes")]
OLD.append(pkg.Package("bystander", "1.0"))
NEW = [
    daemon("stopped", "2.0", STOP),
    daemon("unfinished", "2.0", {**STOP, "postinst": {"configure": "invoke-rc.d {0} start"}}),
    daemon("twice", "2.0", {"postinst": {"configure": 2 * "invoke-rc.d {0} restart\n"}}),
    daemon("admins", "2.0", {"postinst": {"configure": "invoke-rc.d {0} restart || true"}}),
    daemon("broken", "2.0", STOP, before="echo cannot bind >&2; exit 9"),
    pkg.Package("bystander", "2.0", scripts={"preinst": {"upgrade": "fail 3"}}),
    OLD[5],
]
RUNS = ("stopped", "unfinished", "twice")
REAL = {"cron": "cron", "nginx": "nginx-light", "postfix": "postfix"}
FAILS = "tree"


class Machine(units.Machine):
    kind = KIND

    def __init__(self, stock, needs=(), init="sysvinit"):
        self.base = INITS[init]
        super().__init__(stock, needs)

    def upgrade(self):
        return super().upgrade(timeout=900)

    def down(self, names):
        return [name for name in names
                if self.bed.run(["service", name, "status"]).code != 0]

    def starts(self, name):
        return self.bed.read(f"/var/log/{name}.starts").split()


def with_toys(stock, init):
    machine = Machine(stock, init=init)
    machine.__enter__()
    machine.repository.replace(OLD)
    machine.repository.update()
    machine.bed.must(["apt-get", "-qqy", "install", *[p.name for p in OLD]])
    for name in ("stopped", "unfinished", "twice", "broken", "goes"):
        machine.bed.must(["update-rc.d", name, "defaults"])
        machine.bed.must(["service", name, "start"])
    machine.repository.replace(NEW)
    machine.repository.update()
    return machine


class Sysv(unittest.TestCase):
    maxDiff = None

    def test_what_ran_runs_after_and_is_restarted_once(self):
        for init in INITS:
            with self.subTest(init=init):
                self.upgrade_toys(init)

    def upgrade_toys(self, init):
        machine = with_toys(True, init)
        try:
            machine.upgrade()
            self.assertEqual(machine.down(RUNS), ["stopped", "unfinished"])
        finally:
            machine.__exit__(None, None, None)
        machine = with_toys(False, init)
        try:
            self.assertEqual(machine.bed.path("/run/openrc/softlevel").exists(), init == "openrc")
            result = machine.upgrade()
            self.assertEqual(result.code, 100, result.output)
            self.assertEqual(machine.down(RUNS), [], result.output)
            self.assertEqual(machine.down(["admins"]), ["admins"], "the admin had not started it")
            self.assertEqual(machine.starts("twice"), ["1.0", "2.0"], result.output)
            self.assertEqual(machine.starts("stopped"), ["1.0", "2.0"])
            self.assertIn("aptkeep: restarting twice.service", result.output)
            self.assertIn("aptkeep: services that are not as they should be:\n"
                          "  broken.service: does not start again: it is inactive (dead)\n",
                          result.output)
            told = machine.bed.run("aptkeep services")
            self.assertEqual(told.code, 1)
            self.assertIn("broken.service (broken): does not start again", told.output)
            # A person mends it.
            machine.bed.must("sed -i 's/exit 9/:/' /etc/init.d/broken")
            again = machine.bed.run("aptkeep services restart")
            self.assertEqual((again.code, again.output), (0, ""))
            self.assertEqual(machine.down(["broken"]), [])
            self.assertEqual(machine.bed.run("aptkeep services").code, 0)
            removed = machine.bed.run("apt-get -y remove goes")
            self.assertEqual(removed.code, 0, removed.output)
        finally:
            machine.__exit__(None, None, None)

    def test_real_daemons_beside_a_package_that_fails(self):
        needs = (*REAL.values(), FAILS)
        versions, offer = repacked.make(frontend.SUITE, (*INITS["sysvinit"], *needs),
                                        {FAILS: ("preinst", "")})
        with Machine(stock=False, needs=needs) as machine:
            machine.repository.write_raw("main", *offer)
            machine.repository.update()
            frontend.wait_until(lambda: not machine.down(REAL), lambda: str(machine.down(REAL)), 60)
            before = self.pids(machine)
            result = machine.bed.run(["apt-get", "-qy", "install", "--only-upgrade",
                                      *REAL.values(), "nginx-common", FAILS], timeout=900)
            self.assertEqual(result.code, 100, result.output)
            self.assertEqual(machine.down(REAL), [], result.output)
            after = self.pids(machine)
            for name, package in REAL.items():
                shown = machine.bed.must(["dpkg-query", "-W", "-f", "${Version}", package])
                self.assertEqual(shown, versions[package], result.output)
                self.assertNotEqual(before[name], after[name], f"{name} is not the new one")

    def pids(self, machine):
        files = {"cron": "/run/crond.pid", "nginx": "/run/nginx.pid",
                 "postfix": "/var/spool/postfix/pid/master.pid"}
        return {name: machine.bed.must(["cat", path]).strip() for name, path in files.items()}


if __name__ == "__main__":
    unittest.main()
