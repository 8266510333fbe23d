#!/usr/bin/python3
"""needrestart beside aptkeep: what it finds joins what is restarted at the run's end, as its own
configuration has it, once, and also after a run in which something failed, where it skips itself."""

import pathlib
import sys
import unittest

import units  # first: it says where the others are
import frontend
import unattended_upgrades_test as nightly

sys.path.insert(0, str(pathlib.Path(units.HERE).parent / "demo"))

import repacked  # noqa: E402

FAILS = "tree"
# Daemons and a library of each that nothing else of the machine uses.
LIBRARIES = {"rsyslog.service": "libestr0", "rpcbind.service": "libtirpc3",
             "redis-server.service": "liblzf1"}
DAEMONS = tuple(LIBRARIES)
NEEDS = ("needrestart", "rsyslog", "rpcbind", "redis-server", "unattended-upgrades", FAILS)
CONFIGURATION = "/etc/needrestart/conf.d/test.conf"
LEFT = "it uses files that were replaced, and needrestart is told to leave it"
LISTED = "it was not restarted, because needrestart only lists what uses replaced files"
# What it prints when its own hook runs.
TRACES = ("Scanning processes", "No services need to be restarted", "Services to be restarted",
          "Restarting services")
SKIPPED = "needrestart is being skipped since dpkg has failed"


class Machine(units.Machine):
    def __init__(self, configuration="", stock=False):
        super().__init__(stock, NEEDS)
        self.configuration = configuration

    def __enter__(self):
        super().__enter__()
        self.repository.write_raw("main", *self.offer)
        self.repository.update()
        self.bed.write(CONFIGURATION, self.configuration)
        frontend.wait_until(lambda: set(self.states(*DAEMONS).values()) == {"active"},
                            lambda: f"daemons: {self.states(*DAEMONS)}", 60)
        return self

    def install(self, *packages, **options):
        return self.bed.run(["apt-get", "-qy", "install", "--only-upgrade", *packages], **options)

    def main_pids(self):
        shown = self.bed.run(["systemctl", "show", "-P", "MainPID", *DAEMONS]).output.split()
        return dict(zip(DAEMONS, shown))

    def uses_deleted(self, unit):
        """Whether its process still has the library that was replaced."""
        pid = self.main_pids()[unit]
        return "(deleted)" in self.bed.must(f"grep -E '{LIBRARIES[unit]}|/lib.*so' /proc/{pid}/maps")


def set_mode(mode, more=""):
    return f"$nrconf{{restart}} = '{mode}';\n{more}"


LEAVES_RPCBIND = "$nrconf{override_rc}->{qr(^rpcbind)} = 0;\n"
IGNORES_REDIS = "$nrconf{blacklist_rc} = [qr(^redis)];\n"


class Needrestart(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.versions, Machine.offer = repacked.make(frontend.SUITE, (*units.NEEDS, *NEEDS),
                                                    {FAILS: ("preinst", "")})

    def restarted(self, machine, before):
        after = machine.main_pids()
        return sorted(unit for unit in DAEMONS if after[unit] != before[unit])

    def assert_silent(self, output):
        for trace in (*TRACES, SKIPPED):
            self.assertNotIn(trace, output)

    def test_its_restarts_join_the_batch(self):
        with Machine(set_mode("a", LEAVES_RPCBIND)) as machine:
            before, starts = machine.main_pids(), {u: machine.starts(u) for u in DAEMONS}
            # redis-server asks for a restart of its own as well.
            result = machine.install(*LIBRARIES.values(), "redis-server", FAILS)
            self.assertEqual(result.code, 100, result.output)
            self.assertEqual(self.restarted(machine, before),
                             ["redis-server.service", "rsyslog.service"], result.output)
            for unit in ("redis-server.service", "rsyslog.service"):
                self.assertEqual(machine.starts(unit), starts[unit] + 1, result.output)
                self.assertFalse(machine.uses_deleted(unit))
            self.assertTrue(machine.uses_deleted("rpcbind.service"), "nothing was replaced")
            self.assertEqual(result.output.count("aptkeep: restarting "), 1, result.output)
            self.assertIn(f"  rpcbind.service: {LEFT}\n", result.output)
            self.assert_silent(result.output)
            # Nothing is left to the next run, nor restarted by hand that it leaves alone.
            self.assertEqual(machine.bed.run("ls /run/needrestart").output, "")
            again = machine.bed.run("aptkeep services restart")
            self.assertEqual(again.output, f"rpcbind.service: {LEFT}\n")
            self.assertEqual(machine.main_pids()["rpcbind.service"], before["rpcbind.service"])

    def test_stock_skips_it_after_a_failure(self):
        with Machine(set_mode("a"), stock=True) as machine:
            before = machine.main_pids()
            result = machine.install("libestr0", FAILS)
            self.assertIn(SKIPPED, result.output)
            self.assertEqual(self.restarted(machine, before), [])

    def test_without_a_terminal_it_lists(self):
        with Machine(IGNORES_REDIS) as machine:
            before = machine.main_pids()
            result = machine.install(*LIBRARIES.values())
            self.assertEqual(result.code, 0, result.output)
            self.assertEqual(self.restarted(machine, before), [])
            for unit in ("rpcbind.service", "rsyslog.service"):
                self.assertIn(f"  {unit}: {LISTED}\n", result.output)
            self.assertNotIn("redis", result.output.split("aptkeep:", 1)[1])
            self.assert_silent(result.output)
            told = machine.bed.run("aptkeep services")
            self.assertEqual(told.code, 1, told.output)
            self.assertIn(f"rsyslog.service: {LISTED}", told.output)
            again = machine.bed.run("aptkeep services restart")
            self.assertEqual((again.code, again.output),
                             (0, "aptkeep: restarting rpcbind.service, rsyslog.service\n"))
            self.assertEqual(self.restarted(machine, before), ["rpcbind.service", "rsyslog.service"])
            self.assertEqual(machine.bed.run("aptkeep services").code, 0)

    def test_at_a_terminal_it_asks_itself(self):
        with Machine("$nrconf{ui} = 'NeedRestart::UI::stdio';\n") as machine:
            before = machine.main_pids()
            apt = "apt-get -qy install --only-upgrade libestr0"
            result = machine.bed.run(f"(for i in 1 2 3 4 5 6; do sleep 4; echo n; done) | "
                                     f"timeout 60 script -qec '{apt}' /dev/null",
                                     env={"DEBIAN_FRONTEND": "readline"}, timeout=90)
            self.assertEqual(result.output.count("Restart «rsyslog.service»?"), 1, result.output)
            self.assertNotIn("aptkeep: ", result.output)
            self.assertEqual(self.restarted(machine, before), [])
            self.assertEqual(machine.bed.run("aptkeep services").code, 0)

    def test_the_many_steps_of_unattended_upgrades_end_with_one_restart(self):
        # Patterns: of the later release one is called libtirpc3t64.
        names = " ".join(f'"^{name}";' for name in (*LIBRARIES.values(), "libtirpc-common"))
        settings = ("Unattended-Upgrade::Package-Whitelist-Strict \"true\";\n"
                    f"Unattended-Upgrade::Package-Whitelist {{ {names} }};\n")
        with Machine(set_mode("a", LEAVES_RPCBIND)) as machine:
            starts = {unit: machine.starts(unit) for unit in DAEMONS}
            nightly.upgrade(machine, settings)
            frontend.wait_until(
                lambda: not machine.bed.run("systemctl list-units -q --no-legend --all "
                                            "'aptkeep-guardian*'").output.strip(),
                lambda: machine.bed.run("journalctl -u 'aptkeep-guardian*'").output, 60)
            log = machine.bed.run("journalctl -o cat -u 'aptkeep-guardian*'").output
            self.assertEqual({unit: machine.starts(unit) - starts[unit] for unit in DAEMONS},
                             {"rsyslog.service": 1, "redis-server.service": 1, "rpcbind.service": 0},
                             log)
            self.assertEqual(log.count("aptkeep: restarting "), 1, log)
            self.assert_silent(machine.bed.read("/var/log/unattended-upgrades/"
                                                "unattended-upgrades-dpkg.log"))
            self.assertIn(f"rpcbind.service: {LEFT}", machine.bed.run("aptkeep services").output)
            self.assertEqual([p.name for p in machine.bed.path("/run/aptkeep").glob("settings*")], [])

    def test_switched_off_or_suspended_it_goes_its_own_way(self):
        with Machine(set_mode("l")) as machine:
            result = machine.install("libestr0", env={"NEEDRESTART_SUSPEND": "1"})
            self.assertIn("needrestart is suspended", result.output)
            self.assertNotIn(LISTED, result.output)
            off = "-oAptkeep::Services::Needrestart=false"
            result = machine.install("libtirpc3", off)
            self.assertIn("Services to be restarted", result.output)
            self.assertNotIn(LISTED, result.output)
            # What cannot be used hinders nothing, and is left to its own hook.
            machine.bed.write(CONFIGURATION, "die 'broken on purpose';\n")
            result = machine.install("liblzf1")
            self.assertEqual(result.code, 0, result.output)
            self.assertIn("aptkeep: unable to ask needrestart: ", result.output)
            self.assertIn("Error parsing", result.output)


if __name__ == "__main__":
    unittest.main()
