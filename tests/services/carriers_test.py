#!/usr/bin/python3
"""What a run, or more than itself, hangs on: it is not restarted amid the run; at its end where
nothing hangs on it now, else it is told. And users' own services, which are left to their packages."""

import json
import pathlib
import sys
import unittest

import units  # first: it says where the others are
import frontend
from units import World, package, service, UPGRADE

sys.path.insert(0, str(pathlib.Path(units.HERE).parent / "demo"))

import repacked  # noqa: E402

RELOAD = "systemctl --system daemon-reload\n"
NEW = "sleep 100000"
UNTIL_REBOOT = "the version from before runs until the next boot"
RULE = """Package: carrier
Class: never
Idle: sh: test ! -e /run/busy
Reason: a test
Source: https://example.org/

Package: asks
Class: never
Idle: /nonexistent
Reason: a test
Source: https://example.org/

Package: updater
Class: early
Reason: a test
Source: https://example.org/
"""


def restart(verb="restart"):
    return {"postinst": {"configure": f"{RELOAD}deb-systemd-invoke {verb} {{0}}.service"}}


def pair(name, scripts, command="sleep infinity", new=NEW):
    scripts = {script: {k: v.format(name) for k, v in cases.items()}
               for script, cases in scripts.items()}
    return (package(name, "1.0", {f"{name}.service": service(command)}),
            package(name, "2.0", {f"{name}.service": service(new)}, scripts=scripts))


def world(*pairs, stock=False, needs=()):
    return World([old for old, _ in pairs], [new for _, new in pairs], stock=stock, needs=needs)


class Carriers(unittest.TestCase):
    def runs(self, world_, name):
        pid = world_.bed.must(["systemctl", "show", "-P", "MainPID", f"{name}.service"]).strip()
        try:
            return world_.bed.read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()
        except OSError:  # amid its restart
            return ""

    def test_it_is_restarted_where_nothing_hangs_on_it(self):
        for busy in (True, False):
            with self.subTest(busy=busy), world(pair("carrier", {}), pair("asks", restart())) as made:
                made.bed.write("/etc/aptkeep/rules.d/carriers.rules", RULE)
                made.start("carrier.service", "asks.service")
                if busy:
                    made.bed.write("/run/busy", "")
                result = made.upgrade()
                self.assertEqual(result.code, 0, result.output)
                self.assertEqual(made.starts("carrier.service"), 1 if busy else 2, result.output)
                self.assertEqual(self.runs(made, "carrier"), "sleep infinity" if busy else NEW)
                told = f"  carrier.service: {UNTIL_REBOOT}\n"
                (self.assertIn if busy else self.assertNotIn)(told, result.output)
                # A command that cannot be run does not say that nothing hangs on it.
                self.assertIn(f"  asks.service: {UNTIL_REBOOT}\n", result.output)
                self.assertEqual(made.starts("asks.service"), 1)
        # A release upgrade ends with a boot.
        with world(pair("carrier", {})) as made:
            made.bed.write("/etc/aptkeep/rules.d/carriers.rules", RULE)
            made.start("carrier.service")
            result = made.upgrade(env={"RELEASE_UPGRADE_IN_PROGRESS": "1"})
            self.assertIn(f"  carrier.service: {UNTIL_REBOOT}\n", result.output)
        # Also where its frontend is killed, and others end what it has begun.
        with world(pair("carrier", {}), pair("other", restart())) as made:
            made.bed.write("/etc/aptkeep/rules.d/carriers.rules", RULE)
            made.start("carrier.service", "other.service")
            made.bed.write("/etc/apt/apt.conf.d/00kill", 'DPkg::Post-Invoke { "kill -9 $PPID"; };')
            made.upgrade(env={"RELEASE_UPGRADE_IN_PROGRESS": "1"})
            frontend.wait_until(lambda: not made.bed.run("systemctl list-units -q --no-legend --all "
                                                         "'aptkeep-guardian*'").output.strip(),
                                lambda: made.bed.run("journalctl -u 'aptkeep-guardian*'").output, 60)
            told = made.bed.run("aptkeep services").output
            for name in ("carrier", "other"):
                self.assertEqual(made.starts(f"{name}.service"), 1, told)
                self.assertIn(f"{name}.service", told)

    def test_the_service_that_a_run_is_made_in(self):
        upgrades = f"sh -c 'sleep 1; {UPGRADE} >/root/log 2>&1; echo $? >/root/code; sleep infinity'"
        for stock in (True, False):
            with world(pair("updater", restart(), upgrades), stock=stock) as made:
                if not stock:
                    made.bed.write("/etc/aptkeep/rules.d/carriers.rules", RULE)
                made.start("updater.service")
                code, log = made.bed.path("/root/code"), made.bed.path("/root/log")
                frontend.wait_until(lambda: (code.exists() and code.stat().st_size) or
                                    self.runs(made, "updater") == NEW,
                                    lambda: log.read_text(encoding="utf-8"), 60)
                if stock:
                    self.assertFalse(code.exists(), "its restart ends no run: this shows nothing")
                    continue
                self.assertEqual(code.read_text(encoding="ascii"), "0\n", log.read_text("utf-8"))
                self.assertIn("  updater.service: it was not restarted, because this run was made in it",
                              log.read_text(encoding="utf-8"))
                again = made.bed.run("aptkeep services restart")
                self.assertEqual(again.code, 0, again.output)
                self.assertEqual(self.runs(made, "updater"), NEW)

    def test_a_container_engine_with_a_running_container(self):
        client = {"bookworm": (), "trixie": ("docker-cli",)}[frontend.SUITE]
        needs = ("docker.io", *client)
        versions, offer = repacked.make(frontend.SUITE, (*units.NEEDS, *needs), {})
        for live_restore in (False, True):
            with self.subTest(live_restore=live_restore), units.Machine(needs=needs) as made:
                made.repository.write_raw("main", *offer)
                made.repository.update()
                if live_restore:
                    made.bed.write("/etc/docker/daemon.json", '{"live-restore": true}\n')
                    made.bed.must("systemctl restart docker.service")
                frontend.wait_until(lambda: made.bed.run("docker info").code == 0,
                                    lambda: made.bed.run("journalctl -u docker").output, 60)
                container = self.container(made)
                before = self.pid(made, "docker")
                result = made.bed.run("apt-get -qy install --only-upgrade docker.io containerd",
                                      timeout=300)
                self.assertEqual(result.code, 0, result.output)
                shown = made.bed.must("dpkg-query -W -f '${Version}' docker.io")
                self.assertEqual(shown, versions["docker.io"])
                told = f"  docker.service: {UNTIL_REBOOT}\n"
                (self.assertNotIn if live_restore else self.assertIn)(told, result.output)
                self.assertEqual(before != self.pid(made, "docker"), live_restore, result.output)
                # It is the very same process, also with containerd restarted.
                self.assertEqual(self.container(made, container), container, result.output)

    def pid(self, made, name):
        return made.bed.must(["systemctl", "show", "-P", "MainPID", f"{name}.service"]).strip()

    def container(self, made, name=None):
        """(its name, its process's number); made if there is none yet."""
        if name is None:
            made.bed.must("cd /root && tar -chf tiny /usr/bin/sleep /lib/*/libc.so.6 "
                          "/lib64/ld-linux-*.so.* && docker import tiny tiny")
            made.bed.must("docker run --detach --network none --name one tiny /usr/bin/sleep 1000")
        shown = made.bed.run("docker inspect --format '{{.State.Running}} {{.State.Pid}}' one")
        self.assertIn("true", shown.output)
        return shown.output

    def test_users_services_are_left_alone_and_told(self):
        scripts = {"postinst": {"configure": "deb-systemd-invoke --user restart plain.service\n"
                                "systemctl --user restart direct.service || true\n"
                                "deb-systemd-invoke restart users.service"}}
        with world(pair("users", scripts)) as made:
            made.start("users.service")
            result = made.upgrade()
            self.assertEqual(result.code, 0, result.output)
            self.assertEqual(made.starts("users.service"), 2, "the system's own waits as ever")
            told = made.bed.run("aptkeep services")
            self.assertEqual(told.code, 0, told.output)
            for unit in ("plain", "direct"):
                self.assertIn(f"{unit}.service of users (users): is left to its package\n", told.output)
            report = json.loads(made.bed.must("aptkeep report --json"))
            known = {unit["unit"]: unit for unit in report["units"]}
            self.assertEqual(known["--user plain.service"]["was"], "left to its package")


if __name__ == "__main__":
    unittest.main()
