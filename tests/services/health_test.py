#!/usr/bin/python3
"""Whether what a run has restarted stays: who ends after a while, or is started by systemd again and
again, is told; who stays is not waited for any longer than needed."""

import time
import unittest

from units import World, package, service

RELOAD = "systemctl --system daemon-reload\n"
# Ends $1 seconds after its start.
DIES = "sh -c 'sleep {}; echo out of breath; exit 7'"
# No pause, so that a look hardly ever meets it.
LOOPS = "Restart=always\nRestartSec=0"
DAEMONS = {  # name -> (what the new version runs, lines of its service)
    "stays": ("sleep 100000", LOOPS),
    "loops": (DIES.format(0.7), LOOPS + "\nStartLimitBurst=100"),
    "ends": (DIES.format(1.3), ""),
    "waits": (DIES.format(0), "Restart=always\nRestartSec=60"),
}
NAMES = tuple(DAEMONS)


def daemon(name):
    command, lines = DAEMONS[name]
    unit = f"{name}.service"
    restart = {"postinst": {"configure": f"{RELOAD}deb-systemd-invoke restart {unit} || true"}}
    return (package(name, "1.0", {unit: service(service_lines=lines)}),
            package(name, "2.0", {unit: service(command, service_lines=lines)}, scripts=restart))


class Health(unittest.TestCase):
    def test_who_does_not_stay_is_told(self):
        pairs = [daemon(name) for name in NAMES]
        with World([old for old, _ in pairs], [new for _, new in pairs]) as world:
            world.start(*[f"{name}.service" for name in NAMES])
            result = world.upgrade()
            told = result.output[result.output.index("not as they should be"):]
            self.assertRegex(told, r"  loops.service: it runs, and was not well: it ended by itself "
                                   r"and was started again \d+ times within 1\d s\n")
            self.assertIn("  ends.service: does not start again: it is failed (failed)\n", told)
            self.assertIn("  waits.service: does not start again: it is activating (auto-restart)\n",
                          told)
            self.assertNotIn("stays", told)
            services = world.bed.run("aptkeep services")
            self.assertEqual(services.code, 1)
            self.assertIn("loops.service (loops): it runs, and was not well", services.output)
            self.assertIn("out of breath", services.output)
            # Still, when a person has it looked at once more; and no more when it is mended.
            again = world.bed.run("aptkeep services restart")
            self.assertIn("loops.service: it runs, and was not well", again.output)
            world.bed.must("for name in loops ends waits; do sed -i 's,^ExecStart=.*,ExecStart=sleep "
                           "infinity,' /usr/lib/systemd/system/$name.service; done; "
                           "systemctl daemon-reload; systemctl restart loops.service")
            again = world.bed.run("aptkeep services restart")
            self.assertEqual((again.code, again.output), (0, ""))

    def test_who_stays_is_not_waited_for(self):
        old, new = daemon("stays")
        with World([old], [new]) as world:
            world.start("stays.service")
            before = time.monotonic()
            result = world.bed.run("apt-get -qy -o Aptkeep::Services::Settle=300 full-upgrade")
            self.assertEqual(result.code, 0, result.output)
            self.assertLess(time.monotonic() - before, 200)

    def test_the_limit_is_a_setting(self):
        old, new = daemon("loops")
        with World([old], [new]) as world:
            world.start("loops.service")
            result = world.bed.run("apt-get -qy -o Aptkeep::Services::Settle=4 full-upgrade")
            self.assertRegex(result.output, r"it ended by itself (just now|and was started again "
                                            r"(just now|[2-9] times within [4-9] s))")


if __name__ == "__main__":
    unittest.main()
