#!/usr/bin/python3
"""docs/howto/qmail.md, on a package laid out like notqmail."""

import unittest

import play
import howto

SCENARIO = "qmail-queue-and-its-guards.scenario"
# What the howto needs beside the scenario's notqmail: qmail-send as far as its lock and its working
# folder go, and qmail-qstat as it is.
RUN = """qmail-run 1.0
  file /var/qmail/bin/qmail-send:
    #!/bin/sh
    cd /var/qmail/queue && exec 9>lock/sendmutex && flock -n 9 || exit 111
    while sleep 1000; do :; done
  mode /var/qmail/bin/qmail-send: 755 root:root
  file /var/qmail/bin/qmail-qstat:
    #!/bin/sh
    echo "messages in queue: $(find /var/qmail/queue/mess/* -type f | wc -l)"
    echo "messages in queue but not yet preprocessed: $(find /var/qmail/queue/todo -type f | wc -l)"
  mode /var/qmail/bin/qmail-qstat: 755 root:root
  file /usr/lib/systemd/system/qmail-send.service:
    [Service]
    ExecStart=/var/qmail/bin/qmail-send
"""
NEW = "[repository]\nfront 2.0\n  Depends: notqmail (= 1.08-1)\nind1 2.0\nnotqmail 1.08-1\n"
# As qmail-queue and qmail-send leave a mail for a@b, in the folders of a split of $split.
MAIL = """set -e; cd /var/qmail/queue; echo "mail $$" >pid/$$; n=$(stat -c %i pid/$$); p=$((n % split))
[ -d mess/$p ] || { mkdir -m 750 mess/$p; mkdir -m 700 info/$p local/$p remote/$p; }
chown qmailq:qmail mess/$p; chown qmails:qmail info/$p local/$p remote/$p
chmod 644 pid/$$; mv pid/$$ mess/$p/$n; chown qmailq:qmail mess/$p/$n
printf 'Fsender@example.org\\0' >info/$p/$n; printf 'Ta@b\\0' >remote/$p/$n
chmod 600 info/$p/$n remote/$p/$n; chown qmails:qmail info/$p/$n remote/$p/$n
[ $split = 23 ] || [ $((n % 23)) != $p ]"""


class Qmail(unittest.TestCase):
    def test_the_howto(self):
        installed = play.section(SCENARIO, "[installed]").split("\n#")[0] + RUN
        with play.world(installed) as made:
            bed = made.bed

            def mail(split):
                bed.must(f"split={split}\n{MAIL}")

            def another_split():
                bed.must("systemctl daemon-reload; systemctl start qmail-send")
                # Not one that lies right in both.
                for _ in range(5):
                    try:
                        mail(29)
                        break
                    except Exception:
                        bed.must("rm -f /var/qmail/queue/*/*/[0-9]*")
                made.play(NEW)

            def delivered():
                bed.must("cd /var/qmail/queue && rm mess/*/[0-9]* info/*/[0-9]* remote/*/[0-9]* && "
                         "rmdir mess/2[3-9] info/2[3-9] local/2[3-9] remote/2[3-9]; true")

            def new_mail():
                bed.must("systemctl start qmail-send")
                mail(23)
                mail(23)

            def restored():
                """From a backup of the files: all have other inode numbers."""
                bed.must("cd /var/lib && cp -a qmail-queue copy && rm -r qmail-queue && "
                         "mv copy qmail-queue")

            count = howto.play("qmail.md", bed, {
                "another_split": another_split, "delivered": delivered, "new_mail": new_mail,
                "restored": restored})
            self.assertGreater(count, 15)
            texts = bed.must("cat /var/qmail/queue/mess/*/*").split("\n")
            self.assertEqual(len([t for t in texts if t.startswith("mail ")]), 2)
            self.assertEqual(bed.must("cd /var/qmail/queue; ls info/*/* remote/*/* | wc -l").strip(), "4")


if __name__ == "__main__":
    unittest.main()
