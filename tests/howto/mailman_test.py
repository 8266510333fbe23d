#!/usr/bin/python3
"""docs/howto/mailman.md, on a package shaped like Debian's mailman 2.1."""

import unittest

import play
import frontend
import howto

SCENARIO = "mailman-waits-for-its-queues.scenario"
# Its runners: what is in a queue is delivered after a while.
RUNNER = """  file /usr/lib/systemd/system/mailman.service:
    [Service]
    ExecStart=/usr/lib/mailman/bin/mailmanctl
  mode /usr/lib/mailman/bin/unshunt: 755 root:root
  file /usr/lib/mailman/bin/mailmanctl:
    #!/bin/sh
    while sleep 0.2; do
      for mail in /var/lib/mailman/qfiles/in/*; do
        [ ! -e "$mail" ] || { cat "$mail" >>/var/log/delivered && rm "$mail"; }
      done
    done
  mode /usr/lib/mailman/bin/mailmanctl: 755 root:root
"""


class Mailman(unittest.TestCase):
    def test_the_howto(self):
        installed = play.section(SCENARIO, "[installed]").replace("\nlists-web", f"\n{RUNNER}lists-web")
        with play.world(installed) as made:
            bed = made.bed

            def new_version():
                bed.must("echo mail >/var/lib/mailman/qfiles/in/1.pck; "
                         "echo odd >/var/lib/mailman/qfiles/shunt/2.pck")
                made.play(play.section(SCENARIO, "[repository]").split("\n[")[0])

            def run_dry():
                frontend.wait_until(
                    lambda: not bed.must("find /var/lib/mailman/qfiles -type f"), "an empty queue", 60)

            howto.play("mailman.md", bed, {"new_version": new_version, "run_dry": run_dry})
            self.assertEqual(sorted(bed.read("/var/log/delivered").split()), ["mail", "odd"])


if __name__ == "__main__":
    unittest.main()
