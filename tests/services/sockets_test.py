#!/usr/bin/python3
"""Real services with sockets, upgraded to repacked versions of themselves while clients call all the
time: what listened listens, answers, and runs its new version. Beside it, what stock apt leaves."""

import json
import pathlib
import sys
import unittest

import units  # first: it says where the others are
import frontend

sys.path.insert(0, str(pathlib.Path(units.HERE).parent / "demo"))

import repacked  # noqa: E402

# lirc is one whose package stops its service only (Debian bug 736258); sssd's sockets are bound to
# another service, and their services need none of them.
NEEDS = ("rpcbind", "cups-daemon", "avahi-daemon", "sssd-common", "sssd-proxy", "openssh-server",
         "lirc", "python3")
# socket -> the service that it starts, and where clients call
SOCKETS = {
    "rpcbind.socket": ("rpcbind.service", "/run/rpcbind.sock"),
    "cups.socket": ("cups.service", "/run/cups/cups.sock"),
    "avahi-daemon.socket": ("avahi-daemon.service", "/run/avahi-daemon/socket"),
    "sssd-nss.socket": ("sssd-nss.service", "/var/lib/sss/pipes/nss"),
    "sssd-sudo.socket": ("sssd-sudo.service", "/var/lib/sss/pipes/sudo"),
    "ssh.socket": ("ssh.service", 22),
    "lircd.socket": ("lircd.service", "/run/lirc/lircd"),
}
SERVICES = ("sssd.service", *(service for service, _ in SOCKETS.values()))
SSSD = """[sssd]
domains = here
services =
[domain/here]
id_provider = proxy
proxy_lib_name = files
auth_provider = none
access_provider = permit
"""
# One connection after the other to each, for as long as it runs.
CLIENT = """import json, socket, sys, threading, time
def calls(where):
    while True:
        try:
            with socket.socket(socket.AF_INET if isinstance(where, int) else socket.AF_UNIX) as one:
                one.settimeout(1)
                one.connect(("127.0.0.1", where) if isinstance(where, int) else where)
        except OSError:
            pass
        time.sleep(0.05)
for where in json.loads(sys.argv[1]):
    threading.Thread(target=calls, args=(where,), daemon=True).start()
time.sleep(600)
"""
CALL = "import json, socket, sys\n" + """where = json.loads(sys.argv[1])
one = socket.socket(socket.AF_INET if isinstance(where, int) else socket.AF_UNIX)
one.settimeout(20)
one.connect(("127.0.0.1", where) if isinstance(where, int) else where)
"""


class Machine(units.Machine):
    def __enter__(self):
        super().__enter__()
        self.repository.write_raw("main", *self.offer)
        self.repository.update()
        self.bed.write("/etc/sssd/sssd.conf", SSSD, 0o600)
        self.bed.must("systemctl disable -q --now ssh.service; systemctl enable -q --now ssh.socket; "
                      "systemctl restart sssd.service")
        self.bed.write("/root/client", CLIENT)
        self.bed.write("/root/call", CALL)
        frontend.wait_until(lambda: set(self.states(*SOCKETS).values()) == {"active"},
                            lambda: f"sockets: {self.states(*SOCKETS)}", 30)
        self.bed.must(["systemd-run", "-q", "--unit=clients", "python3", "/root/client",
                       json.dumps([where for _, where in SOCKETS.values()])])
        frontend.wait_until(lambda: set(self.states(*SERVICES).values()) == {"active"},
                            lambda: f"services: {self.states(*SERVICES)}", 30)
        return self

    def wrong(self):
        """What is not as it should be, a line each."""
        found = []
        for unit, state in self.states(*SOCKETS, *SERVICES).items():
            if state != "active":
                found.append(f"{unit} is {state}")
        for service in SERVICES:
            pid = self.bed.must(["systemctl", "show", "-P", "MainPID", service]).strip()
            exe = self.bed.run(["readlink", f"/proc/{pid}/exe"]).output.strip()
            if pid != "0" and exe.endswith(" (deleted)"):
                found.append(f"{service} runs its old program")
        for socket, (_, where) in SOCKETS.items():
            if self.bed.run(["python3", "/root/call", json.dumps(where)]).code != 0:
                found.append(f"nobody listens for {socket}")
        return found


class Sockets(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        _, Machine.offer = repacked.make(frontend.SUITE, (*units.NEEDS, *NEEDS), {})

    def test_what_listened_listens_and_runs_its_new_version(self):
        left = {}
        for stock in (True, False):
            with Machine(stock, NEEDS) as machine:
                result = machine.upgrade(timeout=900)
                self.assertEqual(result.code, 0, result.output)
                try:
                    frontend.wait_until(lambda: not machine.wrong(), lambda: "",
                                        10 if stock else 60)
                except AssertionError:
                    pass
                left[stock] = machine.wrong()
                print(f"{'stock apt' if stock else 'aptkeep'} leaves: {left[stock]}")
        self.assertEqual(left[False], [], result.output)
        self.assertNotEqual(left[True], [], "stock does all of this: the test shows nothing")


if __name__ == "__main__":
    unittest.main()
