#!/usr/bin/python3
"""A throw-away Debian root: nothing done in it is left behind, however this process ends.

    bed.py SUITE [COMMAND...]        runs a command (a shell, if none) in a fresh bed

The root is an overlay over a cached one, in mount, process, network, host-name and IPC namespaces
of its own. Its first process dies with this one (PR_SET_PDEATHSIG and `unshare --kill-child`), the
kernel then kills all others in it and takes the mounts away, also after a SIGKILL.
"""

import os
import pathlib
import signal
import subprocess
import sys

import cache
import lifetime
import rootfs

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TERM": "dumb",
    "DEBIAN_FRONTEND": "noninteractive",
}

# Run in the new namespaces. $1: folder to mount at (the same for all: each bed sees only its own),
# $2: lower folders, $3: where the layer of changes lies ("": in memory), $4 and on: pairs of a
# machine's folder and where it is to be seen inside.
SETUP = r"""
set -eu
at=$1 lower=$2 changes=$3
shift 3
mount --make-rprivate /
mount -t tmpfs -o mode=755 bed "$at"
if [ -z "$changes" ]; then changes=$at; fi
mkdir -p "$changes/upper" "$changes/work" "$at/root"
mount -t overlay -o "lowerdir=$lower,upperdir=$changes/upper,workdir=$changes/work" bed "$at/root"
cd "$at/root"
while [ $# -gt 1 ]; do
  mkdir -p ".$2" && mount --bind "$1" ".$2"
  shift 2
done
mount -t proc proc proc
mount -t tmpfs -o mode=755 run run
mkdir -p run/lock && chmod 1777 run/lock
mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm && chmod 1777 dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  IFS=: read -r name major minor <<END
$node
END
  mknod -m 666 "dev/$name" c "$major" "$minor"
done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin && ln -s fd/1 dev/stdout && ln -s fd/2 dev/stderr
hostname bed
ip link set lo up 2>/dev/null || true
mkdir -p .host
pivot_root . .host
cd /
umount -l /.host
rmdir /.host
# Nobody waits for orphans here; an ignored SIGCHLD makes the kernel take them away.
trap '' CHLD
echo ready
exec sleep infinity <&- >/dev/null 2>&1
"""


class Result:
    def __init__(self, code, output):
        self.code = code
        self.output = output

    def __repr__(self):
        return f"exit {self.code}\n{self.output}"


class BedError(Exception):
    pass


class Bed:
    """`lower`: root folders, the uppermost first. `changes`: where to put what is written, for
    making a layer; in memory otherwise. `binds`: {machine's folder: where it is seen inside}.
    `network`: stay in the machine's network."""

    def __init__(self, lower, changes=None, binds=None, network=False):
        self.lower = [str(path) for path in lower]
        self.changes = str(changes) if changes else ""
        self.binds = binds or {}
        self.network = network
        self.process = None
        self.pid = 0

    def __enter__(self):
        command = ["unshare", "-m", "-p", "-u", "-i", "-f", "--kill-child=KILL"]
        if not self.network:
            command.append("-n")
        command += ["sh", "-c", SETUP, "bed", str(cache.folder("mnt")), ":".join(self.lower),
                    self.changes]
        command += [str(word) for pair in self.binds.items() for word in pair]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=lifetime.killed_with_parent)
        if self.process.stdout.readline() != b"ready\n":
            why = self.process.stderr.read().decode()
            self.close()
            raise BedError(f"unable to make a test bed: {why}")
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        self.pid = int(children.read_text(encoding="ascii").split()[0])
        # As on a system without an init: services are not to be started.
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        if self.network:
            self.write("/etc/resolv.conf", pathlib.Path("/etc/resolv.conf").read_bytes())
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process:
            # Its first process, so that unshare waits for its end: by then all is written.
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
            else:
                self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process.stderr.close()
            self.process = None
            self.pid = 0

    def path(self, inside):
        """The path by which this process reaches a file of the bed. An absolute symlink on the way
        would lead out: use it for plain paths only."""
        return pathlib.Path(f"/proc/{self.pid}/root{inside}")

    def write(self, inside, content, mode=0o644):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)

    def read(self, inside):
        return self.path(inside).read_text(encoding="utf-8", errors="replace")

    def command(self, argv):
        if isinstance(argv, str):
            argv = ["sh", "-c", argv]
        return ["nsenter", f"--target={self.pid}", "-m", "-p", "-u", "-i", "-n", "-r", "-w",
                "env", "-i", *argv]

    def run(self, argv, env=None, stdin=None, timeout=900):
        """Runs a command (a list, or a line for sh) in / and waits for it. Output and errors come
        in one stream. `stdin`: text; nothing to read otherwise."""
        settings = [f"{k}={v}" for k, v in {**ENVIRONMENT, **(env or {})}.items()]
        command = self.command(argv)
        at = command.index("env") + 2
        done = subprocess.run(
            command[:at] + settings + command[at:], timeout=timeout, check=False,
            input=None if stdin is None else stdin.encode(),
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return Result(done.returncode, done.stdout.decode(errors="replace"))

    def must(self, argv, **options):
        result = self.run(argv, **options)
        if result.code != 0:
            raise BedError(f"{argv} ended {result.code}\n{result.output}")
        return result.output


def fresh(suite, packages=(), layers=(), **options):
    """A bed over a root of `suite` with `packages`, and `layers` above that."""
    return Bed([*layers, rootfs.root(suite, packages)], **options)


def main():
    lifetime.end_tidily()
    with fresh(sys.argv[1]) as bed:
        argv = sys.argv[2:] or ["bash", "-i"]
        settings = [f"{k}={v}" for k, v in ENVIRONMENT.items()]
        command = bed.command(argv)
        at = command.index("env") + 2
        return subprocess.run(command[:at] + settings + command[at:], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
