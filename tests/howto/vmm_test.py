#!/usr/bin/python3
"""docs/howto/vmm.md, with real PostgreSQL, postfix and dovecot, and Debian's files of vmm."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "mail"))

import vmm  # noqa: E402  it says where the others are
import howto  # noqa: E402


class Vmm(unittest.TestCase):
    def test_the_howto(self):
        with vmm.Mail() as world:
            def edit():
                world.bed.write("/etc/dovecot/dovecot-sql.conf.ext", vmm.NEW_SQL, 0o600)

            def works():
                sent = world.send("hello", "info@example.org")
                self.assertEqual(sent.code, 0, sent.output)
                self.assertTrue(world.delivered("hello"))

            howto.play("vmm.md", world.bed, {"edit": edit, "works": works})


if __name__ == "__main__":
    unittest.main()
