"""A throw-away Debian with systemd as process 1, over the same cached roots as bed.py's."""

import os
import pathlib
import secrets
import signal
import subprocess
import tempfile
import time

import bed as beds
import cache
import lifetime
import rootfs

# $1: folder to mount at, $2: lower folders, $3: its name, $4: a control group of its own, which its
# systemd takes for the root of all: two in one would end each other's services. The mounts are seen
# here only and go with the last process of this namespace. The system calls are those that a container
# engine inside needs.
SETUP = r"""
set -eu
at=$1 lower=$2
mount --make-rprivate /
mount -t tmpfs -o mode=755 booted "$at"
mkdir "$at/upper" "$at/work" "$at/root"
mount -t overlay -o "lowerdir=$lower,upperdir=$at/upper,workdir=$at/work" booted "$at/root"
rm -f "$at/root/usr/sbin/policy-rc.d"
mkdir "$4"
echo $$ > "$4/cgroup.procs"
# 133: it wants to boot again, and --keep-unit leaves that to whoever called.
code=133
while [ $code = 133 ]; do
  code=0
  setpriv --pdeathsig KILL systemd-nspawn --quiet --boot --directory="$at/root" --private-network \
    --register=no --keep-unit --machine="$3" --console=read-only \
    --system-call-filter="@keyring bpf" || code=$?
done
"""


def control_groups():
    """Where version 2 of them is: with version 1 beside it not at its usual place."""
    for line in pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        if line.split()[2] == "cgroup2":
            return line.split()[1]
    raise beds.BedError("unable to boot a test bed: there are no control groups of version 2")


def remove_group(group):
    """When its last process has gone, which takes a moment after it was killed."""
    for _ in range(200):
        for folder, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(folder)
            except OSError:
                pass
        if not os.path.exists(group):
            return
        time.sleep(0.05)


class Booted(beds.Bed):
    IS_UP = ["systemctl", "is-system-running"]
    # "degraded" is up, too: some unit has no hardware to work on.
    UP = ("running", "degraded")

    def __enter__(self):
        self.at = tempfile.mkdtemp(prefix="booted-", dir=cache.folder("mnt"))
        name = "aptkeep-" + secrets.token_hex(6)
        self.group = f"{control_groups()}/{name}"
        self.console = tempfile.TemporaryFile()
        # nspawn dies with its shell, that with this process, and the container with nspawn (all by
        # PR_SET_PDEATHSIG).
        self.process = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", SETUP, "booted", self.at, ":".join(self.lower), name,
             self.group],
            stdin=subprocess.DEVNULL, stdout=self.console, stderr=subprocess.STDOUT,
            env={**beds.ENVIRONMENT, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            start_new_session=True, preexec_fn=lifetime.killed_with_parent)
        try:
            self.wait_until_up()
        except BaseException:
            self.close()
            raise
        return self

    def wait_until_up(self):
        """Waits as long as boots ever take here, many at a time on a slow machine."""
        end = time.monotonic() + 300
        while time.monotonic() < end and self.process.poll() is None:
            self.pid = self.pid or self.leader()
            if self.pid and self.run(self.IS_UP).output.strip() in self.UP:
                return
            time.sleep(0.2)
        self.console.seek(0)
        raise beds.BedError("unable to boot a test bed:\n" +
                            self.console.read().decode(errors="replace"))

    def reboots(self, before):
        """Waits until it has booted again; `before`: its process 1 until then."""
        end = time.monotonic() + 120
        while time.monotonic() < end and self.leader() in (0, before):
            time.sleep(0.1)
        self.pid = 0
        self.wait_until_up()

    def leader(self):
        """The container's process 1: nspawn's grandchild, known by its number inside."""
        try:
            for nspawn in self.children(self.process.pid):
                for pid in self.children(nspawn):
                    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
                    [inside] = [line.split()[1:] for line in status.splitlines()
                                if line.startswith("NSpid:")]
                    if inside[-1] == "1" and len(inside) > 1:
                        return int(pid)
        except (FileNotFoundError, ProcessLookupError, ValueError):
            pass
        return 0

    @staticmethod
    def children(pid):
        return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()

    def close(self):
        if self.process:
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
            self.process = None
            self.pid = 0
            self.console.close()
            pathlib.Path(self.at).rmdir()
            remove_group(self.group)


class BootedBySysv(Booted):
    """With sysvinit as process 1."""
    IS_UP = ["runlevel"]
    UP = ("N 2",)


def fresh(suite, packages=(), layers=()):
    return Booted([*layers, rootfs.root(suite, packages)])
