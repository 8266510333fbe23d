#!/usr/bin/python3
"""An admin's own settings, the off switches, other roots and ordinary users.

    settings_test.py [CASE...] [--suite S] [--debs DIR | --staged DIR] [-v]
"""

import contextlib
import re
import shutil
import sqlite3
import tempfile

import cases
import world
from cases import case
from world import NAMES, ONE_FAILS, TWO_FAIL

KEPT = {name: ("ii", "1.0" if name in ("foo", "depv") else "2.0") for name in NAMES}


def command(*settings):
    return " ".join(["apt-get -q -y", *[f"-o {s}" for s in settings], "dist-upgrade"])


def goes_on(t, *settings):
    """With these settings aptkeep does its work."""
    for ours, stock in t.runs(amids=[ONE_FAILS], command=command(*settings)):
        t.expect(world.worse(ours, stock))
        wrong = [f"{n} is {ours.states[n]}, expected {KEPT[n]}" for n in NAMES
                 if ours.states[n] != KEPT[n]]
        t.expect(wrong + ([] if ours.code else ["exit status 0 though foo was kept"]))


@case
def force_confold(t):
    goes_on(t, "DPkg::Options::=--force-confold")


@case
def stop_on_error_false(t):
    goes_on(t, "DPkg::StopOnError=false")


@case
def no_triggers_false(t):
    goes_on(t, "DPkg::NoTriggers=false")


@case
def no_triggers_in_each_call(t):
    """apt's last call then looks like any other."""
    goes_on(t, "DPkg::Options::=--no-triggers")


@case
def no_act_in_each_call(t):
    """Nothing happens, so there is nothing to tell."""
    line = command("DPkg::Options::=--no-act")
    with t.worlds.bed() as bed:
        bed.must("rm -rf /var/lib/aptkeep/*")
        ours = t.upgrade(bed, {}, line)
        t.expect(world.same(ours, t.worlds.stock({}, line)))
        t.expect_noise(ours, 0)
        t.expect_equal(bed.must("ls -A /var/lib/aptkeep"), "", "traces")


@case
def configure_pending_false(t):
    """apt then leaves everything unpacked. With calls of its own for each package: see below."""
    t.no_worse(command=command("DPkg::ConfigurePending=false"))


@case
def triggers_pending(t):
    goes_on(t, "DPkg::TriggersPending=true")


@case
def recursive_false(t):
    goes_on(t, "dpkg::install::recursive=false")


@case
def recursive_from_the_first_archive_on(t):
    goes_on(t, "dpkg::install::recursive::minimum=1", "dpkg::install::recursive::numbered=false")


@case
def abort_after_of_an_admin(t):
    goes_on(t, "DPkg::Options::=--abort-after=50")


@case
def no_terminal_for_dpkg(t):
    goes_on(t, "Dpkg::Use-Pty=0")


@case
def other_ways_to_configure(t):
    """Debian's apt leaves it all to the end (PackageManager::Configure=smart, ConfigurePending)."""
    for how in ("all", "no"):
        t.no_worse(amids=[ONE_FAILS], command=command(f"PackageManager::Configure={how}"))


@case
def conservative_order(t):
    """Each package unpacked and configured by calls of its own."""
    t.no_worse(command=command("PackageManager::UnpackAll=false", "PackageManager::Configure=all",
                               "DPkg::ConfigurePending=false"))


@case
def dpkg_by_its_path(t):
    """The driver is passed by; the hook does what is left to do."""
    t.no_worse(amids=({}, ONE_FAILS, TWO_FAIL), command=command("Dir::Bin::dpkg=/usr/bin/dpkg"))


@case
def dpkg_path_of_an_admin(t):
    t.no_worse(command=command("DPkg::Path=/usr/sbin:/usr/bin:/sbin:/bin"))


@case
def keep_going_switched_off(t):
    t.like_stock(noise=0, command=command("Aptkeep::Keep-Going=false"))


@case
def settings_that_say_nothing(t):
    """They count as not given, and that is told."""
    line = command("Aptkeep::Hang-After=soon", "Aptkeep::Snapshots::Keep-Runs=-1",
                   "Aptkeep::Rollback=perhaps")
    with t.worlds.bed() as bed:
        ours = t.upgrade(bed, TWO_FAIL, line)
        told = [x for x in ours.noise() if "setting" in x]
        number = "it is no whole number of at most nine digits"
        t.expect_equal(told, [
            "aptkeep: unable to use the setting Aptkeep::Rollback: it says neither yes nor no",
            f"aptkeep: unable to use the setting Aptkeep::Snapshots::Keep-Runs: {number}",
            f"aptkeep: unable to use the setting Aptkeep::Hang-After: {number}"], "complaints")
        kept = {**KEPT, "ind3": ("ii", "1.0")}
        t.expect([f"{n} is {ours.states[n]}" for n in NAMES if ours.states[n] != kept[n]])


def rows(bed, names, question):
    """Of a database in the bed's /root; SQLite would follow /proc/PID/root out of it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            shutil.copy(bed.path(f"/root/{name}"), folder)
        with contextlib.closing(sqlite3.connect(f"{folder}/{names[0]}")) as db:
            return db.execute(question).fetchall()


@case
def numbers_that_nothing_is_said_of(t):
    """What the plan of a run has on record, while the run goes on: a script may be silent for half
    an hour, snapshots may copy 512 MiB, and those of no run are kept for later."""
    look = {"ind1.2.0.preinst": "cd /var/lib/aptkeep && cp state.db state.db-wal /root/"}
    usual = (1800, 512 << 20, 0)
    for said, wanted in ((world.UPGRADE, usual),
                         (command("Aptkeep::Hang-After=soon"), usual),
                         (command("Aptkeep::Hang-After=77", "Aptkeep::Snapshots::Copy-Limit=1",
                                  "Aptkeep::Snapshots::Keep-Runs=5"), (77, 1 << 20, 5))):
        with t.worlds.bed() as bed:
            t.expect_equal(t.upgrade(bed, look, said).code, 0, "exit status")
            found = rows(bed, ("state.db", "state.db-wal"),
                         "SELECT hang_after, copy_limit, keep_runs FROM plans")
            t.expect_equal(found, [wanted], f"on record with {said}")


def starts_of_dpkg(bed):
    return [x.split(" ", 2)[2] for x in bed.read("/var/log/dpkg.log").splitlines()
            if " startup " in x]


@case
def no_call_of_dpkg_more_than_stock(t):
    """Where nothing fails."""
    for line in (world.UPGRADE, f"apt-get -q -y install {' '.join(NAMES)} {world.EXTRA}-"):
        found = []
        for stock in (True, False):
            with t.worlds.bed(stock) as bed:
                bed.write("/var/log/dpkg.log", "")
                ours = t.upgrade(bed, {}, line)
                t.expect([] if ours.all_upgraded() else ["not all is upgraded"])
                found.append(starts_of_dpkg(bed))
        t.expect([] if len(found[0]) > 1 else ["the log has no calls"])
        t.expect_equal(found[1], found[0], "dpkg's starts")


@case
def only_printing_what_would_be_called(t):
    """Debug::pkgDPkgPM: apt calls neither dpkg nor hooks that could end what they began."""
    line = command("Debug::pkgDPkgPM=true")
    with t.worlds.bed() as bed:
        ours = t.upgrade(bed, {}, line)
        t.expect_equal(ours.code, t.worlds.stock({}, line).code, "exit status")
        t.expect_equal({ours.states[n] for n in NAMES}, {("ii", "1.0")}, "states")
        ours = t.upgrade(bed, ONE_FAILS)
        t.expect([f"{n} is {ours.states[n]}" for n in NAMES if ours.states[n] != KEPT[n]])


@case
def aptkeep_off_in_the_environment(t):
    t.like_stock(noise=0, env={"APTKEEP": "off"})


@case
def aptkeep_off_by_a_file(t):
    t.like_stock(lambda bed: bed.write("/etc/aptkeep/off", ""), noise=0)


@case
def aptkeep_off_for_plain_dpkg(t):
    line = "dpkg -i /srv/repository/main/foo_2.0_*.deb"
    for env, breakage in (({"APTKEEP": "off"}, None),
                          ({}, lambda bed: bed.write("/etc/aptkeep/off", ""))):
        for ours, stock in t.runs(breakage, amids=[ONE_FAILS], command=line, env=env,
                                  after=lambda bed, _: t.expect_equal(
                                      bed.must("ls -A /var/lib/aptkeep"), "", "traces")):
            t.expect(world.same(ours, stock))
            t.expect_noise(ours, 0)


READING = (
    "dpkg -l base foo", "dpkg -s base", "dpkg -L base", "dpkg -S /usr/share/doc/base",
    "dpkg --audit", "dpkg --get-selections base", "dpkg --print-architecture",
    "dpkg --print-foreign-architectures", "dpkg --compare-versions 1 lt 2",
    "dpkg --compare-versions 2 lt 1", "dpkg --assert-multi-arch", "dpkg --version", "dpkg",
    "dpkg --no-act -i /srv/repository/main/ind1_2.0_*.deb", "dpkg --no-act -r ind1",
    "dpkg --no-act --configure -a", "dpkg -i /srv/repository/main/ind1_2.0_*.deb",
    "dpkg --configure --pending", "dpkg --status-fd 1 --no-triggers --unpack x.deb",
    "apt-cache policy foo", "apt-get -s -qq dist-upgrade", "apt-get -qq check",
    "apt-get -y dist-upgrade",
)
AS_USER = "setpriv --reuid=65534 --regid=65534 --clear-groups "


def without_counts(text):
    """dpkg says how many files are installed, and aptkeep has some of its own."""
    return re.sub(r"\d+ files and directories", "N files and directories", text)


def outputs(bed, prefix, path, lines=READING):
    found = {}
    for line in lines:
        result = bed.run(prefix + "sh -c '" + line + " 2>&1'", env={"PATH": path})
        found[line] = (result.code, without_counts(result.output))
    return found


@case
def ordinary_users(t):
    """What they ask dpkg and apt is answered as ever, also where they find the launcher first."""
    paths = world.beds.ENVIRONMENT["PATH"], f"/usr/lib/aptkeep/bin:{world.beds.ENVIRONMENT['PATH']}"
    with t.worlds.bed(stock=True) as bed:
        stock = outputs(bed, AS_USER, paths[0])
    with t.worlds.bed() as bed:
        for path in paths:
            ours = outputs(bed, AS_USER, path)
            t.expect([f"{line}: {ours[line]}, stock: {stock[line]}" for line in READING
                      if ours[line] != stock[line]])


@case
def simulations_by_root(t):
    lines = [line for line in READING if "no-act" in line or "get -s" in line]
    with t.worlds.bed(stock=True) as bed:
        stock = outputs(bed, "", world.beds.ENVIRONMENT["PATH"], lines)
    with t.worlds.bed() as bed:
        bed.must("rm -rf /var/lib/aptkeep/* /run/aptkeep")
        for line in lines:
            ours = bed.run(line)
            t.expect_equal((ours.code, without_counts(ours.output)), stock[line], line)
        t.expect_equal(bed.must("ls -A /var/lib/aptkeep; ls -d /run/aptkeep || true").split("\n")[0],
                       "ls: cannot access '/run/aptkeep': No such file or directory", "traces")


OTHER_ROOT = """
mkdir -p /other/var/lib/dpkg/info /other/var/lib/dpkg/updates /other/var/log
touch /other/var/lib/dpkg/status /other/var/lib/dpkg/available
"""


@case
def other_roots(t):
    """dpkg's hooks run on this system, and must not take what happens there for ours."""
    with t.worlds.bed() as bed:
        bed.must(OTHER_ROOT)
        bed.must("rm -rf /var/lib/aptkeep/* /run/aptkeep")
        bed.write("/root/plain.deb", world.pkg.Package("plain", "1.0").deb())
        bad = world.pkg.Package("bad", "1.0", fields={"Depends": "nothing-like-it"})
        bed.write("/root/bad.deb", bad.deb())
        for options in ("--root=/other", "--instdir=/other --admindir=/other/var/lib/dpkg"):
            for archive, code in (("plain", 0), ("bad", 1)):
                result = bed.run(f"dpkg {options} -i /root/{archive}.deb")
                t.say(result)
                t.expect_equal(result.code, code, f"dpkg {options} -i {archive}")
                t.expect([line for line in result.output.splitlines() if "aptkeep" in line])
        state = bed.must("dpkg --root=/other -s plain | grep ^Status")
        t.expect_equal(state.strip(), "Status: install ok installed", "plain in the other root")
        t.expect_equal(bed.must("ls -A /var/lib/aptkeep"), "", "traces in our state")


if __name__ == "__main__":
    cases.main()
