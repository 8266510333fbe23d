"""Worlds with systemd, and packages whose units and scripts are written here.

By hand as tests/frontends/frontend.py: APTKEEP_STAGED=DIR or APTKEEP_DEBS=DIR, APTKEEP_SUITE=trixie.
"""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "frontends")]

import frontend  # noqa: E402  first: it says where the others are

import booted  # noqa: E402
import pkg  # noqa: E402
import repo  # noqa: E402

SOAK = bool(os.environ.get("APTKEEP_SOAK"))
NEEDS = ("systemd-sysv", "dbus", "init-system-helpers")
UPGRADE = "apt-get -q -y full-upgrade"


def only_in_a_soak(test):
    """A case that there is in a soak; else it is none, and so none that was skipped."""
    return test if SOAK else None


def service(command="sleep infinity", unit="", service_lines="", install="multi-user.target"):
    wanted = f"\n[Install]\nWantedBy={install}\n" if install else ""
    return (f"[Unit]\nDescription=made for a test\n{unit}\n[Service]\nExecStart={command}\n"
            f"{service_lines}\n{wanted}")


def socket(port, unit=""):
    return (f"[Unit]\nDescription=made for a test\n{unit}\n[Socket]\nListenStream=127.0.0.1:{port}\n"
            "\n[Install]\nWantedBy=sockets.target\n")


def package(name, version, units=None, **options):
    """units: {name: text}"""
    made = pkg.Package(name, version, **options)
    made.files.update({f"/usr/lib/systemd/system/{unit}": text
                       for unit, text in (units or {}).items()})
    return made


class Machine:
    """A booted system, with a repository that nothing is in yet."""

    kind = booted  # what boots it
    base = NEEDS   # packages

    def __init__(self, stock=False, needs=(), below=()):
        self.stock = stock
        self.needs = (*self.base, *needs)
        self.below = below  # layers to put over the root

    def __enter__(self):
        self.made = frontend.world("[expect] some", self.needs, self.stock, self.kind,
                                   self.below)
        self.bed = self.made.__enter__().bed
        if not self.stock:
            # Beds have a policy-rc.d of their own, which aptkeep's postinst has left in its place.
            self.bed.must("update-alternatives --quiet --install /usr/sbin/policy-rc.d policy-rc.d "
                          "/usr/lib/aptkeep/policy-rc.d 50")
        self.repository = repo.Repositories(self.bed, frontend.SUITE)
        return self

    def __exit__(self, *what):
        return self.made.__exit__(*what)

    def upgrade(self, **options):
        return self.bed.run(UPGRADE, **options)

    def start(self, *units, enable=True):
        if enable:
            self.bed.must(["systemctl", "enable", "-q", *units])
        self.bed.must(["systemctl", "start", *units])

    def states(self, *units):
        """unit -> ActiveState"""
        shown = self.bed.run(["systemctl", "show", "-P", "ActiveState", *units]).output.split()
        return dict(zip(units, shown))

    def starts(self, unit):
        """How often systemd has started it since it booted."""
        log = self.bed.must(["journalctl", "-q", "-o", "cat", "-u", unit])
        return sum(line.startswith("Started ") for line in log.splitlines())


class World(Machine):
    """With the packages `old`, and `new` in its repository."""

    def __init__(self, old, new, stock=False, needs=()):
        super().__init__(stock, needs)
        self.old, self.new = old, new

    def __enter__(self):
        super().__enter__()
        self.repository.replace(self.old)
        self.repository.update()
        self.bed.must(["apt-get", "-qqy", "install", *[p.name for p in self.old]])
        self.bed.must("systemctl daemon-reload")
        self.repository.replace(self.new)
        self.repository.update()
        return self
