"""What the scripted tests of this folder share: places, waiting, and tmux."""

import os
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest

PROBE = os.environ["PROBE"]
SANITIZED = os.environ.get("SANITIZED", "0") == "1"


def wait_until(condition, what):
    """Waits for what is bound to come; the limit only ends a test that hangs."""
    end = time.monotonic() + 60
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited in vain for " + what)
        time.sleep(0.02)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def alive(pid):
    """Whether the process runs; a zombie does not."""
    state = read("/proc/%d/stat" % pid)
    return bool(state) and state.rsplit(")", 1)[1].split()[0] != "Z"


def children(pid):
    """(pid, name) of each child."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            state = read("/proc/%s/stat" % entry)
            if state and state.rsplit(")", 1)[1].split()[1] == str(pid):
                found.append((int(entry), state[state.index("(") + 1:state.rindex(")")]))
    return found


class Case(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="aptkeep-process-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def script(self, text, name="script"):
        path = self.path(name)
        with open(path, "w") as file:
            file.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)
        return path

    def result(self):
        """How the probed program ended, as (exit code, signal), and its last lines."""
        first, _, tail = read(self.path("result")).partition("\n")
        code, signal = first.split()
        return (int(code), int(signal)), tail


class Tmux:
    """A terminal of its own, with a shell in it."""

    def __init__(self, folder, width=90, height=30):
        self.base = ["tmux", "-S", os.path.join(folder, "tmux"), "-f", "/dev/null"]
        env = {k: v for k, v in os.environ.items() if k not in ("TMUX", "TMUX_PANE")}
        env.update(LC_ALL="C.UTF-8", PS1="", TERM="screen", ENV="", LANGUAGE="")
        subprocess.run(self.base + ["new-session", "-d", "-x", str(width), "-y", str(height),
                                    "-s", "t", "/bin/sh"], check=True, env=env, cwd=folder)

    def do(self, *words):
        return subprocess.run(self.base + list(words), check=True, stdout=subprocess.PIPE,
                              encoding="utf-8").stdout

    def type(self, text, enter=True):
        if text:
            self.do("send-keys", "-t", "t", "-l", text)
        if enter:
            self.do("send-keys", "-t", "t", "Enter")

    def key(self, name):
        self.do("send-keys", "-t", "t", name)

    def run(self, *words):
        self.type(" ".join(shlex.quote(word) for word in words))

    def screen(self):
        return self.do("capture-pane", "-p", "-t", "t")

    def see(self, text):
        wait_until(lambda: text in self.screen(), "%r on the screen:\n" % text + self.screen())

    def resize(self, width, height):
        self.do("resize-window", "-t", "t", "-x", str(width), "-y", str(height))

    def close(self):
        subprocess.run(self.base + ["kill-server"], check=False, stderr=subprocess.DEVNULL)
