"""Postfix in a booted Debian, mail that never stops coming in, and a look at its processes all the
while."""

import re
import time

import units  # first: it says where the others are
import crossing
import frontend

DAEMONS = "/usr/lib/postfix/sbin"
SPOOL = "/var/spool/postfix"
MAILBOX = "/var/mail/reader"
PRESEED = ("postfix postfix/main_mailer_type select Local only\n"
           "postfix postfix/mailname string bed.example\n")
NEEDS = ("python3",)
# Those that run as long as postfix does, and those that come and go with the mails.
LASTING = ("master", "qmgr")
PASSING = ("smtpd", "cleanup")

# A mail after the other; a line for each that was accepted (its number, when), and at the end how
# many were not.
SENDER = """#!/usr/bin/python3
import os, smtplib, time
number, refused = 0, 0
with open("/root/accepted", "w", encoding="ascii", buffering=1) as accepted:
    while not os.path.exists("/root/enough"):
        number += 1
        text = f"Subject: {number}\\r\\nX-Number: {number}\\r\\n\\r\\n" + "text\\r\\n" * (number % 50)
        try:
            with smtplib.SMTP("127.0.0.1", 25, local_hostname="bed", timeout=60) as one:
                one.sendmail("sender@localhost", ["reader@localhost"], text)
                accepted.write(f"{number} {time.time():.3f}\\n")
        except (OSError, smtplib.SMTPException):
            refused += 1
        time.sleep(0.04)
with open("/root/refused", "w", encoding="ascii") as file:
    file.write(str(refused))
"""

# A line whenever this changes: the time, whether port 25 is open, and of which inode, the one from
# the beginning or another, which of postfix's daemons run.
WATCH = """#!/usr/bin/python3
import os, time
FOLDER = "/usr/lib/postfix/sbin/"
def inode(path):
    found = os.stat(path)
    return found.st_dev, found.st_ino
old = {name: inode(FOLDER + name) for name in os.listdir(FOLDER)}
def is_open():
    with open("/proc/net/tcp", encoding="ascii") as file:
        return any(l.split()[1].endswith(":0019") and l.split()[3] == "0A" for l in file)
def running():
    found = set()
    for pid in os.listdir("/proc"):
        if not pid.isdigit():
            continue
        try:
            path = os.readlink(f"/proc/{pid}/exe")
            if not path.startswith(FOLDER):
                continue
            name = path[len(FOLDER):].split(" ")[0].split(".dpkg-")[0]
            age = "old" if inode(f"/proc/{pid}/exe") == old.get(name) else "new"
        except OSError:
            continue  # it has ended
        found.add(f"{name}:{age}")
    return found
last = None
with open("/root/watched", "w", encoding="ascii", buffering=1) as log:
    while True:
        now = ("open" if is_open() else "closed", *sorted(running()))
        if now != last:
            log.write(" ".join((f"{time.time():.3f}", *now)) + "\\n")
        last = now
        time.sleep(0.005)
"""

# In the scripts of packages that have nothing to do with postfix: whether it is up meanwhile.
SEE = """grep -q ':0019 .* 0A ' /proc/net/tcp && state=open || state=closed
echo "{name} {script} $state" >> /root/others
sleep 0.05"""


def others(count, version):
    made = []
    for number in range(count):
        name = f"other{number:03}"
        scripts = {script: {"*": SEE.format(name=name, script=script)}
                   for script in ("preinst", "postinst")} if version != "1.0" else {}
        made.append(units.package(name, version, scripts=scripts))
    return made


def failing(version):
    scripts = {"preinst": {"upgrade": "exit 1"}} if version != "1.0" else {}
    return units.package("broken", version, scripts=scripts)


class Watched:
    """What was seen of the processes, from first to last."""

    def __init__(self, text):
        self.lines = []  # (time, is port 25 open, {"smtpd:old", ...})
        for line in text.splitlines():
            when, state, *names = line.split()
            self.lines.append((float(when), state == "open", set(names)))

    def closed(self):
        """[seconds] of each time that port 25 was closed"""
        found, since = [], None
        for when, is_open, _ in self.lines:
            if not is_open and since is None:
                since = when
            elif is_open and since is not None:
                found.append(when - since)
                since = None
        return found + ([float("inf")] if since is not None else [])

    def ends_with_old(self):
        """Whether its master was the old version's to the last."""
        return "master:old" in self.lines[-1][2]

    def mixed(self):
        """How many seconds a lasting process of the old version was seen beside a passing one of
        the new, and which."""
        seconds, seen = 0.0, set()
        for (when, _, names), (end, _, _) in zip(self.lines, self.lines[1:] + self.lines[-1:]):
            old = {f"{n}:old" for n in LASTING} & names
            new = {f"{n}:new" for n in PASSING} & names
            if old and new:
                seconds += end - when
                seen |= old | new
        return seconds, sorted(seen)


class Mail(units.Machine):
    """With the old version of a crossing at work, and what it is upgraded to on offer. `others`: how
    many packages besides; `fails`: one more, whose preinst does."""

    def __init__(self, step, stock=False, count=0, fails=False):
        super().__init__(stock, NEEDS, (step.layer,))
        self.step, self.count, self.fails = step, count, fails
        self.unit = "postfix@-.service"
        self.acted = 0.0  # when somebody who looks into it has seen to what is wrong

    def __enter__(self):
        super().__enter__()
        bed = self.bed
        # Copied, so that their inodes are the layer's above from now on.
        bed.must(f"""useradd -m reader
for file in {DAEMONS}/*; do cp -p $file $file.x && mv $file.x $file; done
postconf -e max_use=5 service_throttle_time=5s mailbox_command= smtpd_client_connection_rate_limit=0 'mynetworks=127.0.0.0/8'
systemctl restart postfix""")
        self.wait_until_open()
        old = others(self.count, "1.0") + ([failing("1.0")] if self.fails else [])
        if old:
            self.repository.replace(old, "third-party")
            self.repository.update()
            bed.must(["apt-get", "-qqy", "install", *[p.name for p in old]])
            new = others(self.count, "2.0") + ([failing("2.0")] if self.fails else [])
            self.repository.replace(new, "third-party")
        self.offer(self.step.debs)
        bed.write("/root/send", SENDER, 0o755)
        bed.write("/root/watch", WATCH, 0o755)
        return self

    def offer(self, debs):
        self.repository.write_raw("main", *crossing.index(debs))
        self.repository.update()

    def is_open(self):
        return self.bed.run("grep -q ':0019 .* 0A ' /proc/net/tcp").code == 0

    def wait_until_open(self):
        frontend.wait_until(self.is_open, "port 25", 60)

    def begin(self):
        """Mails come in from now on, and processes are watched."""
        self.bed.must("systemd-run -q --unit=watch /root/watch; "
                      "systemd-run -q --unit=send /root/send")
        frontend.wait_until(lambda: len(self.accepted()) > 20, "mails", 60)

    def accepted(self):
        return self.bed.run("cat /root/accepted").output.split()[::2]

    def deaf(self, until):
        """How many seconds until then nothing was accepted; pauses of a second at most do not
        count."""
        times = [float(when) for when in self.bed.read("/root/accepted").split()[1::2]]
        times = [when for when in times if when <= until] + [until]
        return sum(b - a for a, b in zip(times, times[1:]) if b - a > 1)

    def stops(self):
        """How often systemd has stopped it."""
        log = self.bed.must(["journalctl", "-q", "-o", "cat", "-u", self.unit])
        return sum(line.startswith("Stopped ") for line in log.splitlines())

    def end_held(self):
        """As end(), with mails on hold."""
        self.bed.must("postsuper -H ALL")
        return self.end()

    def end(self):
        """No more mails; those that were accepted are delivered. Returns what was seen."""
        if self.stock:
            # What master could not start while a library was away it tries again by and by.
            time.sleep(12)
        self.acted = time.time()
        self.bed.must(["systemctl", "stop", "watch"])
        watched = Watched(self.bed.read("/root/watched"))
        if self.stock:
            # Where old processes work beside new ones a person acts. On the way to 13 a restart does
            # not do: postfix.service and postfix@-.service exclude each other by then.
            self.bed.must("systemctl daemon-reload; systemctl stop postfix 'postfix@*'; "
                          "systemctl start postfix")
        so_far = len(self.accepted())
        frontend.wait_until(lambda: len(self.accepted()) > so_far + 20, "mails afterwards", 60)
        self.bed.write("/root/enough", "")
        frontend.wait_until(self.bed.path("/root/refused").exists, "the last mail", 90)
        self.drain()
        return watched

    def drain(self):
        def is_empty():
            return "queue is empty" in self.bed.run("postqueue -f; postqueue -p").output

        frontend.wait_until(is_empty, lambda: self.bed.run("postqueue -p").output, 120)

    def delivered(self):
        return re.findall(r"^X-Number: (\d+)$", self.bed.run(f"cat {MAILBOX}").output, re.M)

    def lost(self):
        return sorted(set(self.accepted()) - set(self.delivered()), key=int)

    def twice(self):
        numbers = self.delivered()
        return len(numbers) - len(set(numbers))

    def seen_by_others(self):
        """{"open", "closed"}: how port 25 was while scripts of other packages ran"""
        text = self.bed.run("cat /root/others").output
        return {line.split()[2] for line in text.splitlines()}

    def complaints(self):
        """What postfix's processes say of each other's words."""
        log = self.bed.must("journalctl -q -o cat -t postfix/qmgr -t postfix/smtpd "
                            "-t postfix/cleanup -t postfix/local -t postfix/pickup -t "
                            "postfix/error -t postfix/bounce -t postfix/master")
        return [line for line in log.splitlines() if re.search("unexpected attribute|malformed|"
                                                               "missing attribute|fatal:", line)]

    def hold(self, count):
        """So many mails that postfix has accepted, and does not deliver."""
        self.bed.must("postconf -e defer_transports=local && postfix reload")
        for number in range(count):
            self.bed.must("/usr/sbin/sendmail -f sender@localhost reader@localhost",
                          stdin=f"Subject: held\nX-Number: {900000 + number}\n\ntext\n")
        frontend.wait_until(lambda: len(self.files("deferred")) == count, "deferred mails", 60)
        self.bed.must("postsuper -h ALL; postconf -X defer_transports && postfix reload")

    def files(self, queue):
        return self.bed.must(f"find {SPOOL}/{queue} -type f").split()

    def version(self, package="postfix"):
        return self.bed.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}",
                             package]).output
