#!/usr/bin/python3
"""apt on a terminal, in tmux: what is asked, typed and seen in maintainer scripts is as with stock
apt, with apt's own pseudo terminal (Dpkg::Use-Pty) and without."""

import os
import subprocess
import sys
import unittest

import frontend  # first: it says where the others are
import bed as beds

# The terminal of tests/process; what else is in there wants its probe's place.
os.environ.setdefault("PROBE", "")
sys.path.append(str(frontend.HERE.parent / "process"))
import common  # noqa: E402

NEEDS = ("tmux", "whiptail")
PTY = {"with apt's pseudo terminal": "", "without": "-o Dpkg::Use-Pty=false "}


class Tmux(common.Tmux):
    """In a bed, with a shell of it."""

    def __init__(self, bed, width=90, height=30):
        self.bed = bed
        settings = {**beds.ENVIRONMENT, "TERM": "screen", "PS1": "", "ENV": "",
                    "DEBIAN_FRONTEND": "dialog"}
        self.base = bed.command([*[f"{k}={v}" for k, v in settings.items()],
                                 "tmux", "-S", "/run/tmux", "-f", "/dev/null"])
        subprocess.run([*self.base, "new-session", "-d", "-x", str(width), "-y", str(height),
                        "-s", "t", "/bin/sh"], check=True)

    def see(self, text):
        frontend.wait_until(lambda: text in self.screen(),
                            lambda: f"{text!r} on the screen:\n{self.screen()}")

    def start(self, line):
        """Types a command line; its exit code can be had at its end, which must leave the
        terminal's settings as they were."""
        self.bed.must("rm -f /root/end /root/before /root/after")
        self.type(f"clear; stty -g >/root/before; {line}; echo $? >/root/code; stty -g >/root/after"
                  "; mv /root/code /root/end")

    def end(self):
        path = self.bed.path("/root/end")
        frontend.wait_until(path.exists, lambda: f"the end of the run:\n{self.screen()}")
        if self.bed.read("/root/before") != self.bed.read("/root/after"):
            raise AssertionError("the terminal's settings changed:\n" +
                                 self.bed.must("stty -a <$(tty)"))
        return int(self.bed.read("/root/end"))


class Questions(unittest.TestCase):
    """A chain, so that what asks comes one after the other; and one failure, so that the driver
    has to make several calls of apt's one."""

    PACKAGES = """
[installed]
ask bad ind1 1.0
conf 1.0
  Depends: ask
  conffile /etc/conf: from 1.0
size 1.0
  Depends: conf

[repository]
* 2.0
bad 2.0
  preinst upgrade: fail 3
ask 2.0
  postinst configure:
      . /usr/share/debconf/confmodule
      db_input high ask/name || true
      db_go
      db_get ask/name
      echo "$RET" >/root/answer
      db_stop
conf 2.0
  conffile /etc/conf: from 2.0
size 2.0
  postinst configure:
      trap 'stty size >>/root/sizes' WINCH
      stty size >>/root/sizes
      echo size-is-ready
      until test -e /root/stop; do sleep 0.1; done
"""
    TEMPLATES = """Template: ask/name
Type: string
Description: What is its name?
 A question that a maintainer script asks.
"""

    def upgrade(self, option, sizes):
        with frontend.world(self.PACKAGES, NEEDS) as world:
            asking = world.runner.known["ask"]
            asking.control_files = {"templates": self.TEMPLATES}
            world.runner.repositories.add([asking])
            world.runner.repositories.update()
            world.bed.write("/etc/conf", "edited\n")
            tmux = Tmux(world.bed)
            tmux.start(f"apt-get -y {option}upgrade")
            tmux.see("What is its name?")
            tmux.type("somebody")
            tmux.see("*** conf (Y/I/N/O/D/Z)")
            tmux.type("y")
            tmux.see("size-is-ready")
            for width, height, size in sizes:
                tmux.resize(width, height)
                self.sees_size(world.bed, size)
            world.bed.write("/root/stop", "")
            self.assertEqual(tmux.end(), 100)
            self.assertEqual(world.bed.read("/root/answer"), "somebody\n")
            world.play("""
[expect]
ii 1.0: bad
ii 2.0: ask conf size ind1
file /etc/conf: from 2.0
file /etc/conf.dpkg-old: edited
""")

    def sees_size(self, bed, size):
        frontend.wait_until(lambda: bed.read("/root/sizes").splitlines()[-1] == size,
                            lambda: f"{size} in:\n" + bed.read("/root/sizes"))

    def test_without_apts_terminal(self):
        self.upgrade("-o Dpkg::Use-Pty=false ", [(70, 20, "20 70"), (100, 40, "40 100")])

    def test_below_apts_terminal(self):
        # apt passes no new size on,
        self.upgrade("", [])

    def test_below_apts_terminal_with_its_progress_bar(self):
        # but the height, with room for the bar; stock apt does no more.
        self.upgrade("-o Dpkg::Progress-Fancy=true ", [(70, 20, "19 90"), (100, 40, "39 90")])


class Descriptors(unittest.TestCase):
    PACKAGES = """
[installed]
fds 1.0
  preinst *: fds preinst
  postinst *: fds postinst

[expect]
ii 1.0: fds
"""
    # Which descriptors are terminals, whether there is a terminal at all, and what debconf looks at.
    FDS = """#!/bin/sh
seen=$1
for fd in 0 1 2; do if test -t $fd; then seen="$seen $fd tty"; else seen="$seen $fd -"; fi; done
if (: </dev/tty) 2>/dev/null; then seen="$seen terminal"; else seen="$seen none"; fi
echo "$seen TERM=$TERM DEBIAN_HAS_FRONTEND=$DEBIAN_HAS_FRONTEND" >>/root/fds
"""
    WAYS = {
        "a terminal": "{}",
        "output to a pipe": "{} | cat",
        "all output to a pipe": "{} 2>&1 | cat",
        "output to a file": "{} >/root/out",
        "errors to a file": "{} 2>/root/out",
        "no input": "{} </dev/null",
        "no input, output to a file": "{} </dev/null >/root/out 2>&1",
        "typed into script(1)": "script -qec '{}' /root/out",
    }

    def seen(self, stock):
        with frontend.world("", NEEDS, stock=stock) as world:
            world.bed.write("/usr/bin/fds", self.FDS, 0o755)
            world.play(self.PACKAGES)
            tmux = Tmux(world.bed)
            found = {}
            for pty, option in PTY.items():
                command = f"apt-get -y {option}install --reinstall fds"
                for way, line in self.WAYS.items():
                    world.bed.must("rm -f /root/fds")
                    tmux.start(line.format(command))
                    self.assertEqual(tmux.end(), 0, f"{way}, {pty}\n{tmux.screen()}")
                    found[f"{way}, {pty}"] = world.bed.read("/root/fds").splitlines()
                world.bed.must("rm -f /root/fds")
                world.bed.must(command)
                found[f"no terminal, {pty}"] = world.bed.read("/root/fds").splitlines()
            if not stock:
                self.assertIn("fds", world.bed.must(["aptkeep", "runs"]))
            return found

    def test_scripts_see_a_terminal_where_they_do_with_stock_apt(self):
        stock = self.seen(stock=True)
        self.assertIn("preinst 0 tty 1 tty 2 tty terminal", "\n".join(stock["a terminal, without"]))
        self.assertIn("0 - 1 - 2 - none", "\n".join(stock["no terminal, without"]))
        self.maxDiff = None
        self.assertEqual(self.seen(stock=False), stock)


class Interrupt(unittest.TestCase):
    """Ctrl-C while a script runs. What is typed behind it tells the script to go on: so it does
    where nobody passes the interrupt on to it."""

    PACKAGES = """
[installed]
slow ind1 ind2 1.0
after 1.0
  Depends: slow

[repository]
* 2.0
slow 2.0
  {script}:
      touch /root/seen
      echo slow-is-ready
      read word </dev/tty
      echo "slow goes on: $word" >/root/seen
"""

    def interrupted(self, script, option, stock):
        with frontend.world(self.PACKAGES.format(script=script), NEEDS, stock=stock) as world:
            tmux = Tmux(world.bed)
            tmux.start(f"apt-get -y {option}upgrade")
            tmux.see("slow-is-ready")
            tmux.key("C-c")
            tmux.type("words")
            code = tmux.end()
            states = {name: world.states()[name] for name in ("slow", "after", "ind1", "ind2")}
            return code, states, "slow goes on: words" in world.bed.read("/root/seen")

    def both(self, script, option=""):
        return [self.interrupted(script, option, stock) for stock in (False, True)]

    def test_below_apts_terminal(self):
        # apt takes the interrupt and lets the script go on.
        for script in ("preinst upgrade", "postinst configure"):
            with self.subTest(script):
                ours, stock = self.both(script)
                self.assertEqual(ours, stock)
                self.assertTrue(stock[2])

    def test_postinst_without_apts_terminal(self):
        ours, stock = self.both("postinst configure", "-o Dpkg::Use-Pty=false ")
        self.assertEqual(ours, stock)
        self.assertEqual(stock[0], 100)
        self.assertEqual(stock[1]["slow"], ("iF", "2.0"))

    def test_preinst_without_apts_terminal(self):
        ours, stock = self.both("preinst upgrade", "-o Dpkg::Use-Pty=false ")
        self.assertEqual(ours[0], stock[0])
        # dpkg alone unpacks all the others before apt learns of the interrupt, and leaves them so.
        self.assertEqual(stock[1], {"slow": ("ii", "1.0"), "after": ("iU", "2.0"),
                                    "ind1": ("iU", "2.0"), "ind2": ("iU", "2.0")})
        self.assertEqual(set(ours[1].values()), {("ii", "1.0")})


if __name__ == "__main__":
    unittest.main()
