#!/usr/bin/python3
"""vmm's upgrade as its UPGRADE describes it, with real PostgreSQL, postfix and dovecot: both are down
while the database changes, it is saved first, and they stay down until their queries are right."""

import json
import re
import unittest

import vmm  # it says where the others are
import pkg
import units

OTHER = (pkg.Package("other", "1.0"), pkg.Package("other", "2.0"))
# Beside what the rule saves: what runs while it is saved.
WATCH = """Package: vmm
Backup: sh: systemctl is-active postfix@- dovecot postgresql@15-main >"$APTKEEP_BACKUP"/states; true
Reason: a test looks on
Source: https://example.org/
"""
NO_BACKUP = """Package: vmm
Backup: user=postgres /usr/bin/pg_dump -Fc nothing
Reason: a test
Source: https://example.org/
"""
EDIT = ("to be edited: /etc/postfix/pgsql-virtual_alias_maps.cf "
        "/etc/postfix/pgsql-virtual_mailbox_maps.cf")
EDIT_DOVECOT = "to be edited: the queries in /etc/dovecot/dovecot-sql.conf.ext"


class Vmm(unittest.TestCase):
    maxDiff = None

    def check_works(self, world, subject):
        self.assertEqual(world.up(), dict.fromkeys(vmm.SERVICES, True))
        login = world.login()
        self.assertEqual(login.code, 0, login.output)
        sent = world.send(subject, "info@example.org")
        self.assertEqual(sent.code, 0, sent.output)
        self.assertTrue(world.delivered(subject), world.bed.run("postqueue -p").output)

    def check_down(self, world, output=""):
        self.assertEqual(world.up(), dict.fromkeys(vmm.SERVICES, False), output)
        world.bed.must("systemctl is-active postgresql@15-main")

    def version(self, world, name="vmm"):
        return world.bed.must(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", name])

    def saved(self, world, output):
        """The dump that is on record."""
        report = json.loads(world.bed.must("aptkeep report --json"))
        [step] = [s for s in report["steps"] if s["package"] == "vmm:" + pkg.NATIVE]
        [path] = [p for p in step["backups"] if p.endswith("/vmm/1")]
        self.assertIn(path, output)
        self.assertIn(f"saved before: {path}", world.bed.must("aptkeep report"))
        return path

    def test_from_stopping_to_starting(self):
        with vmm.Mail() as world:
            self.without_its_backup(world)
            self.unedited(world)
            self.edited(world)

    def without_its_backup(self, world):
        bed = world.bed
        world.repository.add([OTHER[0]])
        world.repository.update()
        bed.must("apt-get -qqy install other")
        world.repository.add([OTHER[1]])
        world.repository.update()
        bed.write("/etc/aptkeep/rules.d/60-test.rules", NO_BACKUP)
        self.check_works(world, "before")
        self.without_room(world)
        result = bed.run("aptkeep retry vmm")
        self.assertEqual(result.code, 1, result.output)
        self.assertIn("vmm is not touched: its backup failed: user=postgres /usr/bin/pg_dump -Fc "
                      "nothing: exit status 1", result.output)
        self.assertEqual(self.version(world), "ii 0.5.2-1")
        self.assertEqual(self.version(world, "other"), "ii 2.0")
        self.check_works(world, "kept")
        self.assertEqual(bed.run("find /var/lib/aptkeep/backups -type f").output, "")
        bed.must("rm /etc/aptkeep/rules.d/60-test.rules")
        self.no_dump(world)
        bed.write("/etc/aptkeep/rules.d/60-test.rules", WATCH)

    def no_dump(self, world):
        """What ends well, and left something, is no dump for that."""
        bed = world.bed
        bed.must("mv /usr/bin/pg_dump /root/ && printf '#!/bin/sh\\necho no dump\\n' "
                 ">/usr/bin/pg_dump && chmod 755 /usr/bin/pg_dump")
        result = bed.run("aptkeep retry vmm")
        bed.must("mv /root/pg_dump /usr/bin/pg_dump")
        self.assertEqual(result.code, 1, result.output)
        self.assertIn("vmm is not touched: its backup failed: timeout=600 user=postgres sh: "
                      "pg_restore -l >/dev/null: exit status 1", result.output)
        self.assertEqual(self.version(world), "ii 0.5.2-1")
        self.check_works(world, "no dump")
        self.assertEqual(bed.run("find /var/lib/aptkeep/backups -type f").output, "")

    def without_room(self, world):
        """Nothing is stopped for it."""
        bed = world.bed
        bed.must("mkdir -p -m 0700 /var/lib/aptkeep/backups && "
                 "mount -t tmpfs -o size=8m,mode=0700 none /var/lib/aptkeep/backups")
        result = world.upgrade()
        self.assertEqual(result.code, 100, result.output)
        self.assertIn("vmm is not touched: guard free-space /var/lib/aptkeep/backups 16777216 is "
                      "unmet", result.output)
        self.assertNotIn("stopping", result.output)
        bed.must("umount /var/lib/aptkeep/backups")

    def unedited(self, world):
        bed = world.bed
        result = bed.run("aptkeep retry vmm")
        self.assertEqual(result.code, 0, result.output)
        self.assertEqual(self.version(world), "ii 0.6.2-1")
        self.check_down(world, result.output)
        for part in (EDIT, EDIT_DOVECOT):
            self.assertIn(part, result.output)
        listed = bed.run("aptkeep services")
        self.assertEqual(listed.code, 1)
        for part in (EDIT, EDIT_DOVECOT, "domdir.mode\t\t->\tdomain.directory_mode",
                     "_NEW_.quota_bytes\t->\tdomain.quota_bytes", "misc.gid_mail\t\t->\t/dev/null",
                     "misc.dovecotvers\t->\tmisc.dovecot_version (12 -> 1.2.11)",
                     "to do: where files are named"):
            self.assertIn(part.expandtabs(), listed.output.expandtabs())
        # Permissions too.
        self.assertEqual(vmm.psql(bed, "SELECT has_table_privilege('dovecot','userquota','INSERT')"),
                         "t\n")
        self.dump(world, self.saved(world, result.output))
        self.not_forgotten(world, listed.output)

    def not_forgotten(self, world, listed):
        """By later runs that have nothing to do with it."""
        world.bed.must("apt-get -qqy install --reinstall other")
        self.check_down(world)
        later = world.bed.run("aptkeep services")
        self.assertEqual(later.code, 1)
        told = re.sub(r"when run \d+ began", "when the run began", later.output)
        self.assertEqual(told, listed)

    def dump(self, world, path):
        bed = world.bed
        folder = path.rpartition("/")[0]
        self.assertEqual(bed.must(["stat", "-c", "%a %U", folder, path]), "700 root\n600 root\n")
        self.assertEqual(bed.read(folder + "/states").split(), ["inactive", "inactive", "active"])
        bed.must("runuser -u postgres -- createdb -T template0 restored")
        bed.must(f"runuser -u postgres -- pg_restore -d restored <{path}")
        self.assertEqual(vmm.psql(bed, "SELECT password FROM dovecot_password", "restored"),
                         "{PLAIN}" + vmm.PASSWORD + "\n")

    def edited(self, world):
        bed = world.bed
        again = bed.run("aptkeep services restart")
        self.assertEqual(again.code, 1, again.output)
        self.assertIn(EDIT, again.output)
        self.check_down(world, again.output)
        world.edit()
        # What is not the queries' is no reason to stay down.
        bed.must("printf 'mail_name = %s\\n' Mail Postfix >>/etc/postfix/main.cf")
        self.assertIn("warning: ", bed.run(
            "postmap -q x pgsql:/etc/postfix/pgsql-virtual_mailbox_maps.cf").output)
        bed.write("/etc/dovecot/dovecot-sql.conf.ext", vmm.OLD_SQL, 0o600)
        again = bed.run("aptkeep services restart")
        self.assertEqual(again.code, 1, again.output)
        self.assertIn(EDIT_DOVECOT, again.output)
        self.assertNotIn(EDIT, again.output)
        self.check_down(world, again.output)
        world.edit()
        again = bed.run("aptkeep services restart")
        self.assertEqual((again.code, again.output), (0, ""))
        self.check_works(world, "after")
        bed.must(["doveadm", "auth", "test", "-x", "service=imap", vmm.ADDRESS, vmm.PASSWORD])
        self.assertIn("/70000/Maildir", bed.must(
            f"postmap -q {vmm.ADDRESS} pgsql:/etc/postfix/pgsql-virtual_mailbox_maps.cf"))
        self.assertEqual(bed.run("aptkeep services").code, 0)
        self.assertEqual(bed.run("ls -d /run/vmm-check.*").code, 2)
        self.old_ones_go(world)

    def old_ones_go(self, world):
        bed = world.bed
        runs = bed.must("ls /var/lib/aptkeep/backups").split()
        for age, setting in ((29, ""), (31, "-o Aptkeep::Backups::Keep-Days=40"),
                             (31, "-o Aptkeep::Backups::Keep-Days=0")):
            bed.must(f"touch -d '{age} days ago' /var/lib/aptkeep/backups/*")
            bed.must(f"apt-get -qqy install --reinstall {setting} other")
            self.assertEqual(bed.must("ls /var/lib/aptkeep/backups").split(), runs, setting)
        bed.must("apt-get -qqy install --reinstall other")
        self.assertEqual(bed.must("ls /var/lib/aptkeep/backups"), "")

    def test_the_change_of_the_schema_fails(self):
        with vmm.Mail(fails=True) as world:
            result = world.upgrade()
            self.assertEqual(result.code, 100, result.output)
            self.assertEqual(self.version(world), "ii 0.5.2-1")
            self.saved(world, result.output)
            self.check_works(world, "back")
            world.bed.must(["doveadm", "auth", "test", "-x", "service=imap", vmm.ADDRESS,
                            vmm.PASSWORD])
            self.dovecot_waits(world)

    def dovecot_waits(self, world):
        """For a version whose configuration the queries have to be moved to first."""
        names = ("dovecot-core", "dovecot-imapd", "dovecot-lmtpd", "dovecot-pgsql")
        old = self.version(world, "dovecot-core")
        version = "1:2.4.1+dfsg1-6"
        needs = {"Depends": f"dovecot-core (= {version})"}
        world.repository.replace([
            *(pkg.Package(n, version, fields={} if n == names[0] else needs) for n in names), OTHER[0]])
        world.repository.update()
        result = world.upgrade()
        self.assertEqual(result.code, 100, result.output)
        self.assertIn("dovecot-core is not touched: ", result.output)
        self.assertIn("dovecot_config_version", result.output)
        self.assertEqual(self.version(world, "dovecot-core"), old)
        self.check_works(world, "still")
        world.bed.must("sed -i '1i dovecot_config_version = 2.4.1' /etc/dovecot/dovecot.conf")
        world.bed.must("apt-get -qq update")
        result = world.upgrade()
        self.assertEqual(result.code, 0, result.output)
        self.assertEqual(self.version(world, "dovecot-core"), f"ii {version}")


if __name__ == "__main__":
    unittest.main()
