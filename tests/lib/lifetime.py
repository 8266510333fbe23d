"""How processes of the tests end when the one that started them does, in whatever way it ended."""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


def killed_with_parent():
    """For subprocess's preexec_fn: the kernel kills the process when its parent dies."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def ended_with_parent():
    """For subprocess's preexec_fn: a process that tidies up on SIGTERM."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def end_tidily():
    """For main(): this process ends with its parent, and a SIGTERM lets `finally` do its work."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ended_with_parent()
