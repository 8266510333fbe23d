#!/usr/bin/python3
"""Real daemons, upgraded to repacked versions of themselves: all in one run, beside a package whose
preinst fails and without it, and each alone, every second one beside it (in a soak each also the other
way). What ran runs, with its new version, after one restart; beside it, what stock apt leaves, and stock
apt with needrestart (without a failure in a soak)."""

import pathlib
import sys
import unittest

import units  # first: it says where the others are
import frontend

sys.path.insert(0, str(pathlib.Path(units.HERE).parent / "demo"))

import repacked  # noqa: E402

SOAK = units.SOAK
FAILS = "tree"
DAEMONS = {  # unit that runs -> the package that is asked for
    "avahi-daemon.service": "avahi-daemon",
    "containerd.service": "containerd",
    "cron.service": "cron",
    "cups.service": "cups-daemon",
    "dbus.service": "dbus",
    "docker.service": "docker.io",
    "dovecot.service": "dovecot-imapd",
    "libvirtd.service": "libvirt-daemon-system",
    "mariadb.service": "mariadb-server",
    "nginx.service": "nginx-light",
    "postfix@-.service": "postfix",
    "postgresql@{}-main.service": "postgresql",
    "redis-server.service": "redis-server",
    "rpcbind.service": "rpcbind",
    "rsyslog.service": "rsyslog",
    "ssh.service": "openssh-server",
}
SOCKETS = ("avahi-daemon.socket", "cups.socket", "cups.path", "dbus.socket", "rpcbind.socket",
           "syslog.socket")
OTHERS = {  # of the later release
    "trixie": {"postfix@-.service": "postfix.service", "nginx-light": "nginx"},
    "bookworm": {},
}
POSTGRESQL = {"bookworm": "15", "trixie": "17"}
# Which a run does not restart, by a rule of ours; docker where its client can tell that no container
# runs (of the later release it is another package, which is not here).
NEVER = {"bookworm": ("dbus.service",), "trixie": ("dbus.service", "docker.service")}[frontend.SUITE]

# dovecot's package stops it, so that it is started at once; then its trigger asks for a restart.
ODD = {**dict.fromkeys(NEVER, 0), "dovecot.service": 2}


def name_of(word):
    return OTHERS[frontend.SUITE].get(word, word).format(POSTGRESQL[frontend.SUITE])


RULES = "aptkeep/rules.d/20-databases.rules"
UNTIL_REBOOT = "the version from before runs until the next boot"
SERVICES = tuple(name_of(unit) for unit in DAEMONS)
NEEDS = (*(name_of(package) for package in DAEMONS.values()), FAILS)


class Machine(units.Machine):
    """With all of them at work, and their newer versions on offer."""

    def __init__(self, stock, more=()):
        super().__init__(stock, (*NEEDS, *more))
        self.more = more

    def __enter__(self):
        super().__enter__()
        self.repository.write_raw("main", *self.offer)
        self.repository.update()
        if self.more:
            # What it finds it restarts, without a question.
            self.bed.write("/etc/needrestart/conf.d/test.conf", "$nrconf{restart} = 'a';\n")
        frontend.wait_until(lambda: set(self.states(*SERVICES).values()) == {"active"},
                            lambda: f"daemons: {self.states(*SERVICES)}", 60)
        return self

    def all_starts(self):
        return {unit: self.starts(unit) for unit in SERVICES}

    def main_pids(self):
        shown = self.bed.run(["systemctl", "show", "-P", "MainPID", *SERVICES]).output.split()
        return dict(zip(SERVICES, shown))


class Daemons(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.versions, Machine.offer = repacked.make(frontend.SUITE, (*units.NEEDS, *NEEDS), {FAILS: ("preinst", "")})

    def show_others(self, name, more=(), fails=True):
        """What the same run leaves without aptkeep."""
        with Machine(stock=True, more=more) as machine:
            if not fails:
                machine.bed.must(["apt-mark", "hold", FAILS])
            before, starts = machine.main_pids(), machine.all_starts()
            output = machine.upgrade(timeout=900).output
            left = {unit: state for unit, state in machine.states(*SERVICES).items()
                    if state != "active"}
            after, pids = machine.all_starts(), machine.main_pids()
            same = sorted(unit for unit in SERVICES if before[unit] == pids[unit] != "0")
            often = {unit: after[unit] - starts[unit] for unit in SERVICES
                     if after[unit] - starts[unit] > 1}
            print(f"{name} leaves {len(left)} of {len(SERVICES)} down: {', '.join(left)}; "
                  f"not restarted: {', '.join(same)}; more than once: {often}")
            if fails:
                self.assertTrue(left, "the failing package does no harm: it shows nothing")
            return output

    def test_all_in_one_run(self):
        self.show_others("stock apt")
        output = self.show_others("stock apt with needrestart", ("needrestart",))
        self.assertIn("needrestart is being skipped since dpkg has failed", output)
        if SOAK:
            self.show_others("stock apt, all well,", fails=False)
            self.show_others("stock apt with needrestart, all well,", ("needrestart",), fails=False)
        for fails in (True, False):
            with self.subTest(beside_a_failure=fails):
                self.upgrade_all(fails)

    def have_tables_saved(self, machine):
        """As where mariadb's major version changes: our rule, but for the version."""
        new = self.versions["mariadb-server-core"]
        rules = machine.bed.read(f"/usr/share/{RULES}")
        self.assertIn("Upgrade-To: >= 1:11.8~", rules)
        machine.bed.write(f"/etc/{RULES}", rules.replace("1:11.8~", new + "~"))

    def upgrade_all(self, fails):
        with Machine(stock=False) as machine:
            self.have_tables_saved(machine)
            if not fails:
                machine.bed.must(["apt-mark", "hold", FAILS])
            sockets = {unit: state for unit, state in machine.states(*SOCKETS).items()
                       if state == "active"}
            before, starts = machine.main_pids(), machine.all_starts()
            result = machine.upgrade(timeout=900)
            self.assertEqual(result.code, 100 if fails else 0, result.output)
            self.assertEqual(set(machine.states(*SERVICES).values()), {"active"},
                             f"{machine.states(*SERVICES)} {result.output}")
            self.assertEqual(machine.states(*sockets), sockets)
            after, pids = machine.all_starts(), machine.main_pids()
            # The log of what is restarted together with journald may be lost.
            restarts = {unit: max(after[unit] - starts[unit], int(before[unit] != pids[unit]))
                        for unit in SERVICES}
            print(f"restarts: {restarts}")
            same = sorted(unit for unit in SERVICES if before[unit] == pids[unit] != "0")
            print(f"never restarted: {same}")
            self.assertEqual(tuple(same), NEVER)
            self.assertEqual(restarts, {**dict.fromkeys(SERVICES, 1), **ODD})
            self.assertIn("as they should be:\n" + "".join(f"  {unit}: {UNTIL_REBOOT}\n"
                                                           for unit in NEVER), result.output)
            kept = machine.bed.must("dpkg-query -W -f '${Package} ${Version}\\n'").splitlines()
            old = [line for line in kept if line.split()[0] in self.versions
                   and not line.endswith(repacked.SUFFIX)]
            self.assertEqual([line.split()[0] for line in old], [FAILS])
            saved = machine.bed.must("cat /var/lib/aptkeep/backups/*/mariadb-server-core/1")
            self.assertRegex(saved, r"(?s)CREATE TABLE `user`|CREATE TABLE `global_priv`")
            self.assertIn("Dump completed", saved.splitlines()[-1])
            self.assertEqual(machine.upgrade(timeout=900).code, 0)

    def owner(self, machine, unit):
        """The package that has its unit's file, or for whose server another one has it."""
        if unit.startswith("postgresql@"):
            return f"postgresql-{POSTGRESQL[frontend.SUITE]}"
        unit = machine.bed.must(["systemctl", "show", "-P", "FragmentPath", unit]).strip()
        for path in (unit, unit.removeprefix("/usr")):
            found = machine.bed.run(["dpkg-query", "-S", path])
            if found.code == 0:
                return found.output.split(":")[0]
        self.fail(f"{unit} is no package's")

    def test_each_alone(self):
        for odd in (0, 1) if SOAK else (0,):
            self.upgrade_each(odd)

    def upgrade_each(self, odd):
        with Machine(stock=False) as machine:
            for number, unit in enumerate(SERVICES):
                # Every second one beside the package that fails.
                fails = number % 2 == odd
                package = self.owner(machine, unit)
                before, starts = machine.main_pids(), machine.all_starts()
                result = machine.bed.run(["apt-get", "-qy", "install", "--only-upgrade", package,
                                          *([FAILS] if fails else [])], timeout=300)
                if fails:
                    machine.bed.must(["aptkeep", "release", FAILS])
                with self.subTest(unit=unit, beside_a_failure=fails):
                    self.assertEqual(result.code, 100 if fails else 0, result.output)
                    self.assertIn(f"Setting up {package} ", result.output)
                    after, pids = machine.all_starts(), machine.main_pids()
                    restarts = max(after[unit] - starts[unit], int(before[unit] != pids[unit]))
                    print(f"{package} alone: {restarts} restarts of {unit}")
                    self.assertEqual(restarts, ODD.get(unit, 1), result.output)
                    self.assertEqual(set(machine.states(*SERVICES).values()), {"active"},
                                     f"{machine.states(*SERVICES)} {result.output}")


if __name__ == "__main__":
    unittest.main()
