#!/usr/bin/python3
"""docs/howto/postfix.md, on Debian's own postfix: 11's in a Debian 12, upgraded to 12's."""

import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "services"))

import units  # noqa: E402  first: it says where the others are
import crossing  # noqa: E402
import frontend  # noqa: E402
import howto  # noqa: E402
import mail  # noqa: E402


class Postfix(unittest.TestCase):
    def test_the_howto(self):
        step = crossing.Crossing("bookworm", (*units.NEEDS, *mail.NEEDS), "postfix", "bullseye",
                                 "bookworm", mail.PRESEED)
        [deb] = [deb for deb in step.debs if deb.name.startswith("postfix_")]
        folder = self.enterContext(tempfile.TemporaryDirectory())
        with mail.Mail(step, count=3) as machine:

            def offer(number):
                target = pathlib.Path(folder, f"{number}.deb")
                crossing.repacked(deb, target, step.version("postfix") + f"+repacked{number}")
                machine.offer([target])

            def all_delivered():
                watched = machine.end()
                self.assertEqual(machine.lost(), [])
                self.assertEqual(len(watched.closed()), 1)

            def another_version():
                offer(1)

            def a_mail_in_corrupt():
                offer(2)
                machine.hold(1)
                script = {"postinst": {"*": f"mv {mail.SPOOL}/hold/* {mail.SPOOL}/corrupt/"}}
                machine.repository.add([units.package("other000", "3.0", scripts=script)],
                                       "third-party")
                machine.repository.update()

            def corrupt_delivered():
                frontend.wait_until(lambda: "900000" in machine.delivered(), "the mail", 120)

            def a_mail_on_hold():
                offer(3)
                machine.hold(1)

            howto.play("postfix.md", machine.bed, {
                "mails": machine.begin, "all_delivered": all_delivered,
                "another_version": another_version, "a_mail_in_corrupt": a_mail_in_corrupt, "corrupt_delivered": corrupt_delivered,
                "a_mail_on_hold": a_mail_on_hold})


if __name__ == "__main__":
    unittest.main()
