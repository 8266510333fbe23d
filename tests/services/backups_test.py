#!/usr/bin/python3
"""Backups of real runs: who is killed or interrupted amid one, where they are, and force."""

import unittest

import units  # first: it says where the others are
from units import UPGRADE, World, package, service

import pkg

WHERE = "/var/lib/aptkeep/backups"


def rule(lines):
    return f"Package: gg\nClass: stop\n{lines}\nReason: a test\nSource: https://example.org/\n"


def daemon(version):
    command = "sleep infinity" if version == "1.0" else "sleep 100000"
    return package("gg", version, {"gg.service": service(command)})


def world(*others):
    return World([daemon("1.0"), *[pkg.Package(name, "1.0") for name in others]],
                 [daemon("2.0"), *[pkg.Package(name, "2.0") for name in others]])


class Backups(unittest.TestCase):
    def version(self, made, name):
        return made.bed.must(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", name])

    def stays(self, made, output):
        self.assertEqual(self.version(made, "gg"), "ii 1.0", output)
        self.assertEqual(made.states("gg.service"), {"gg.service": "active"}, output)
        self.assertNotIn("part", made.bed.run(
            f"grep -r --exclude-dir='.partial-*' . {WHERE}").output, output)
        self.assertIn("No package is kept back", made.bed.run("aptkeep status").output, output)

    def test_nothing_is_replaced_unsaved_whoever_is_ended(self):
        with world("zz") as made:
            # The shell's parent is the driver.
            made.bed.write("/etc/aptkeep/rules.d/t.rules", rule(
                "Backup: sh: echo part; test ! -e /root/how || { kill -s $(cat /root/how) $PPID; "
                "sleep 50; }\nBefore: sh: echo before >>/root/log"))
            made.start("gg.service")
            for how in ("KILL", "TERM", "INT"):
                made.bed.write("/root/how", how)
                ended = made.upgrade()
                self.assertNotEqual(ended.code, 0, ended.output)
                self.assertEqual(self.version(made, "zz"), "ii 2.0", ended.output)
                self.stays(made, ended.output)
            self.assertIn("stopping: it was interrupted", ended.output)
            made.bed.must("test ! -e /root/log; rm /root/how")
            ended = made.upgrade()
            self.assertEqual(ended.code, 0, ended.output)
            self.assertEqual(self.version(made, "gg"), "ii 2.0", ended.output)
            self.assertIn("part", made.bed.must(f"cat {WHERE}/*/gg/1"))
            self.assertEqual(made.bed.must(f"find {WHERE} -name '.partial-*'"), "")
            self.assertEqual(made.bed.must("cat /root/log"), "before\n")

    # A script writes through the symlink; of a folder nothing comes back, which is told beforehand.
    def test_what_save_names_comes_back(self):
        with world() as made:
            made.bed.write("/etc/aptkeep/rules.d/t.rules", rule("Save: /etc/gg.link /etc/gg.d"))
            made.repository.replace([package("gg", "2.0", scripts={"postinst": {
                "configure": "echo new | tee /etc/gg.link >/etc/gg.d/x; exit 1"}})])
            made.repository.update()
            made.bed.must("mkdir /etc/gg.d; echo old >/etc/gg.real; ln -s gg.real /etc/gg.link")
            output = made.upgrade().output
            self.assertEqual(self.version(made, "gg"), "ii 1.0", output)
            self.assertEqual(made.bed.read("/etc/gg.real"), "old\n", output)
            self.assertEqual(made.bed.must("readlink /etc/gg.link"), "gg.real\n", output)
            self.assertEqual(made.bed.read("/etc/gg.real.dpkg-old"), "new\n", output)
            self.assertEqual(output.count("aptkeep: unable to save "), 1, output)
            self.assertIn("aptkeep: unable to save /etc/gg.d for gg: that is a folder", output)

    # For whoever has services left alone, or calls dpkg past the driver.
    def test_commands_run_all_the_same(self):
        for name, option in (("off", "Aptkeep::Services=false"),
                             ("bypassed", "Dir::Bin::dpkg=/usr/bin/dpkg")):
            with self.subTest(name), world() as made:
                made.bed.write("/etc/aptkeep/rules.d/t.rules", rule(
                    "Backup: sh: echo part\nBefore: sh: echo before >>/root/log\n"
                    "After: sh: echo after >>/root/log"))
                made.start("gg.service")
                output = made.bed.run(f"{UPGRADE} -o {option}").output
                self.assertEqual(self.version(made, "gg"), "ii 2.0", output)
                self.assertIn("part", made.bed.must(f"cat {WHERE}/*/gg/1"), output)
                self.assertEqual(made.bed.must("cat /root/log"), "before\nafter\n", output)

    def test_nothing_is_replaced_unsaved_where_systemd_cannot_be_asked(self):
        with world("zz") as made:
            made.bed.write("/etc/aptkeep/rules.d/t.rules", rule("Backup: sh: echo part"))
            made.start("gg.service")
            output = made.bed.run(
                "mv /run/systemd/private /root; mv /run/dbus/system_bus_socket /root; "
                f"{UPGRADE}; mv /root/private /run/systemd; "
                "mv /root/system_bus_socket /run/dbus").output
            self.assertEqual(self.version(made, "zz"), "ii 2.0", output)
            self.assertEqual(self.version(made, "gg"), "ii 1.0", output)
            self.assertIn("gg is not touched: what is to be done before it could not be: "
                          "unable to run systemctl", output)

    def test_what_comes_after_is_made_up_for(self):
        with world() as made:
            # The shell's parent is the driver, which dies before it comes to that.
            made.bed.write("/etc/aptkeep/rules.d/t.rules", rule(
                "Check-Config: sh: test ! -e /root/kill || { rm /root/kill; kill -9 $PPID; sleep 5; }\n"
                "After: sh: echo after >>/root/log"))
            made.bed.write("/root/kill", "")
            made.start("gg.service")
            output = made.upgrade().output
            self.assertEqual(self.version(made, "gg"), "ii 2.0", output)
            self.assertEqual(made.bed.must("cat /root/log"), "after\n", output)
            self.assertEqual(made.states("gg.service"), {"gg.service": "active"}, output)

    def test_a_rollback_takes_the_services_down_as_the_upgrade_did(self):
        with world() as made:
            made.bed.write("/etc/aptkeep/rules.d/t.rules", rule(
                "Together: other.service\nBefore: sh: echo before >>/root/log"))
            made.bed.write("/etc/systemd/system/other.service", service("sleep infinity"))
            made.bed.must("systemctl daemon-reload")
            made.start("gg.service", "other.service")
            output = made.bed.run(
                f"{UPGRADE} -o Aptkeep::Snapshots::Keep-Runs=3").output
            self.assertEqual(self.version(made, "gg"), "ii 2.0", output)
            starts = made.starts("other.service")
            ended = made.bed.run("aptkeep rollback -y gg")
            self.assertEqual(ended.code, 0, ended.output)
            self.assertEqual(self.version(made, "gg"), "ii 1.0", ended.output)
            self.assertIn("stopping ", ended.output)
            pid = made.bed.must("systemctl show -P MainPID gg.service").strip()
            self.assertIn("infinity", made.bed.read(f"/proc/{pid}/cmdline"), ended.output)
            self.assertEqual(made.starts("other.service"), starts + 1, ended.output)
            self.assertEqual(made.states("gg.service", "other.service"),
                             {"gg.service": "active", "other.service": "active"}, ended.output)
            self.assertEqual(made.bed.must("cat /root/log"), "before\n")
            self.assertEqual(made.bed.run("ls /run/aptkeep/holds 2>/dev/null").output, "")

    def test_a_rollback_tells_what_does_not_come_up_and_it_is_tried_again(self):
        with world() as made:
            made.bed.write("/etc/aptkeep/rules.d/t.rules", rule(
                "Together: other.service\nAfter: sh: echo after >>/root/log"))
            made.bed.write("/etc/systemd/system/other.service", service(
                "sleep infinity", service_lines="ExecStartPre=/usr/bin/test ! -e /root/broken"))
            made.bed.must("systemctl daemon-reload")
            made.start("gg.service", "other.service")
            output = made.bed.run(f"{UPGRADE} -o Aptkeep::Snapshots::Keep-Runs=3").output
            self.assertEqual(self.version(made, "gg"), "ii 2.0", output)
            made.bed.write("/root/broken", "")
            ended = made.bed.run("aptkeep rollback -y gg")
            self.assertEqual(self.version(made, "gg"), "ii 1.0", ended.output)
            self.assertIn("other.service: does not start again", ended.output)
            self.assertEqual(made.bed.must("cat /root/log"), "after\n")
            told = made.bed.run("aptkeep services")
            self.assertEqual(told.code, 1, told.output)
            self.assertIn("other.service", told.output)
            made.bed.must("rm /root/broken; aptkeep services restart")
            self.assertEqual(made.states("other.service"), {"other.service": "active"})

    def test_old_ones_go_before_there_must_be_room(self):
        with world() as made:
            # On a larger disk, by root's own link.
            made.bed.must(f"mkdir /srv/disk; mount -t tmpfs -o size=64m,mode=0700 none /srv/disk; "
                          f"ln -s /srv/disk {WHERE}; mkdir -p {WHERE}/1/gg {WHERE}/2/.partial-gg; "
                          f"head -c 36M /dev/zero >{WHERE}/1/gg/1; touch {WHERE}/2/.partial-gg/1; "
                          f"touch -d '400 days ago' {WHERE}/1")
            made.bed.write("/etc/aptkeep/rules.d/t.rules",
                           rule("Backup: sh: echo dump\nIf-Unmet: stop"))
            made.start("gg.service")
            ended = made.upgrade()
            self.assertEqual(ended.code, 0, ended.output)
            self.assertEqual(self.version(made, "gg"), "ii 2.0", ended.output)
            files = made.bed.must("find /srv/disk -type f").split()
            self.assertEqual(len(files), 1, files)
            self.assertTrue(files[0].endswith("/gg/1"), files)

    def kept_after(self, made, lines, why):
        """After a failure, and an update that lifts nothing; returns what status says."""
        made.bed.write("/etc/aptkeep/rules.d/t.rules", rule(lines))
        made.start("gg.service")
        ended = made.upgrade()
        self.assertEqual(ended.code, 100, ended.output)
        self.assertIn(f"gg is not touched: {why}", ended.output)
        made.bed.must("apt-get -qq update")
        again = made.upgrade()
        self.assertEqual(again.code, 0, again.output)
        self.assertEqual(self.version(made, "gg"), "ii 1.0", again.output)
        self.assertEqual(made.states("gg.service"), {"gg.service": "active"})
        status = made.bed.run("aptkeep status").output
        self.assertIn(f"not touched: {why}", status)
        self.assertIn("aptkeep retry gg", status)
        return status

    def test_what_is_to_be_done_before_waits_for_a_person(self):
        """No guard tells whether it would succeed now, and force does not go past it."""
        with world() as made:
            status = self.kept_after(made, "Before: /usr/bin/test -e /root/ready",
                                     "what is to be done before it failed: ")
            self.assertNotIn("Force", status)
            self.assertIn("a version newer than 2.0 is tried by itself", status)
            made.bed.must("touch /root/ready && aptkeep retry -y gg")
            self.assertEqual(self.version(made, "gg"), "ii 2.0")

    def test_a_backup_that_failed_is_made_again_after_a_while(self):
        with world() as made:
            status = self.kept_after(made, "Backup: sh: exit 3", "its backup failed: ")
            self.assertIn("Aptkeep::Force::=gg", status)
            self.assertIn("it is tried again by itself after a while", status)
            made.bed.must(f"aptkeep release gg && {UPGRADE} -o Aptkeep::Force::=gg")
            self.assertEqual(self.version(made, "gg"), "ii 2.0")

    def test_force_goes_past_what_fails_in_its_turn(self):
        with world() as made:
            made.bed.write("/etc/aptkeep/rules.d/t.rules", rule(
                "Guard: file-lacks /root/state BLOCK\n"
                "Backup: sh: echo BLOCK >/root/state; exit 3"))
            made.bed.write("/root/state", "ok\n")
            made.start("gg.service")
            self.assertNotIn("Backup", made.bed.must("aptkeep plan -- purge gg"))
            self.assertIn("Backup", made.bed.must("aptkeep plan"))
            ended = made.bed.run(f"APTKEEP_FORCE=gg {UPGRADE}")
            self.assertEqual(ended.code, 0, ended.output)
            self.assertEqual(self.version(made, "gg"), "ii 2.0", ended.output)
            report = made.bed.must("aptkeep report")
            for text in (ended.output, report):
                self.assertIn("forced past: its backup failed: sh:", text)
                self.assertIn("forced past: guard file-lacks /root/state BLOCK is unmet", text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
