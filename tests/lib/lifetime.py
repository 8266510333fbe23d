"""How processes of the tests end when the one that started them does, in whatever way it ended."""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None).prctl


def killed_with_parent():
    """For subprocess's preexec_fn: the kernel kills the process when its parent dies."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _end(*_):
    # Tidying up is not to be interrupted: the parent's death, say, follows its own SIGTERM.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(143)


def end_tidily():
    """For main(): this process ends with its parent, and a signal lets `finally` do its work."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
