#!/usr/bin/python3
"""An upgrade of thirty packages, three of which fail, is cut off by a power cut: a virtual machine
is ended at a random moment and booted again. Then its system is whole without a person's help. 1
cut by a seed (APTKEEP_SEED), 25 with APTKEEP_SOAK=1.

    power_cut_test.py [--round N] [--suite S] [--debs DIR | --staged DIR] [-v]
"""

import os
import random
import re
import sys
import time

import thirty  # first: it tells where the others are

import machine
import rounds

ROUNDS = 25 if os.environ.get("APTKEEP_SOAK") == "1" else 1
RESUME = "aptkeep-resume.service"
# As a root has them beyond those of a bed.
NEEDS = ("systemd-sysv",)
# A package that goes through makes three or four such lines; there are more where some go back.
STEP = re.compile(r"^(Preparing|Unpacking|Setting up|Installing|Processing) ", re.M)
STEPS = 130
READ = ("etc", "usr/lib/aptkeep", "usr/share", "var", "root")

BOOT = f"""say() {{ echo; echo "thirty: $*"; }}
case $(cat /proc/cmdline) in
*thirty=upgrade*)
  say upgrade begins
  {' '.join(thirty.UPGRADE)}
  say upgrade ended $?
  exec sleep infinity
  ;;
esac
say resume $(systemctl show --value -p LoadState -p ActiveState -p Result {RESUME})
systemctl status --no-pager -l -n 100 {RESUME}
mkdir -p /var/log/resumed/var/lib
cp -a /var/lib/dpkg /var/log/resumed/var/lib/
before=$(dpkg-query -W)
dpkg --configure -a
say configure $?
[ "$before" = "$(dpkg-query -W)" ] || say something was left to configure
say audit $(dpkg --audit | wc -l)
{' '.join(thirty.UPGRADE)}
say first upgrade $?
{' '.join(thirty.UPGRADE)}
say second upgrade $?
apt-get check
say check $?
aptkeep runs
say runs $?
aptkeep status
say status $?
say done
systemctl poweroff --force
"""
WANTED = {"resume": "success loaded \\S+", "configure": "0", "audit": "0", "second upgrade": "0",
          "check": "0", "runs": "0", "status": "[01]"}


class Round:
    def __init__(self, world, disk, number, verbose):
        self.world, self.disk, self.number, self.verbose = world, disk, number, verbose
        self.rng = random.Random(f"{thirty.seed()} power {number}")
        self.failures = thirty.draw_failures(world, 3, self.rng)
        self.again = self.rng.random() < 0.25
        self.log = [f"round {number}, APTKEEP_SEED={thirty.seed()}: {self.failures}"]

    def say(self, text):
        self.log.append(text)
        if self.verbose:
            print(text, flush=True)

    def play(self):
        with machine.Machine(self.disk) as computer:
            computer.write({f"{thirty.AMID}/{k}": v + "\n"
                            for k, v in self.failures.amid().items()})
            self.cut_off(computer)
            if self.again:
                self.cut_off_resume(computer)
            began = time.monotonic()
            computer.boot("judge")
            text = computer.wait_for_end()
            self.say(f"{text}-> {time.monotonic() - began:.1f} s")
            wrong = [] if "thirty: done" in text else ["it did not come to its end"]
            for what, value in WANTED.items():
                found = re.findall(rf"^thirty: {what} (.*)$", text, re.M)
                if len(found) != 1 or not re.fullmatch(value, found[0]):
                    wrong.append(f"{what}: {found}, expected {value}")
            if "thirty: something was left to configure" in text:
                wrong.append("resume has left something to dpkg --configure -a")
            sound, said = computer.check()
            if not sound:
                wrong.append(f"the file system is damaged: {said}")
            return wrong + self.judge(computer.dump(READ))

    def cut_off(self, computer):
        steps, delay = self.rng.randrange(STEPS), self.rng.random()
        began = time.monotonic()
        computer.boot("upgrade")
        computer.wait(lambda text: "thirty: upgrade begins" in text)
        up = time.monotonic() - began
        computer.wait(lambda text: "thirty: upgrade ended" in text or
                      len(STEP.findall(text)) > steps)
        time.sleep(delay)
        computer.cut()
        self.say(f"{computer.said()}-> up after {up:.1f} s; power cut {delay:.2f} s after line "
                 f"{steps}, {time.monotonic() - began:.1f} s after the start")

    def cut_off_resume(self, computer):
        delay = self.rng.random() * 10
        computer.boot("judge")
        computer.wait(lambda text: RESUME in text or "thirty:" in text)
        time.sleep(delay)
        computer.cut()
        self.say(f"{computer.said()}-> power cut {delay:.2f} s after the resume has begun")

    def judge(self, root):
        wrong = [f"after resume {line}"
                 for line in thirty.limbo(self.world, root / "var/log/resumed")]
        wrong += thirty.judge(self.world, self.failures, root, 2 if self.again else 1)
        wrong += [line for line in thirty.left_behind(self.world, root) if "/var/log/" not in line]
        return wrong + thirty.state_wrong(root)


def main():
    args = rounds.options("unable to make a disk", ROUNDS)
    print(f"{ROUNDS} cuts, APTKEEP_SEED={thirty.seed()}", flush=True)
    world = thirty.World(args.suite, 1, args.debs, args.staged, NEEDS)
    disk = machine.disk(world.lower, BOOT, RESUME)

    def one(number):
        played = Round(world, disk, number, args.verbose)
        try:
            wrong = played.play()
        except machine.MachineError as error:
            wrong = [str(error)]
        return f"power cut {number}", wrong, played.log

    sys.exit(rounds.play(args, ROUNDS, one))


if __name__ == "__main__":
    main()
