#!/usr/bin/python3
"""policy-rc.d in a booted system: the answers that stock gives without one; what starts a service is
stopped before it and started before it; an admin's own keeps its place."""

import json
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
for action in {actions}; do for unit in {units}; do for caller in {callers}; do
  {{ case $unit in {cases} esac; }} >/dev/null 2>&1
  name=$unit; [ $caller = invoke-rc.d ] || name=$unit.service
  if [ $caller = invoke-rc.d ]; then set -- "$name" "$action"; else set -- "$action" "$name"; fi
  $caller "$@" >/dev/null 2>&1
  echo "$caller $action $unit: $? $(systemctl is-active $unit.service)"
done; done; done
"""


def matrix(units_=tuple(UNITS), callers=("invoke-rc.d", "deb-systemd-invoke")):
    cases = " ".join(f"{name}) {UNITS[name]} ;;" for name in units_)
    return MATRIX.format(actions=" ".join(ACTIONS), units=" ".join(units_), cases=cases,
                         callers=" ".join(callers))


# In the script of a package in a run: a line for each answer of an admin's own, each action and
# either caller, with its exit code, how the unit is after it, and whether it is the same process.
ADMINS = """#!/bin/sh
echo "$*" >>/root/asked
read answer </root/answer
[ $answer != 106 ] || echo restart
exit $answer
"""
ANSWERS = (0, 1, 100, 101, 102, 103, 104, 105, 106)
SAYS = """set +e
for answer in {answers}; do
  echo $answer >/root/answer
  for action in start stop restart; do for caller in invoke-rc.d deb-systemd-invoke; do
    /usr/bin/systemctl start asked.service
    before=$(/usr/bin/systemctl show -P MainPID asked)
    if [ $caller = invoke-rc.d ]; then set -- asked $action; else set -- $action asked.service; fi
    $caller "$@" >/dev/null 2>&1
    code=$?
    [ $before = $(/usr/bin/systemctl show -P MainPID asked) ] && same=same || same=other
    echo "$answer $action $caller: $code $(/usr/bin/systemctl is-active asked) $same" >>/root/said
  done; done
done
/usr/bin/systemctl start asked.service
exit 0
""".format(answers=" ".join(str(answer) for answer in ANSWERS))


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
        "prerm": {"upgrade": "/usr/sbin/invoke-rc.d sockd stop"},  # past the shims
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
            for env in ({}, script, {**script, "APTKEEP": "OFF"}):
                ours = world.bed.run(matrix(), env=env).output.splitlines()
                self.assertEqual(ours, stock, env)
            # Where there is no init. deb-systemd-invoke does not look for one, since its callers do.
            few = matrix(("enabled", "disabled", "by-hand"), ("invoke-rc.d",))
            world.bed.must("mv /usr/sbin/init /root/init; mv /usr/sbin/policy-rc.d /root/ours")
            stock = world.bed.run(few).output.splitlines()
            self.assertIn("invoke-rc.d stop enabled: 0 active", stock)
            world.bed.must("mv /root/ours /usr/sbin/policy-rc.d")
            for env in ({}, script):
                self.assertEqual(world.bed.run(few, env=env).output.splitlines(), stock, env)
            self.assertEqual(world.bed.run("policy-rc.d enabled.service stop; echo $?").output,
                             "101\n")
            world.bed.must("mv /root/init /usr/sbin/init")

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

    def test_an_admins_own_has_its_say_in_a_run(self):
        unit = {"asked.service": service(unit="StartLimitIntervalSec=0")}
        said = {}
        for stock in (True, False):
            with World([package("asked", "1.0", unit)], [package("asked", "2.0", unit, scripts={
                    "postinst": {"configure": SAYS}})], stock=stock) as world:
                world.start("asked.service")
                world.bed.must("rm -f /usr/sbin/policy-rc.d")
                world.bed.write("/usr/sbin/policy-rc.d", ADMINS, 0o755)
                result = world.upgrade()
                self.assertEqual(result.code, 0, result.output)
                said[stock] = (world.bed.read("/root/said").splitlines(),
                               world.bed.read("/root/asked").splitlines())
        self.assertEqual(len(said[True][0]), len(ANSWERS) * 6)
        self.assertIn("101 restart invoke-rc.d: 0 active same", said[True][0])
        self.assertEqual(said[False], said[True])

    def test_an_admins_own_keeps_services_from_going_down(self):
        unit = {"asked.service": service()}
        stops = {"preinst": {"upgrade": "deb-systemd-invoke stop asked.service"},
                 "postinst": {"configure": "deb-systemd-invoke start asked.service"}}
        rule = "Package: asked\nClass: stop\nReason: a test\nSource: https://example.org/\n"
        for name, scripts, rules in (("by a rule", {}, rule), ("by its scripts", stops, "")):
            with self.subTest(name), World([package("asked", "1.0", unit)],
                                           [package("asked", "2.0", unit, scripts=scripts)]) as world:
                world.start("asked.service")
                world.bed.write("/etc/aptkeep/rules.d/t.rules", rules)
                world.bed.must("rm -f /usr/sbin/policy-rc.d")
                world.bed.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
                before = world.bed.must("systemctl show -P MainPID asked.service")
                # So that the new scripts can be read.
                world.bed.must("apt-get -q -y --download-only full-upgrade")
                words = ("asked.service goes on while asked is replaced: /usr/sbin/policy-rc.d "
                         "denies to stop or start it\n")
                text = world.bed.must("aptkeep plan")
                self.assertRegex(text, "     asked.service: stop, .*, but policy-rc.d denies it\n"
                                 f"     {words}")
                self.assertNotIn("down meanwhile", text)
                step, complaints = self.planned(world)
                self.assertEqual((step["goes_on"], step["apart"]["down"], complaints),
                                 ([{"unit": "asked.service",
                                    "why": words.partition(": ")[2].strip()}], [], []))
                self.check_what_others_are_told(world)
                result = world.upgrade()
                self.assertEqual(result.code, 0, result.output)
                self.assertIn(f"aptkeep: {words.strip()}", result.output)
                after = world.bed.must("systemctl show -P MainPID asked.service")
                self.assertEqual(after, before, result.output)

    def test_plan_and_run_agree_on_what_an_admins_own_denies_in_part(self):
        """A service in Together would go down with its socket, which may not."""
        units_of = {"asked.service": service(), "other.service": service(),
                    "other.socket": socket(3001)}
        with World([package("asked", "1.0", units_of)], [package("asked", "2.0", units_of)]) as world:
            world.start("other.socket", "other.service", "asked.service")
            world.bed.write("/etc/aptkeep/rules.d/t.rules", (
                "Package: asked\nServices: asked.service\nClass: stop\nTogether: other.service\n"
                "Backup: sh: systemctl is-active other.service asked.service\n"
                "Before: sh: systemctl is-active other.service asked.service >/root/before; true\n"
                "Reason: a test\nSource: https://example.org/\n"))
            world.bed.must("rm -f /usr/sbin/policy-rc.d")
            world.bed.write("/usr/sbin/policy-rc.d",
                            "#!/bin/sh\ncase $1 in *.socket) exit 101;; esac\nexit 104\n", 0o755)
            step, complaints = self.planned(world)
            self.assertEqual(([one["unit"] for one in step["goes_on"]], step["apart"]["down"],
                              complaints), (["other.service"], ["asked.service"], []))
            result = world.upgrade()
            self.assertEqual(result.code, 0, result.output)
            told = [line.strip() for line in result.output.splitlines()
                    if " goes on while " in line or "aptkeep: stopping " in line]
            self.assertEqual(told, ["aptkeep: other.service goes on while asked is replaced: "
                                    + step["goes_on"][0]["why"],
                                    "aptkeep: stopping asked.service while asked is replaced: a test"])
            self.assertEqual(world.bed.read("/root/before"), "active\ninactive\n")

    def planned(self, world, who=""):
        plan = json.loads(world.bed.must(f"{who} aptkeep plan --json"))
        (step,) = plan["steps"]
        return step, plan["complaints"]

    def check_what_others_are_told(self, world):
        """Who may not run an administrator's file cannot know its answer, and is told so; nobody
        runs aptkeep's."""
        nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups"
        self.assertEqual(len(self.planned(world, nobody)[0]["goes_on"]), 1)
        world.bed.must("chmod 0700 /usr/sbin/policy-rc.d")
        step, complaints = self.planned(world, nobody)
        self.assertEqual(step["apart"]["down"], ["asked.service"])
        self.assertEqual(complaints, ["unable to tell which services /usr/sbin/policy-rc.d lets be "
                                      "stopped and started: only root may know"])
        world.bed.must("chmod 0755 /usr/sbin/policy-rc.d; mv /usr/sbin/policy-rc.d /root/admins; "
                       "ln -s /usr/lib/aptkeep/policy-rc.d /usr/sbin/policy-rc.d")
        for who in ("", nobody):
            step, complaints = self.planned(world, who)
            self.assertEqual((step["goes_on"], step["apart"]["down"], complaints),
                             ([], ["asked.service"], []))
        world.bed.must("mv /root/admins /usr/sbin/policy-rc.d")

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
