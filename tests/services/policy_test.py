#!/usr/bin/python3
"""policy-rc.d in a booted system: the answers that stock gives without one; what starts a service is
stopped before it and started before it; an admin's own keeps its place."""

import unittest

import units  # first: it says where the others are
import frontend
from units import World, package, service, socket

ACTIONS = ("start", "stop", "restart", "try-restart", "reload", "force-reload", "status")
UNITS = {  # name -> how it is made so
    "enabled": "systemctl -q enable enabled; systemctl start enabled",
    "enabled-stopped": "systemctl -q enable enabled-stopped; systemctl stop enabled-stopped",
    "disabled": "systemctl -q disable disabled; systemctl stop disabled",
    "by-hand": "systemctl -q disable by-hand; systemctl start by-hand",
    "masked": "systemctl -q mask --runtime masked",
    "no-such": "true",
}
# Prints for each action and unit: exit code of either caller, and how the unit is after it.
MATRIX = r"""
for action in {actions}; do for unit in {units}; do for caller in invoke-rc.d deb-systemd-invoke; do
  {{ case $unit in {cases} esac; }} >/dev/null 2>&1
  name=$unit; [ $caller = invoke-rc.d ] || name=$unit.service
  if [ $caller = invoke-rc.d ]; then set -- "$name" "$action"; else set -- "$action" "$name"; fi
  $caller "$@" >/dev/null 2>&1
  echo "$caller $action $unit: $? $(systemctl is-active $unit.service)"
done; done; done
"""


def matrix():
    cases = " ".join(f"{name}) {line} ;;" for name, line in UNITS.items())
    return MATRIX.format(actions=" ".join(ACTIONS), units=" ".join(UNITS), cases=cases)


# A daemon that tells the version of its program, and one request after the other.
DAEMON = """#!/usr/bin/python3
import socket
listening = socket.fromfd(3, socket.AF_INET, socket.SOCK_STREAM)
while True:
    client, _ = listening.accept()
    client.sendall(b"{version}\\n")
    client.close()
"""
# Asks all the time; a line for each answer, "refused" where nobody listens.
CLIENT = """#!/usr/bin/python3
import socket, time
last = ""
while True:
    try:
        with socket.create_connection(("127.0.0.1", 1007), timeout=5) as one:
            said = one.recv(9).decode().strip() or "closed"
    except OSError as error:
        said = "refused"
    if said != last:
        print(said, flush=True)
    last = said
    time.sleep(0.003)
"""


def sockd(version, scripts=None):
    made = package("sockd", version, {
        "sockd.service": service("/usr/bin/sockd"), "sockd.socket": socket(1007)},
        scripts=scripts or {})
    made.files["/usr/bin/sockd"] = DAEMON.format(version=version)
    made.modes["/usr/bin/sockd"] = "755 root:root"
    return made


RELOAD = "systemctl --system daemon-reload\n"
FORMS = {
    "stopped before and started after": {
        "preinst": {"upgrade": "deb-systemd-invoke stop sockd.service"},
        "postinst": {"configure": RELOAD + "deb-systemd-invoke start sockd.service"}},
    "both": {
        "preinst": {"upgrade": "deb-systemd-invoke stop sockd.service sockd.socket"},
        "postinst": {"configure": RELOAD + "deb-systemd-invoke start sockd.service sockd.socket"}},
    "the init script's way": {
        "prerm": {"upgrade": "invoke-rc.d sockd stop"},
        "postinst": {"configure": RELOAD + "invoke-rc.d sockd start"}},
}


class Policy(unittest.TestCase):
    maxDiff = None

    def test_answers_are_stocks(self):
        with World([], []) as world:
            for unit in UNITS:
                if unit != "no-such":
                    world.bed.write(f"/usr/lib/systemd/system/{unit}.service",
                                    service(unit="StartLimitIntervalSec=0"))
            world.bed.must("systemctl daemon-reload; mv /usr/sbin/policy-rc.d /root/ours")
            stock = world.bed.run(matrix()).output.splitlines()
            self.assertEqual(len(stock), len(ACTIONS) * len(UNITS) * 2)
            world.bed.must("mv /root/ours /usr/sbin/policy-rc.d")
            script = {"DPKG_MAINTSCRIPT_PACKAGE": "foo", "DPKG_MAINTSCRIPT_ARCH": "amd64"}
            for env in ({}, script, {**script, "APTKEEP": "off"}):
                ours = world.bed.run(matrix(), env=env).output.splitlines()
                self.assertEqual(ours, stock, env)

    def test_clients_never_meet_the_old_program_again(self):
        for name, scripts in FORMS.items():
            for how in ("dpkg -i /srv/repository/main/sockd_2.0_*.deb", units.UPGRADE):
                with self.subTest(form=name, how=how):
                    self.upgrade_under_clients(scripts, how)

    def upgrade_under_clients(self, scripts, how):
        old = {k: v for k, v in scripts.items() if k == "prerm"}
        with World([sockd("1.0", old)], [sockd("2.0", scripts)], needs=("python3",)) as world:
            world.start("sockd.socket", "sockd.service")
            world.bed.write("/root/client", CLIENT, 0o755)
            world.bed.must("systemd-run -q --unit=client -p StandardOutput=file:/root/said "
                           "/root/client")
            frontend.wait_until(lambda: world.bed.run("cat /root/said").output, "an answer")
            result = world.bed.run(how)
            self.assertEqual(result.code, 0, result.output)
            frontend.wait_until(lambda: world.bed.read("/root/said").endswith("2.0\n"),
                                lambda: "2.0: " + world.bed.read("/root/said"))
            said = world.bed.read("/root/said").split()
            self.assertEqual([s for s in said if s in ("1.0", "2.0")], ["1.0", "2.0"], said)
            self.assertEqual(world.states("sockd.socket", "sockd.service"),
                             {"sockd.socket": "active", "sockd.service": "active"})
            self.assertEqual(list(world.bed.path("/run/aptkeep/triggers").glob("*")), [])

    def test_an_admins_own_keeps_its_place(self):
        own = "#!/bin/sh\nexit 101\n"
        with World([sockd("1.0")], [sockd("2.0")]) as world:
            world.bed.must("rm /usr/sbin/policy-rc.d")
            world.bed.write("/usr/sbin/policy-rc.d", own, 0o755)
            world.bed.must("update-alternatives --quiet --install /usr/sbin/policy-rc.d policy-rc.d "
                           "/usr/lib/aptkeep/policy-rc.d 50 2>/dev/null || true")
            self.assertEqual(world.bed.read("/usr/sbin/policy-rc.d"), own)
            world.bed.must("update-alternatives --quiet --remove policy-rc.d "
                           "/usr/lib/aptkeep/policy-rc.d || true")
            self.assertEqual(world.bed.read("/usr/sbin/policy-rc.d"), own)

    def test_a_read_only_run_leaves_sockets_alone(self):
        scripts = FORMS["stopped before and started after"]
        with World([sockd("1.0")], [sockd("2.0", scripts)], needs=("python3",)) as world:
            world.start("sockd.socket")
            world.bed.must("mkdir -p /run/aptkeep && mount -t tmpfs -o ro none /run/aptkeep")
            world.bed.must("DPKG_MAINTSCRIPT_PACKAGE=sockd DPKG_MAINTSCRIPT_ARCH=amd64 "
                           "deb-systemd-invoke stop sockd.service")
            self.assertEqual(world.states("sockd.socket"), {"sockd.socket": "active"})


if __name__ == "__main__":
    unittest.main()
