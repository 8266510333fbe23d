#!/usr/bin/python3
"""Logins over ssh through an upgrade of the real server beside a package that fails: they work, at
several a second, but for the moment of its restart; also where the new server refuses its
configuration."""

import pathlib
import sys
import unittest

import units  # first: it says where the others are
import frontend

sys.path.insert(0, str(pathlib.Path(units.HERE).parent / "demo"))

import repacked  # noqa: E402

FAILS = "tree"
NEEDS = ("openssh-server", "openssh-client", FAILS)
LOGIN = ("ssh -qn -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=no root@127.0.0.1 "
         "true")
# Until it is told to stop; a line for each.
LOGINS = (f"while [ ! -e /root/stop ]; do {LOGIN} && echo in || echo out; sleep 0.2; done "
          ">/root/logins 2>&1")


class Machine(units.Machine):
    def __init__(self):
        super().__init__(False, NEEDS)

    def __enter__(self):
        super().__enter__()
        self.repository.write_raw("main", *self.offer)
        self.repository.update()
        self.bed.must("mkdir -p -m 700 /root/.ssh; ssh-keygen -qN '' -t ed25519 -f /root/.ssh/"
                      "id_ed25519; cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys")
        frontend.wait_until(lambda: self.bed.run(LOGIN).code == 0, lambda: "no login", 30)
        return self

    def pid(self):
        return self.bed.must(["systemctl", "show", "-P", "MainPID", "ssh.service"]).strip()

    def upgrade_under_logins(self):
        self.bed.must(["systemd-run", "-q", "--unit=logins", "--setenv=HOME=/root", "sh", "-c",
                       LOGINS])
        result = self.upgrade(timeout=300)
        self.bed.must("touch /root/stop; while systemctl -q is-active logins; do sleep 0.1; done")
        return result, self.bed.read("/root/logins").split()


class Ssh(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.versions, Machine.offer = repacked.make(frontend.SUITE, (*units.NEEDS, *NEEDS),
                                                    {FAILS: ("preinst", "")})

    def check(self, machine, result, logins, refused=0):
        self.assertEqual(result.code, 100, result.output)
        print(f"{len(logins)} logins, {logins.count('out')} refused")
        self.assertGreater(len(logins), 5)
        self.assertLessEqual(len(logins) - logins.count("in"), refused, result.output)
        self.assertEqual(logins[-1], "in", result.output)
        version = machine.bed.must("dpkg-query -W -f '${Version}' openssh-server")
        self.assertTrue(version.endswith(repacked.SUFFIX), version)

    def test_logins_work_throughout(self):
        with Machine() as machine:
            before = machine.pid()
            # While it is restarted nobody listens, for some hundredths of a second: one login may meet
            # that, but not the next.
            self.check(machine, *machine.upgrade_under_logins(), refused=1)
            self.assertNotIn(machine.pid(), (before, "0"))

    def test_logins_work_throughout_by_its_socket(self):
        with Machine() as machine:
            machine.bed.must("systemctl disable -q --now ssh.service; "
                             "systemctl enable -q --now ssh.socket")
            frontend.wait_until(lambda: machine.bed.run(LOGIN).code == 0, lambda: "no login", 30)
            before = machine.states("ssh.service", "ssh.socket")
            self.assertEqual(before["ssh.socket"], "active")
            result, logins = machine.upgrade_under_logins()
            # Its restart closes it for a moment, too.
            self.check(machine, result, logins, refused=1)
            self.assertEqual(machine.states("ssh.service", "ssh.socket"), before, result.output)
            self.assertNotIn("ssh", result.output.partition("as they should be:")[2])

    def test_a_server_that_would_not_come_back_stays(self):
        with Machine() as machine:
            before = machine.pid()
            machine.bed.must("echo 'NoSuchOption yes' >>/etc/ssh/sshd_config")
            result, logins = machine.upgrade_under_logins()
            self.check(machine, result, logins)
            self.assertEqual(machine.pid(), before)
            self.assertIn("ssh.service: it was not restarted, because its new version refuses its "
                          "configuration: /usr/sbin/sshd -t: exit status 255: ", result.output)
            listed = machine.bed.run("aptkeep services")
            self.assertEqual(listed.code, 1)
            self.assertIn("NoSuchOption", machine.bed.run("sshd -t").output)
            machine.bed.must("sed -i /NoSuchOption/d /etc/ssh/sshd_config")
            # dbus waits for the next boot.
            self.assertNotIn("ssh", machine.bed.run("aptkeep services restart").output.replace(
                "aptkeep: restarting ssh.service\n", ""))
            self.assertNotIn(machine.pid(), (before, "0"))
            machine.bed.must(LOGIN)


if __name__ == "__main__":
    unittest.main()
