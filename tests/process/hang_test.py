"""The watch for hangs: what is ended, what is only told, what is let alone. Limits are of a second
or two; where nothing is to happen, a test waits for longer than that, which can fail no slow
machine."""

import os
import signal
import subprocess
import time
import unittest

from common import PROBE, Case, Tmux, alive, read, wait_until

# As dpkg runs a script.
DPKG = """DPKG_MAINTSCRIPT_PACKAGE=foo DPKG_MAINTSCRIPT_ARCH=amd64 DPKG_MAINTSCRIPT_NAME=postinst \
  ./postinst configure
code=$?
echo "script ended $code"
exit $code"""
FOR_EVER = "mkfifo fifo\nread line <fifo"


class HangCase(Case):
    def environment(self, limit=1, **settings):
        settings.setdefault("PROBE_UNATTENDED", "yes")
        settings = {k: v for k, v in settings.items() if v}
        return dict(os.environ, PROBE_HANG_AFTER=str(limit), LC_ALL="C.UTF-8", **settings)

    def start(self, postinst, dpkg=DPKG, limit=1, arguments=(), program="", **settings):
        self.script(postinst, "postinst")
        return subprocess.Popen(
            [PROBE, "result", program or self.script(dpkg), *arguments], cwd=self.dir,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, env=self.environment(limit, **settings))

    def end_of(self, process):
        output = process.communicate()[0].decode()
        return process.returncode, output

    def told(self):
        return read(self.path("result.told"))

    def hung(self):
        return os.path.exists(self.path("result.hung"))


class EndedTest(HangCase):
    def test_a_script_that_waits_for_ever_is_ended(self):
        code, output = self.end_of(self.start(FOR_EVER))
        self.assertEqual((code, output), (143, "Terminated\nscript ended 143\n"),
                         "the shell's words; dpkg itself goes on")
        self.assertTrue(self.hung())
        self.assertEqual(read(self.path("result.hung")), self.told())
        self.assertRegex(self.told(), r"^foo:amd64's postinst has shown no sign of life for \d+ "
                         r"seconds: script\(\d+, waits for a child\) - foo\.postinst\(\d+, opens "
                         r"fifo\); it is ended\n$")

    def test_what_it_waits_for_is_told(self):
        self.start("mkfifo fifo; exec 3<>fifo; cat <&3 | sed s/x/y/").communicate()
        self.assertTrue(self.hung())
        self.assertRegex(self.told(), r"cat\(\d+, reads /\S*/fifo\)")
        self.assertRegex(self.told(), r"sed\(\d+, reads pipe:\[\d+\]\)")

    def test_the_script_goes_before_its_programs(self):
        # Else it would go on as if they had failed, and end well.
        code, _ = self.end_of(self.start("mkfifo fifo; cat fifo || true; touch went-on; exit 0"))
        self.assertEqual(code, 143)
        self.assertFalse(os.path.exists(self.path("went-on")))

    def test_what_ignores_the_signal_is_killed(self):
        code, output = self.end_of(self.start("trap '' TERM\n" + FOR_EVER))
        self.assertEqual((code, output), (137, "Killed\nscript ended 137\n"))
        self.assertTrue(self.hung())

    def test_what_a_script_started_goes_with_it(self):
        self.start("mkfifo fifo\n(trap '' TERM; exec sh -c 'echo $$ >stubborn; read x <fifo') &\n"
                   "setsid sh -c 'echo $$ >other-session; read x <fifo' &\nwait").communicate()
        self.assertTrue(self.hung())
        for name in ("stubborn", "other-session"):
            pid = int(read(self.path(name)))
            wait_until(lambda pid=pid: not alive(pid), name + "'s end")

    def test_the_next_script_is_watched_as_well(self):
        twice = DPKG.replace("exit $code", "rm fifo; DPKG_MAINTSCRIPT_PACKAGE=foo "
                             "DPKG_MAINTSCRIPT_NAME=postrm ./postinst\nexit $?")
        code, _ = self.end_of(self.start(FOR_EVER, twice))
        self.assertEqual(code, 143)
        lines = self.told().splitlines()
        self.assertEqual([line.split(" has ")[0] for line in lines],
                         ["foo:amd64's postinst", "foo's postrm"])

    def test_real_dpkg_says_that_the_script_was_ended(self):
        tree = self.path("tree/DEBIAN")
        os.makedirs(tree)
        with open(os.path.join(tree, "control"), "w") as file:
            file.write("Package: tst\nVersion: 1\nArchitecture: all\nMaintainer: nobody "
                       "<nobody@example.org>\nDescription: test\n")
        with open(os.path.join(tree, "postinst"), "w") as file:
            file.write("#!/bin/sh\ncd %s\n%s\n" % (self.dir, FOR_EVER))
        os.chmod(os.path.join(tree, "postinst"), 0o755)
        subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", self.path("tree"),
                        self.path("tst.deb")], check=True, stdout=subprocess.DEVNULL)
        root = self.path("root")
        for folder in ("info", "updates", "triggers"):
            os.makedirs(os.path.join(root, "var/lib/dpkg", folder))
        for name in ("status", "available"):
            open(os.path.join(root, "var/lib/dpkg", name), "w").close()
        process = self.start("", program="/usr/bin/dpkg", arguments=[
            "--root=" + root, "--force-script-chrootless", "--log=/dev/null", "-i",
            self.path("tst.deb")])
        code, output = self.end_of(process)
        self.assertEqual(code, 1)
        self.assertIn("post-installation script subprocess was killed by signal (Terminated)",
                      output)
        self.assertRegex(self.told(), r"^tst:all's postinst .*: dpkg\(\d+, waits for a child\) - "
                         r"tst\.postinst\(")
        state = subprocess.check_output(["dpkg-query", "--admindir=" + root + "/var/lib/dpkg",
                                         "-Wf", "${db:Status-Abbrev}", "tst"])
        self.assertEqual(state, b"iF ")


class LetAloneTest(HangCase):
    """Nothing is told and nothing ended."""

    def lives(self, process, output):
        self.assertEqual(self.end_of(process), (0, output + "script ended 0\n"))
        self.assertEqual((self.told(), self.hung()), ("", False))

    def test_what_burns_cpu(self):
        self.lives(self.start("/usr/bin/python3 -c 'import time\n"
                              "while time.process_time() < 3: pass'"), "")

    def test_what_prints(self):
        self.lives(self.start("/usr/bin/python3 -c 'import time\n"
                              "for i in range(40): print(i, flush=True); time.sleep(0.1)'",
                              limit=2), "".join("%d\n" % i for i in range(40)))

    def test_what_reads_and_writes(self):
        self.lives(self.start("/usr/bin/python3 -c 'import os, time\n"
                              "r, w = os.pipe()\n"
                              "for i in range(40): os.write(w, b\"x\"); os.read(r, 1); "
                              "time.sleep(0.1)'", limit=2), "")

    def test_what_starts_processes(self):
        self.lives(self.start("i=0; while [ $i -lt 20 ]; do sleep 0.2; i=$((i+1)); done",
                              limit=2), "")


class ToldTest(HangCase):
    def told_and_then_goes_on(self, why, **settings):
        process = self.start(FOR_EVER, **settings)
        line = wait_until(self.told, "what is told")
        self.assertIn("; not ended: " + why, line)
        time.sleep(2)  # for a second telling
        with open(self.path("fifo"), "w") as fifo:
            fifo.write("go on\n")
        self.assertEqual(self.end_of(process), (0, "script ended 0\n"))
        self.assertEqual(self.told(), line)
        self.assertFalse(self.hung())

    def test_somebody_may_be_there(self):
        self.told_and_then_goes_on("somebody may be there", PROBE_UNATTENDED="")

    def test_packages_that_are_never_ended(self):
        self.told_and_then_goes_on("foo:amd64 is never ended", PROBE_NEVER_END="foo")

    def test_dpkg_itself(self):
        process = self.start("", "mkfifo fifo; read x <fifo; echo over")
        line = wait_until(self.told, "what is told")
        self.assertRegex(line, r"^dpkg has shown .* no maintainer script runs\n$")
        with open(self.path("fifo"), "w") as fifo:
            fifo.write("go on\n")
        self.assertEqual(self.end_of(process), (0, "over\n"))

    def test_what_somebody_stopped(self):
        process = self.start("echo $$ >pid; kill -STOP $$; exit 0")
        self.assertIn("somebody stopped a process", wait_until(self.told, "what is told"))
        os.kill(int(read(self.path("pid"))), signal.SIGCONT)
        self.assertEqual(self.end_of(process), (0, "script ended 0\n"))

    def test_on_standard_error(self):
        code, output = self.end_of(self.start(FOR_EVER, PROBE_TELL="no"))
        self.assertEqual(code, 143)
        self.assertRegex(output, "(?m)^aptkeep: foo:amd64's postinst .* it is ended$")


class TerminalHangTest(HangCase):
    def setUp(self):
        super().setUp()
        self.tmux = Tmux(self.dir)
        self.addCleanup(self.tmux.close)

    def probe(self, postinst, more=""):
        self.script(postinst, "postinst")
        self.tmux.type("PROBE_HANG_AFTER=1 PROBE_UNATTENDED=yes %s %s result %s; touch over"
                       % (more, PROBE, self.script(DPKG)))

    def over(self):
        wait_until(lambda: os.path.exists(self.path("over")), "the end:\n" + self.tmux.screen())

    def question(self, postinst):
        self.probe(postinst)
        self.tmux.see("your answer")
        time.sleep(4)
        self.assertEqual((self.told(), self.hung()), ("", False))
        self.tmux.type("yes")
        self.over()
        self.assertEqual(self.result()[0], (0, 0))
        self.tmux.see("you said yes")
        self.assertFalse(self.hung())

    def test_an_answer_is_waited_for(self):
        self.question("echo your answer; read x; echo you said $x")

    def test_an_answer_is_waited_for_by_name(self):
        self.question("echo your answer; read x </dev/tty; echo you said $x")

    def test_an_answer_is_waited_for_with_select(self):
        self.question("echo your answer; exec /usr/bin/python3 -c 'import select\n"
                      "select.select([0], [], [])\nprint(\"you said\", input())'")

    def test_an_answer_is_waited_for_with_poll(self):
        self.question("echo your answer; exec /usr/bin/python3 -c 'import select\n"
                      "p = select.poll(); p.register(0, select.POLLIN); p.poll()\n"
                      "print(\"you said\", input())'")

    def test_an_answer_is_waited_for_with_epoll(self):
        self.question("echo your answer; exec /usr/bin/python3 -c 'import select\n"
                      "p = select.epoll(); p.register(0, select.EPOLLIN); p.poll()\n"
                      "print(\"you said\", input())'")

    def test_a_terminal_alone_is_no_question(self):
        self.probe(FOR_EVER, "PROBE_TELL=no")
        self.over()
        self.assertEqual(self.result()[0], (143, 0))
        self.assertTrue(self.hung())
        screen = self.tmux.screen()
        told = next(line for line in screen.splitlines() if "no sign of life" in line)
        self.assertTrue(told.startswith("aptkeep: foo:amd64's postinst"), screen)

    def test_what_lost_its_parent_on_the_terminal_goes_too(self):
        self.probe("mkfifo fifo\n(sh -c 'echo $$ >orphan; read x <fifo' &)\nread x <fifo")
        self.over()
        self.assertTrue(self.hung())
        pid = int(read(self.path("orphan")))
        wait_until(lambda: not alive(pid), "the orphan's end")


if __name__ == "__main__":
    unittest.main()
