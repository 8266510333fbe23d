"""run_process on a terminal, in tmux: what the program sees, and what is left afterwards."""

import os
import signal
import unittest

from common import PROBE, Case, Tmux, alive, children, read, wait_until

# Says in the file `seen` which of 0, 1 and 2 are terminals.
WHICH = """for fd in 0 1 2; do
  what=other; test -t $fd && what=terminal; echo "$fd $what" >>seen
done"""


class TerminalTest(Case):
    def setUp(self):
        super().setUp()
        self.tmux = Tmux(self.dir)
        self.addCleanup(self.tmux.close)

    def probe(self, text, redirections="", before=""):
        """Types a command line that runs `text` and then makes the file `over`."""
        self.tmux.type("%s stty -g >before; %s result %s %s; stty -g >after; touch over"
                       % (before, PROBE, self.script(text), redirections))

    def over(self):
        wait_until(lambda: os.path.exists(self.path("over")), "the end:\n" + self.tmux.screen())
        self.assertNotEqual(read(self.path("before")), "")
        self.assertEqual(read(self.path("before")), read(self.path("after")), "the terminal")

    def test_it_is_a_terminal_everywhere(self):
        self.probe(WHICH + "\n: </dev/tty && echo has one; ps -o sid= -p $$ | tr -d ' '; echo $$")
        self.over()
        self.assertEqual(read(self.path("seen")), "0 terminal\n1 terminal\n2 terminal\n")
        end, tail = self.result()
        self.assertEqual(end, (0, 0))
        has, session, pid = tail.splitlines()
        self.assertEqual(has, "has one")
        self.assertEqual(session, pid, "it leads its session, as below apt")
        self.tmux.see("has one")

    def which(self, redirections, expected):
        self.probe(WHICH, redirections)
        self.over()
        self.assertEqual(read(self.path("seen")).split("\n")[:3], expected)

    def test_output_to_a_file(self):
        self.which(">out", ["0 terminal", "1 other", "2 terminal"])

    def test_errors_to_a_file(self):
        self.which("2>out", ["0 terminal", "1 terminal", "2 other"])

    def test_all_output_to_a_file(self):
        self.which(">out 2>&1", ["0 terminal", "1 other", "2 other"])

    def test_no_input(self):
        self.which("</dev/null", ["0 other", "1 terminal", "2 terminal"])

    def test_streams_go_where_they_were_sent(self):
        self.probe("echo to-1; echo to-2 >&2", ">out")
        self.over()
        self.assertEqual(read(self.path("out")), "to-1\n")
        self.assertIn("to-2", self.tmux.screen())
        self.assertEqual(sorted(self.result()[1].split()), ["to-1", "to-2"])

    def test_size_follows(self):
        self.probe("trap 'stty size' WINCH; stty size; until test -e stop; do sleep 0.1; done")
        self.tmux.see("30 90")
        self.tmux.resize(70, 20)
        self.tmux.see("20 70")
        self.tmux.resize(100, 40)
        self.tmux.see("40 100")
        open(self.path("stop"), "w").close()
        self.over()

    def test_typed_input_arrives(self):
        self.probe("echo ready; read a; read b </dev/tty; echo \"<$a> <$b>\"")
        self.tmux.see("ready")
        self.tmux.type("some words")
        self.tmux.type("and more")
        self.over()
        self.assertIn("<some words> <and more>", self.result()[1])

    def test_typed_input_arrives_with_another_stdin(self):
        self.probe("echo ready; read a </dev/tty; echo \"<$a>\"", "</dev/null")
        self.tmux.see("ready")
        self.tmux.type("words")
        self.over()
        self.assertIn("<words>", self.result()[1])

    def test_a_lot_of_input_that_nobody_reads_blocks_nothing(self):
        self.probe("stty -icanon -echo; echo ready; until test -e stop; do sleep 0.1; done; "
                   "seq 20000; stty icanon")
        self.tmux.see("ready")
        for _ in range(20):
            self.tmux.type("x" * 1000, enter=False)
        open(self.path("stop"), "w").close()
        self.over()
        self.assertEqual(self.result()[1].splitlines()[-1], "20000")

    def test_end_of_input(self):
        self.probe("echo ready; cat; echo \"cat ended\"")
        self.tmux.see("ready")
        self.tmux.key("C-d")
        self.over()
        self.assertIn("cat ended", self.result()[1])

    def test_interrupt_reaches_it(self):
        self.probe("trap 'echo interrupted; exit 4' INT; echo ready; while :; do sleep 0.1; done")
        self.tmux.see("ready")
        self.tmux.key("C-c")
        self.over()
        self.assertEqual(self.result()[0], (4, 0))
        self.assertIn("interrupted", self.result()[1])

    def test_interrupt_ends_it(self):
        self.probe("echo ready; exec sleep 100")
        self.tmux.see("ready")
        self.tmux.key("C-c")
        self.over()
        self.assertEqual(self.result()[0], (-1, signal.SIGINT))

    def test_quit_ends_it(self):
        self.probe("ulimit -c 0; echo ready; exec sleep 100", "</dev/null")
        self.tmux.see("ready")
        self.tmux.key("C-\\")
        self.over()
        self.assertEqual(self.result()[0], (-1, signal.SIGQUIT))

    def test_dialog(self):
        self.probe("whiptail --yesno 'Shall it be?' 10 40; echo \"answer $?\"; "
                   "whiptail --inputbox 'Name?' 10 40 2>name")
        self.tmux.see("Shall it be?")
        self.tmux.resize(70, 25)
        self.tmux.key("Right")
        self.tmux.key("Enter")
        self.tmux.see("Name?")
        self.tmux.type("somebody")
        self.over()
        self.assertEqual(read(self.path("name")), "somebody")
        self.assertIn("answer 1", self.result()[1])
        self.assertIn("Shall it be?", self.result()[1])

    def test_terminal_is_sane_after_a_crash(self):
        self.probe("stty raw -echo; kill -9 $$")
        self.over()
        self.assertEqual(self.result()[0], (-1, signal.SIGKILL))

    def test_terminal_settings_are_handed_on(self):
        self.probe("stty -g >inner", before="stty -echo erase ^H intr ^G;")
        self.over()
        self.assertEqual(read(self.path("inner")), read(self.path("before")))

    def test_killed_driver_leaves_program_and_terminal_alone(self):
        script = self.script("echo $$ >pid; echo ready; until test -e stop; do sleep 0.1; done; "
                             "read a; echo \"<$a>\"; touch ended; seq 100 105")
        # A shell in the launcher's place: it lives on, in the foreground.
        self.tmux.type("stty -g >before; sh -c '%s result %s; until test -e go; do sleep 0.1; done'"
                       "; stty -g >after; touch over" % (PROBE, script))
        self.tmux.see("ready")
        shell = int(self.tmux.do("display-message", "-p", "-t", "t", "#{pane_pid}"))
        launcher = children(shell)[0][0]
        probe = children(launcher)[0][0]
        relay = [pid for pid, name in children(probe) if name == "aptkeep-relay"]
        self.assertEqual(len(relay), 1)
        os.kill(probe, signal.SIGKILL)
        wait_until(lambda: not alive(probe), "the end of the probe")
        open(self.path("stop"), "w").close()
        self.tmux.type("typed")
        self.tmux.see("<typed>")
        self.tmux.see("105")
        wait_until(lambda: os.path.exists(self.path("ended")), "the program's end")
        wait_until(lambda: not alive(relay[0]), "the relay's end")
        open(self.path("go"), "w").close()
        self.over()

    def test_vanished_terminal_hangs_up(self):
        self.probe("trap 'touch hung-up; exit' HUP; echo $$ >pid; echo ready; "
                   "while :; do sleep 0.1; done")
        self.tmux.see("ready")
        self.tmux.close()
        wait_until(lambda: os.path.exists(self.path("hung-up")), "the hang-up")
        wait_until(lambda: not alive(int(read(self.path("pid")))), "the end")

    def test_something_left_running_does_not_hold_us(self):
        left = self.script("trap '' HUP; touch up; until test -e stop; do sleep 0.1; done; "
                           "touch late", "left")
        self.probe("%s & until test -e up; do sleep 0.1; done; echo done" % left)
        self.over()
        self.assertEqual(self.result(), ((0, 0), "done\n"))
        open(self.path("stop"), "w").close()
        wait_until(lambda: os.path.exists(self.path("late")), "what was left running")

    def test_without_pseudo_terminals_it_gets_ours(self):
        self.tmux.type("unshare -m sh -c 'mount -t tmpfs none /dev/pts && exec sh'")
        self.tmux.type("PS1=; test ! -e /dev/pts/0 && echo none-left")
        self.tmux.see("none-left")
        self.probe(WHICH + "\nstty size >size")
        self.over()
        self.assertEqual(read(self.path("seen")), "0 terminal\n1 terminal\n2 terminal\n")
        self.assertEqual(read(self.path("size")), "30 90\n")
        self.assertEqual(self.result(), ((0, 0), ""))

    def test_without_free_descriptors_it_gets_ours(self):
        self.tmux.type("stty -g >before; PROBE_DESCRIPTORS=5 %s result /bin/stty size; "
                       "stty -g >after; touch over" % PROBE)
        self.over()
        self.assertIn("30 90", self.tmux.screen())
        self.assertEqual(self.result(), ((0, 0), ""))


if __name__ == "__main__":
    unittest.main()
