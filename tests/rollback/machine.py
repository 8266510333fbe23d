"""A virtual machine with Debian's cloud kernel and an ext4 disk made of a bed's layers, whose power
can be cut: qemu ended by SIGKILL loses what the guest had not yet written to its disk.

No KVM, no network, no initrd (the kernel has ext4 and NVMe built in), no mount of the disk here.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import cache
import lifetime

SIZE = "1536M"
# What only takes time in a machine that boots for a few minutes.
MASKED = (
    "console-getty.service", "dev-hugepages.mount", "dev-mqueue.mount", "getty.target",
    "kmod-static-nodes.service", "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service", "systemd-firstboot.service", "systemd-journal-flush.service",
    "systemd-logind.service", "systemd-machine-id-commit.service", "systemd-modules-load.service",
    "systemd-pcrphase.service", "systemd-pcrphase-sysinit.service", "systemd-random-seed.service",
    "systemd-repart.service", "systemd-sysctl.service", "systemd-sysusers.service",
    "systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
    "systemd-user-sessions.service", "apt-daily.timer", "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer",
    "systemd-tmpfiles-clean.timer", "systemd-initctl.socket")
SERVICE = """[Unit]
Description=What the test does in the machine
After=basic.target {after}

[Service]
Type=oneshot
ExecStart=/bin/sh /root/boot
StandardInput=null
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
Environment=HOME=/root LC_ALL=C.UTF-8 TERM=dumb DEBIAN_FRONTEND=noninteractive
"""
# Only lower layers, so that nothing can be written to them.
MAKE_DISK = r"""
set -eu
mount --make-rprivate /
mount -t tmpfs tree "$1" && mkdir "$1/root"
mount -t overlay -o "ro,lowerdir=$2" tree "$1/root"
truncate -s "$3" "$4"
mke2fs -q -F -t ext4 -d "$1/root" "$4"
"""
# Far more than a boot takes here; a machine that says nothing for so long hangs.
HANG = 300
# qemu's emulation sometimes hangs before the kernel has said anything: its process 1, and so what is
# tested, has not begun then, and the disk is as it was. Longer than any start until that on a busy
# machine.
SILENCE, STARTS = 60, 3


def kernel():
    """The path of a kernel, from this machine's own apt sources, not installed here."""
    shown = subprocess.run(["apt-cache", "depends", "--important", "linux-image-cloud-amd64"],
                           check=True, capture_output=True, text=True).stdout
    package = re.search(r"Depends: (linux-image-\S+)", shown).group(1)

    def make(tmp):
        tmp.chmod(0o755)
        subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", package],
                       check=True, cwd=tmp, stdin=subprocess.DEVNULL)
        [deb] = tmp.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", deb, tmp / "files"], check=True)
        [image] = tmp.glob("files/boot/vmlinuz-*")
        image.rename(tmp / "vmlinuz")
        shutil.rmtree(tmp / "files")
        deb.unlink()

    return cache.build_once(cache.folder("kernels") / package, make) / "vmlinuz"


def _layer(folder, boot, after):
    """What is in the machine beyond the bed's layers. `boot`: a script, run at each boot."""
    units = folder / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True)
    for name in MASKED:
        (units / name).symlink_to("/dev/null")
    (units / "thirty.service").write_text(SERVICE.format(after=after), encoding="ascii")
    (units / "multi-user.target.wants/thirty.service").symlink_to("../thirty.service")
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    (folder / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
    (folder / "root").mkdir(mode=0o700)
    (folder / "root/boot").write_text(boot, encoding="ascii")
    (folder / "usr/sbin").mkdir(parents=True)
    os.mknod(folder / "usr/sbin/policy-rc.d", 0o600)  # a whiteout: beds have one
    for folder_ in (folder, folder / "etc", units, folder / "usr", folder / "usr/sbin"):
        folder_.chmod(0o755)


def disk(layers, boot, after=""):
    """A disk of these layers; never to be written to."""
    key = cache.digest(pathlib.Path(__file__).read_bytes(), boot, after, *layers)

    def make(tmp):
        (tmp / "layer").mkdir()
        _layer(tmp / "layer", boot, after)
        subprocess.run(
            ["unshare", "-m", "sh", "-c", MAKE_DISK, "disk", cache.folder("mnt"),
             ":".join(map(str, [tmp / "layer", *layers])), SIZE, tmp / "disk"], check=True,
            preexec_fn=lifetime.killed_with_parent)
        shutil.rmtree(tmp / "layer")

    folder = cache.folder("disks")
    for old in folder.iterdir():
        if old.name != key and old.stat().st_mtime < time.time() - 86400:
            shutil.rmtree(old, ignore_errors=True)
    path = cache.build_once(folder / key, make)
    os.utime(path)
    return path / "disk"


class MachineError(Exception):
    pass


class Machine:
    """A copy of a disk and what is done with it."""

    def __init__(self, original):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="machine-", dir=cache.folder("tmp")))
        self.disk = self.folder / "disk"
        self.console = self.folder / "console"
        self.qemu = None
        subprocess.run(["cp", "--sparse=always", original, self.disk], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, files):
        """path -> text, into the disk while the machine is off."""
        commands = ""
        for number, (path, text) in enumerate(files.items()):
            source = self.folder / f"file-{number}"
            source.write_text(text, encoding="utf-8")
            commands += f"rm {path}\nwrite {source} {path}\n"
        subprocess.run(["debugfs", "-w", "-f", "-", self.disk], input=commands, text=True,
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def boot(self, word):
        """`word`: on the kernel's command line, for the boot script."""
        for _ in range(STARTS):
            self.start(word)
            end = time.monotonic() + SILENCE
            while time.monotonic() < end:
                if self.said().strip() or self.qemu.poll() is not None:
                    return
                time.sleep(0.02)
            self.cut()
            print("the machine said nothing, and is started again", flush=True)
        raise MachineError(f"the machine says nothing in {STARTS} starts")

    def start(self, word):
        self.console.write_bytes(b"")
        self.qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "512",
             "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
             "-serial", f"file:{self.console}", "-kernel", kernel(),
             "-append", "root=/dev/nvme0n1 rw rootwait console=ttyS0 quiet panic=-1 "
                        "mitigations=off "
             "systemd.show_status=1 systemd.status_unit_format=name "
                        f"thirty={word}",
             # What the guest has written is in this machine's page cache, which outlives qemu.
             "-drive", f"file={self.disk},if=none,id=disk,format=raw,cache=writeback",
             "-device", "nvme,drive=disk,serial=1"],
            stdin=subprocess.DEVNULL, preexec_fn=lifetime.killed_with_parent)

    def said(self):
        return self.console.read_text(encoding="utf-8", errors="replace").replace("\r", "")

    def wait(self, ready):
        """Until `ready(what the machine has said)`, or its end, which is an error."""
        last, since = "", time.monotonic()
        while True:
            ended = self.qemu.poll() is not None
            text = self.said()
            if ready(text):
                return text
            if ended:
                raise MachineError(f"the machine has ended:\n{text}")
            if text != last:
                last, since = text, time.monotonic()
            elif time.monotonic() > since + HANG:
                raise MachineError(f"the machine hangs:\n{text}")
            time.sleep(0.02)

    def wait_for_end(self):
        """Until it has switched itself off."""
        self.wait(lambda text: self.qemu.poll() is not None)
        self.qemu = None
        return self.said()

    def cut(self):
        if self.qemu:
            self.qemu.kill()
            self.qemu.wait()
            self.qemu = None

    def check(self):
        """(whether the file system is sound, what e2fsck says)."""
        done = subprocess.run(["e2fsck", "-fn", self.disk], stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
        return done.returncode == 0, done.stdout

    def dump(self, folders):
        """A folder with a copy of these folders of the disk."""
        target = self.folder / "dump"
        commands = ""
        for folder in folders:
            (target / folder).parent.mkdir(parents=True, exist_ok=True)
            commands += f"rdump /{folder} {(target / folder).parent}\n"
        done = subprocess.run(["debugfs", "-f", "-", self.disk], input=commands, text=True,
                              check=True, capture_output=True)
        missing = [f for f in folders if not (target / f).is_dir()]
        if missing:
            raise MachineError(f"unable to read {missing} from the disk: {done.stderr}")
        return target
