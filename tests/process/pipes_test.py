"""run_process without a terminal: pipes, files, and what is left when somebody is killed."""

import os
import signal
import subprocess
import unittest

from common import PROBE, SANITIZED, Case, alive, children, read, wait_until

SLOWLY = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done"


class PipesTest(Case):
    def start(self, text, **others):
        others.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([PROBE, "result", self.script(text)], cwd=self.dir,
                                start_new_session=True, **others)

    def start_plain(self, text, **others):
        others.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen([self.script(text)], cwd=self.dir, start_new_session=True, **others)

    def relay_of(self, process):
        return [pid for pid, name in children(process.pid) if name == "aptkeep-relay"]

    def test_order_is_kept_on_one_pipe(self):
        text = "i=0; while [ $i -lt 2000 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"
        process = self.start(text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = process.communicate()[0].decode()
        self.assertEqual(output, "".join("out %d\nerr %d\n" % (i, i) for i in range(2000)))
        self.assertEqual(self.result()[1].splitlines()[-2:], ["out 1999", "err 1999"])

    def test_two_pipes_stay_apart(self):
        process = self.start("echo out; echo err >&2; seq 50000; seq 7 >&2",
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate()
        self.assertEqual(out.decode(), "out\n" + "".join("%d\n" % i for i in range(1, 50001)))
        self.assertEqual(err.decode(), "err\n1\n2\n3\n4\n5\n6\n7\n")

    def test_into_a_file(self):
        with open(self.path("out"), "w") as out:
            out.write("before\n")
            out.flush()
            self.start("echo one; echo two >&2; seq 30000", stdout=out,
                       stderr=subprocess.STDOUT).wait()
            out.write("after\n")
        lines = read(self.path("out")).splitlines()
        self.assertEqual(lines[:3] + lines[-2:], ["before", "one", "two", "30000", "after"])

    def test_input_passes_through(self):
        process = self.start("cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        data = os.urandom(300000)
        self.assertEqual(process.communicate(data)[0], data)

    def test_no_input(self):
        process = self.start("readlink /proc/$$/fd/0; cat; echo end", stdout=subprocess.PIPE)
        self.assertEqual(process.communicate()[0], b"/dev/null\nend\n")

    def test_a_closed_stdout_stays_closed(self):
        for start in ("/bin/echo x", PROBE + " result /bin/echo x"):
            process = subprocess.Popen(["/bin/sh", "-c", "exec %s >&-" % start], cwd=self.dir,
                                       stderr=subprocess.PIPE)
            self.assertIn(b"Bad file descriptor", process.communicate()[1])
            self.assertEqual(process.returncode, 1)

    def test_reader_that_goes_away_is_noticed_as_ever(self):
        ends = []
        for start in (self.start_plain, self.start):
            process = start("exec yes", stdout=subprocess.PIPE)
            process.stdout.readline()
            process.stdout.close()
            ends.append(process.wait())
        self.assertEqual(ends[0], -signal.SIGPIPE)
        self.assertEqual(self.result()[0], (-1, signal.SIGPIPE))

    # apt waits for the end of its own status pipe: nobody but dpkg may hold it.
    def test_frontends_descriptor_is_handed_on_and_given_back(self):
        ours, theirs = os.pipe()
        os.dup2(theirs, 9, inheritable=True)
        os.close(theirs)
        process = self.start("echo status >&9; (exec 9>&-; exec sleep 1000) & echo $! >left",
                             stdout=subprocess.PIPE, pass_fds=[9])
        os.close(9)
        with os.fdopen(ours) as reader:
            self.assertEqual(reader.read(), "status\n")
        self.assertEqual(process.wait(), 0)
        os.kill(int(read(self.path("left"))), signal.SIGKILL)
        process.stdout.close()

    def test_what_is_left_running_holds_nobody_and_is_heard(self):
        process = self.start("echo first; (until test -e go; do sleep 0.05; done; echo late) &"
                             " echo second", stdout=subprocess.PIPE)
        self.assertEqual(process.wait(), 0)
        self.assertEqual(self.result(), ((0, 0), "first\nsecond\n"))
        open(self.path("go"), "w").close()
        self.assertEqual(process.stdout.read(), b"first\nsecond\nlate\n")
        process.stdout.close()

    def test_endless_noise_from_what_is_left_holds_nobody(self):
        process = self.start("yes noise & echo $! >left; until test -s left; do :; done",
                             stdout=subprocess.DEVNULL)
        self.assertEqual(process.wait(), 0)
        os.kill(int(read(self.path("left"))), signal.SIGKILL)

    def test_killed_driver_stops_neither_program_nor_output(self):
        process = self.start(SLOWLY + "; touch ended", stdout=subprocess.PIPE)
        first = process.stdout.readline()
        process.kill()
        process.wait()
        rest = process.stdout.read()
        self.assertEqual(first + rest, "".join("line %d\n" % i for i in range(3000)).encode())
        self.assertTrue(os.path.exists(self.path("ended")))
        process.stdout.close()

    def test_killed_driver_leaves_no_relay(self):
        process = self.start("echo $$ >pid; echo up; until test -e go; do sleep 0.05; done",
                             stdout=subprocess.PIPE)
        process.stdout.readline()
        relay = self.relay_of(process)
        self.assertEqual(len(relay), 1)
        process.kill()
        process.wait()
        self.assertTrue(alive(int(read(self.path("pid")))))
        self.assertTrue(alive(relay[0]))
        open(self.path("go"), "w").close()
        wait_until(lambda: not alive(relay[0]), "the relay's end")
        process.stdout.close()

    def test_killed_relay_hangs_nobody(self):
        process = self.start("echo up; until test -e go; do sleep 0.05; done; exit 5",
                             stdout=subprocess.PIPE)
        process.stdout.readline()
        os.kill(self.relay_of(process)[0], signal.SIGKILL)
        open(self.path("go"), "w").close()
        self.assertEqual(process.wait(), 5)
        process.stdout.close()

    # As for apt: of those only SIGTERM is meant for dpkg, when it is sent to one process.
    def test_signals_to_the_driver(self):
        process = self.start("trap 'echo term; exit 3' TERM; trap 'echo other' INT HUP QUIT; "
                             "echo up; while :; do sleep 0.05; done", stdout=subprocess.PIPE)
        process.stdout.readline()
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM):
            os.kill(process.pid, number)
        self.assertEqual(process.wait(), 3)
        self.assertEqual(process.stdout.read(), b"term\n")
        process.stdout.close()

    # To the whole group, as from a terminal: the program decides, the relay stays.
    def test_signals_to_the_group(self):
        process = self.start("trap 'echo int' INT; trap 'echo term; exit 3' TERM; echo up; "
                             "while :; do sleep 0.05; done", stdout=subprocess.PIPE)
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        self.assertEqual(process.stdout.readline(), b"int\n")
        os.killpg(process.pid, signal.SIGTERM)
        self.assertEqual(process.wait(), 3)
        self.assertIn(b"term\n", process.stdout.read())
        process.stdout.close()

    def test_ignored_signals_stay_ignored(self):
        process = subprocess.Popen(
            ["/bin/sh", "-c", "trap '' HUP USR2; exec %s result %s"
             % (PROBE, self.script("grep SigIgn /proc/self/status"))],
            cwd=self.dir, stdout=subprocess.PIPE)
        seen = int(process.communicate()[0].split()[1], 16)
        self.assertEqual(seen, 1 << (signal.SIGHUP - 1) | 1 << (signal.SIGUSR2 - 1))

    def test_with_few_descriptors_it_runs_or_says_why_not(self):
        ends = []
        # The sanitizer for undefined behaviour needs two of its own to look at an object's type.
        for limit in range(5 if SANITIZED else 3, 16):
            process = subprocess.Popen([PROBE, "/dev/stderr", "/bin/echo", "hello"],
                                       env=dict(os.environ, PROBE_DESCRIPTORS=str(limit)),
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            out, err = process.communicate()
            if limit < 5:  # two are needed for the pipe that tells of a failed exec
                self.assertEqual((process.returncode, out), (99, b""))
                self.assertEqual(err, b"error\nunable to run /bin/echo: Too many open files\n")
            else:
                self.assertEqual((process.returncode, out), (0, b"hello\n"), err)
                ends.append(err.endswith(b"hello\n"))
        # From some number on it runs, from some larger one on with the last lines.
        self.assertEqual(ends, sorted(ends))
        self.assertEqual(set(ends), {False, True})


if __name__ == "__main__":
    unittest.main()
