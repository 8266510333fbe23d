"""The launcher with a fake dpkg: who is started with what, and what is done after a driver that
crashed or was killed."""

import errno
import os
import resource
import signal
import unittest

from common import Tmux, alive, children, read, wait_until
from launcher_common import FAKE_DRIVER, ROOT, LauncherCase

UNPACK = ["--status-fd", "9", "--no-triggers", "--unpack", "--auto-deconfigure", "--recursive",
          "/links"]
CONFIGURE = ["--status-fd", "9", "--configure", "--pending"]

# Notes its arguments, is slow on demand, and ends as `ends` says: one line for each call.
DPKG = r"""
for a; do printf '%s\t' "$a"; done >>ROOT/calls; echo >>ROOT/calls
printf '%s\n' "$PATH" >ROOT/path
echo "dpkg printed"
if test -e ROOT/slow; then rm ROOT/slow; touch ROOT/started; until test -e ROOT/go; do sleep 0.05; done; fi
read end <ROOT/ends || end="exit 0"; sed -i 1d ROOT/ends
for a; do
  case $a in *.deb) test "$end" != "exit 0" || echo "${a##*/}" | sed 's/[.]deb//' >>ROOT/unpacked ;; esac
done
eval "$end"
""".replace("ROOT", ROOT)

# The package foo is all that /foo.deb has.
DPKG_DEB = 'b=${4##*/}; case $b in *.deb) echo "${b%.deb} all 1.0" ;; *) exit 2 ;; esac'
DPKG_QUERY = """while read p; do echo "$p all 1.0 iU "; done <ROOT/unpacked
while read p; do echo "$p amd64 1.0 ii "; done <ROOT/configured""".replace("ROOT", ROOT)


class LauncherTest(LauncherCase):
    def setUp(self):
        super().setUp()
        self.program("real/dpkg", DPKG)
        self.program("real/dpkg-deb", DPKG_DEB)
        self.program("real/dpkg-query", DPKG_QUERY)
        for name in ("ends", "unpacked", "configured"):
            open(self.at(name), "w").close()

    def ends(self, *lines):
        with open(self.at("ends"), "w") as file:
            file.write("".join(line + "\n" for line in lines))

    def calls(self):
        return [line.rstrip("\t").split("\t") for line in read(self.at("calls")).splitlines()]

    def driver_calls(self):
        return [line.split("\t") for line in read(self.at("driver-log")).splitlines()]

    def unpack_rest(self, *archives):
        return UNPACK[:-2] + list(archives)

    # Who is started.

    def test_apts_call_goes_to_the_driver(self):
        self.driver("finished", "exit 0")
        self.assertEqual(self.run_launcher(*UNPACK), 0)
        self.assertEqual(self.driver_calls(), [UNPACK])
        self.assertEqual(self.calls(), [])

    def test_all_else_goes_to_dpkg_at_once(self):
        self.driver("finished", "exit 0")
        for args in (["--compare-versions", "1", "lt", "2"], ["-i", "x.deb"], [], ["--unpack", "x"],
                     ["--root=/m"] + UNPACK, ["--no-act"] + UNPACK):
            self.ends("exit 7")
            self.assertEqual(self.run_launcher(*args), 7)
        self.assertEqual(self.driver_calls(), [])
        self.assertEqual(len(self.calls()), 6)

    def test_surroundings_that_rule_the_driver_out(self):
        self.driver("finished", "exit 0")
        for env in ({"DPKG_MAINTSCRIPT_PACKAGE": "foo"}, {"DPKG_ROOT": "/m"},
                    {"DPKG_ADMINDIR": "/m"}, {"APTKEEP": "off"}, {"APTKEEP": "0"}):
            self.ends("exit 7")
            self.assertEqual(self.run_launcher(*UNPACK, env=env), 7, env)
        open(self.at("off"), "w").close()
        self.ends("exit 7")
        self.assertEqual(self.run_launcher(*UNPACK), 7)
        self.assertEqual(self.driver_calls(), [])

    def test_an_ordinary_user_gets_dpkg(self):
        self.driver("finished", "exit 0")
        os.chmod(self.dir, 0o755)
        for name in ("calls", "path"):
            open(self.at(name), "w").close()
        for folder, _, files in os.walk(ROOT):
            os.chown(folder, 65534, 65534)
            for name in files:
                os.chown(os.path.join(folder, name), 65534, 65534)
        self.ends("exit 7")
        os.chown(self.at("ends"), 65534, 65534)
        self.assertEqual(self.run_launcher(*UNPACK, user=65534, group=65534), 7, self.output)
        self.assertEqual(self.driver_calls(), [])

    def test_arguments_stay_as_they_are(self):
        self.run_launcher("--log", "a b", "", "-x", "$HOME")
        self.assertEqual(self.calls(), [["--log", "a b", "", "-x", "$HOME"]])

    def test_path_has_no_driver_in_it(self):
        self.run_launcher("--audit")
        self.assertEqual(read(self.at("path")), "/usr/sbin:/usr/bin:/sbin:/bin\n")
        self.run_launcher("--audit", env={"PATH": self.at("bin")})
        self.assertEqual(read(self.at("path")), "/usr/sbin:/usr/bin:/sbin:/bin\n")

    def test_exit_codes_and_signals_of_dpkg_alone(self):
        for end, code in (("exit 0", 0), ("exit 1", 1), ("exit 2", 2), ("kill -9 $$", -9)):
            self.ends(end)
            self.assertEqual(self.run_launcher("--audit"), code)

    # A driver that ends well.

    def test_the_drivers_end_is_ours(self):
        for line, code in (("exit 0", 0), ("exit 1", 1), ("exit 2", 2), ("signal 9", -9),
                           ("signal 15", -15), ("signal 2", -2), ("signal 11", -11)):
            self.driver("calling a.deb | b.deb", "run --unpack a.deb", "finished", line)
            self.assertEqual(self.run_launcher(*UNPACK), code)
            self.assertFalse(os.path.exists(self.at("run/driver-died")))
        self.assertEqual(self.calls(), [["--unpack", "a.deb"]] * 7)

    def test_output_and_descriptors_pass_through(self):
        self.driver("calling a.deb", "run --unpack a.deb", "finished", "exit 0")
        self.run_launcher(*UNPACK)
        self.assertEqual(self.output, "dpkg printed\n")

    # A driver that cannot be started or does nothing: the call as it came, once.

    def check_stock(self, what):
        self.ends("exit 3")
        before = len(self.calls())
        self.assertEqual(self.run_launcher(*UNPACK), 3, what)
        self.assertEqual(self.calls()[before:], [UNPACK], what)

    def test_no_driver(self):
        self.check_stock("missing")
        self.driver("finished", "exit 0")
        os.chmod(self.at("driver"), 0o644)
        self.check_stock("not executable")
        os.remove(self.at("driver"))
        os.mkdir(self.at("driver"))
        self.check_stock("a folder")
        os.rmdir(self.at("driver"))
        os.symlink("driver", self.at("driver"))
        self.check_stock("a loop")

    def test_driver_that_is_no_program(self):
        for content in (b"", b"\x7fELF broken", b"#!/nowhere/sh\n", b"text\n", os.urandom(5000)):
            if os.path.exists(self.at("driver")):
                os.remove(self.at("driver"))
            with open(self.at("driver"), "wb") as file:
                file.write(content)
            os.chmod(self.at("driver"), 0o755)
            self.check_stock(content[:10])

    def test_driver_that_crashes_at_start(self):
        for lines in (["signal 11"], ["signal 9"], ["signal 6"], ["exit 0"], ["exit 1"],
                      ["exit 125"], []):
            self.driver(*lines)
            self.check_stock(lines)

    def test_no_descriptors_for_the_record(self):
        self.driver("finished", "exit 0")
        os.remove(self.at("real/dpkg"))
        os.symlink(FAKE_DRIVER, self.at("real/dpkg"))  # a shell would need more descriptors
        limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))
        self.assertEqual(self.run_launcher(*UNPACK, preexec_fn=limit), 70, "not started as driver")
        self.assertEqual(self.driver_calls(), [])

    def test_no_dpkg(self):
        self.driver("exit 1")
        os.remove(self.at("real/dpkg"))
        for args in (["--audit"], UNPACK):
            self.assertEqual(self.run_launcher(*args), 127)
            self.assertEqual(self.output, "aptkeep: unable to run %s: %s\n"
                             % (self.at("real/dpkg"), os.strerror(errno.ENOENT)))

    # A driver that ends amid its work: what is left, and nothing twice.

    def test_killed_between_calls(self):
        self.driver("calling /a.deb /b.deb | /c.deb /d.deb", "run --unpack /a.deb /b.deb",
                    "signal 9")
        self.assertEqual(self.run_launcher(*UNPACK), 0)
        self.assertEqual(self.calls(), [["--unpack", "/a.deb", "/b.deb"],
                                        self.unpack_rest("/c.deb", "/d.deb")])
        self.assertIn("the driver was ended by signal 9", self.output)

    def test_killed_before_it_began_it_is_started_once_more(self):
        self.driver("once signal 9", "calling /a.deb", "run --unpack /a.deb", "finished", "exit 0")
        self.assertEqual(self.run_launcher(*UNPACK), 0)
        self.assertEqual(self.driver_calls(), [UNPACK, UNPACK])
        self.assertEqual(self.calls(), [["--unpack", "/a.deb"]])
        self.assertIn("ended by signal 9 before it began, and started once more", self.output)

    def test_crashing_twice_before_it_begins_it_is_given_up(self):
        self.driver("signal 11")
        self.assertEqual(self.run_launcher(*UNPACK), 0)
        self.assertEqual(self.driver_calls(), [UNPACK, UNPACK])
        self.assertEqual(self.calls(), [UNPACK])
        self.assertIn("the driver was ended by signal 11; dpkg goes on alone", self.output)

    def test_what_ends_by_itself_is_not_started_once_more(self):
        self.driver("exit 1")
        self.assertEqual(self.run_launcher(*UNPACK), 0)
        self.assertEqual(self.driver_calls(), [UNPACK])

    def test_crashed_before_its_first_call_began(self):
        self.driver("calling /a.deb /b.deb | /c.deb", "signal 9")
        self.assertEqual(self.run_launcher(*UNPACK), 0)
        self.assertEqual(self.calls(), [self.unpack_rest("/a.deb", "/b.deb", "/c.deb")])

    def test_crashed_after_its_last_call(self):
        for end, code in (("signal 11", 0), ("exit 0", 0), ("exit 1", 1)):
            open(self.at("calls"), "w").close()
            self.driver("calling /a.deb", "run --unpack /a.deb", end)
            self.assertEqual(self.run_launcher(*UNPACK), code)
            self.assertEqual(self.calls(), [["--unpack", "/a.deb"]])

    def test_killed_amid_a_call(self):
        open(self.at("slow"), "w").close()
        self.driver("calling /a.deb /b.deb | /c.deb", "run --unpack /a.deb /b.deb", "signal 9")
        process = self.start(*UNPACK)
        wait_until(lambda: os.path.exists(self.at("started")), "dpkg")
        driver = [pid for pid, name in children(process.pid) if name == "driver"][0]
        os.kill(driver, signal.SIGKILL)
        wait_until(lambda: (driver, "driver") not in children(process.pid), "the driver's end")
        self.assertEqual(len(self.calls()), 1, "the rest waits for the dpkg that still works")
        open(self.at("go"), "w").close()
        output = process.communicate()[0].decode()
        self.assertEqual(process.returncode, 0, output)
        self.assertEqual(self.calls(), [["--unpack", "/a.deb", "/b.deb"],
                                        self.unpack_rest("/c.deb")])
        self.assertEqual(output.count("dpkg printed"), 2)
        self.assertTrue(os.path.exists(self.at("run/driver-died")), "for the run's end")

    def test_killed_amid_a_call_that_fails(self):
        open(self.at("slow"), "w").close()
        self.ends("exit 1", "exit 1")
        self.driver("calling /a.deb | /b.deb", "run --unpack /a.deb", "signal 9")
        process = self.start(*UNPACK)
        wait_until(lambda: os.path.exists(self.at("started")), "dpkg")
        os.kill([pid for pid, name in children(process.pid) if name == "driver"][0], signal.SIGKILL)
        open(self.at("go"), "w").close()
        process.communicate()
        self.assertEqual(process.returncode, 1, "no failure is lost")
        self.assertEqual(self.calls()[1:], [self.unpack_rest("/a.deb", "/b.deb")])

    def test_killed_after_a_call_that_failed(self):
        self.ends("exit 1", "exit 1")
        self.driver("calling /a.deb | /b.deb", "run --unpack /a.deb", "signal 9")
        self.assertEqual(self.run_launcher(*UNPACK), 1)
        self.assertEqual(self.calls()[1:], [self.unpack_rest("/a.deb", "/b.deb")])

    def test_configure_pending_is_asked_again(self):
        self.driver("calling", "run --configure --pending", "signal 9")
        self.assertEqual(self.run_launcher(*CONFIGURE), 0)
        self.assertEqual(self.calls(), [["--configure", "--pending"], CONFIGURE])

    def test_a_failure_that_is_owed_is_told_though_dpkg_has_none(self):
        for end, code in (("exit 0", 1), ("exit 2", 2), ("kill -9 $$", -9)):
            self.driver("owe", "calling", "signal 9")
            self.ends(end)
            self.assertEqual(self.run_launcher(*CONFIGURE), code)
        self.assertEqual(self.calls(), 3 * [CONFIGURE])

    def test_a_failure_is_told_though_the_driver_could_not_say_that_it_is_done(self):
        for code in (1, 2):
            self.driver("calling", f"exit {code}")
            self.assertEqual(self.run_launcher(*CONFIGURE), 1)
        self.assertEqual(self.calls(), 2 * [CONFIGURE])

    def test_configure_by_name(self):
        names = ["--status-fd", "9", "--configure", "a", "b:amd64", "c"]
        with open(self.at("configured"), "w") as file:
            file.write("a\nb\n")
        with open(self.at("unpacked"), "w") as file:
            file.write("c\n")
        self.driver("calling", "signal 9")
        self.assertEqual(self.run_launcher(*names), 0)
        self.assertEqual(self.calls(), [names[:3] + ["c"]])

    def test_queries_that_fail_leave_everything_to_dpkg(self):
        for name in ("real/dpkg-query", "real/dpkg-deb"):
            os.remove(self.at(name))
        self.driver("calling /a.deb | /b.deb", "run --unpack /a.deb", "signal 9")
        self.assertEqual(self.run_launcher(*UNPACK), 0)
        self.assertEqual(self.calls()[1:], [self.unpack_rest("/a.deb", "/b.deb")])

    def test_more_archives_than_exec_takes(self):
        many = " ".join("/%s%d.deb" % ("x" * 200, i) for i in range(15000))
        self.driver("calling /a.deb | " + many, "signal 9")
        self.assertEqual(self.run_launcher(*UNPACK), 0)
        self.assertEqual(self.calls(), [UNPACK])

    # Signals.

    def test_term_goes_to_dpkg_through_the_driver(self):
        open(self.at("slow"), "w").close()
        self.driver("calling /a.deb | /b.deb", "run --unpack /a.deb", "finished", "signal 15")
        process = self.start(*UNPACK)
        wait_until(lambda: os.path.exists(self.at("started")), "dpkg")
        process.terminate()
        process.communicate()
        self.assertEqual(process.returncode, -15)
        self.assertEqual(len(self.calls()), 1)

    def test_term_between_calls_starts_nothing_more(self):
        self.driver("calling /a.deb | /b.deb", "run --unpack /a.deb",
                    "touch " + self.at("between"), "wait " + self.at("never"))
        process = self.start(*UNPACK)
        wait_until(lambda: os.path.exists(self.at("between")), "the call's end")
        process.terminate()
        process.communicate()
        self.assertEqual(process.returncode, -15)
        self.assertEqual(len(self.calls()), 1)

    def test_what_a_terminal_sends_to_all_ends_nobody(self):
        self.driver("calling /a.deb", "touch " + self.at("between"), "wait " + self.at("go"),
                    "run --unpack /a.deb", "finished", "exit 0")
        process = self.start(*UNPACK)
        wait_until(lambda: os.path.exists(self.at("between")), "the driver")
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            process.send_signal(number)
        open(self.at("go"), "w").close()
        process.communicate()
        self.assertEqual(process.returncode, 0)

    def test_killed_launcher_takes_the_driver_along(self):
        self.driver("calling /a.deb | /b.deb", "touch " + self.at("between"),
                    "wait " + self.at("never"))
        process = self.start(*UNPACK)
        wait_until(lambda: os.path.exists(self.at("between")), "the driver")
        driver = children(process.pid)[0][0]
        process.kill()
        process.communicate()
        wait_until(lambda: not alive(driver), "the driver's end")

    def test_dpkg_alone_gets_signals_as_they_were(self):
        self.program("real/dpkg", "grep -E 'SigIgn|SigBlk' /proc/self/status")
        self.run_launcher("--audit")
        plain = self.output
        self.driver("signal 9")
        self.run_launcher(*UNPACK)
        self.assertEqual(self.output.splitlines()[-2:], plain.splitlines())
        self.program("driver", "grep -E 'SigIgn|SigBlk' /proc/self/status >%s; exit 1"
                     % self.at("seen"))
        self.run_launcher(*UNPACK)
        self.assertEqual(read(self.at("seen")), plain)

    def test_dpkg_alone_gets_no_descriptor_of_ours(self):
        self.program("real/dpkg", "ls -l /proc/self/fd")
        self.driver("signal 9")
        self.run_launcher(*UNPACK)
        self.assertNotIn("memfd", self.output)

    def test_terminal_is_sane_after_a_killed_driver(self):
        tmux = Tmux(self.dir)
        self.addCleanup(tmux.close)
        open(self.at("slow"), "w").close()
        self.driver("calling /a.deb | /b.deb", "run --unpack /a.deb", "signal 9")
        tmux.type("export LAUNCHER_ROOT=%s; stty -g >before; %s %s; stty -g >after; touch over"
                  % (ROOT, self.at("bin/dpkg"), " ".join(UNPACK)))
        wait_until(lambda: os.path.exists(self.at("started")), "dpkg")
        shell = int(tmux.do("display-message", "-p", "-t", "t", "#{pane_pid}"))
        launcher = children(shell)[0][0]
        driver = [pid for pid, name in children(launcher) if name == "driver"][0]
        relay = [pid for pid, name in children(driver) if name == "aptkeep-relay"][0]
        for pid in (driver, relay):  # the relay cannot put the terminal back any more
            os.kill(pid, signal.SIGKILL)
        open(self.at("go"), "w").close()
        wait_until(lambda: os.path.exists(self.path("over")), "the end")
        self.assertEqual(read(self.path("before")), read(self.path("after")))
        self.assertNotEqual(read(self.path("before")), "")


if __name__ == "__main__":
    unittest.main()
