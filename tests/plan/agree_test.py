#!/usr/bin/python3
"""What `aptkeep plan` says, and what apt, dpkg and aptkeep then do, in real upgrades: the same steps
with the same versions in the same order, and of what fails becomes what was said.

By hand, for work on the programs: as tests/frontends/frontend.py says.
"""

import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "frontends"), str(HERE.parent / "lib")]

import frontend  # noqa: E402
import lifetime  # noqa: E402
import pkg  # noqa: E402

DPKG_LOG = "/var/log/dpkg.log"

CHAIN = """
[installed]
base ind gone 1.0
foo 1.0
  Depends: base
dep 1.0
  Depends: foo (= 1.0)
[repository]
base foo dep 2.0
ind 2.0
  Depends: fresh
  Conflicts: gone
fresh 2.0
[repository+]
gone 1.0
"""


def full(name, arch):
    return f"{name}:{pkg.NATIVE if arch == 'all' else arch}"


def unpacked_in_order(bed):
    """Each package when it was first unpacked, as dpkg logged it."""
    order = []
    for line in bed.read(DPKG_LOG).splitlines():
        words = line.split()
        if len(words) == 6 and words[2] in ("install", "upgrade"):
            package = full(*words[3].split(":"))
            if package not in order:
                order.append(package)
    return order


def site_rule(world, package, fields):
    world.bed.write("/etc/aptkeep/rules.d/90-site.rules",
                    f"Package: {package}\n{fields}\nSource: https://example.org\n")


def failing(package):
    """The chain, in which the new version of this one fails at its end."""
    others = [name for name in ("base", "foo", "dep") if name != package]
    return CHAIN.replace("base foo dep 2.0",
                         f"{' '.join(others)} 2.0\n{package} 2.0\n  postinst configure: fail")


class Agree(unittest.TestCase):
    def agree(self, world, command="full-upgrade", plan_code=0, run_code=0):
        """Plans, runs, compares; returns the plan's steps by name."""
        bed = world.bed
        done = bed.run(f"aptkeep plan --json -- {command}")
        self.assertEqual(done.code, plan_code, done)
        plan = json.loads(done.output)
        self.assertEqual(plan["complaints"], [])
        bed.write(DPKG_LOG, "")
        before = world.states()
        ran = bed.run(f"apt-get -q -y {command}")
        self.assertEqual(ran.code, run_code, ran)
        if not plan["steps"]:
            self.assertEqual(world.states(), before)
            return {}
        report = json.loads(bed.must("aptkeep report --json"))
        wanted = {(s["package"], s["action"], s["old_version"], s["new_version"])
                  for s in plan["steps"]}
        found = {(s["package"], s["action"], s["old_version"], s["new_version"])
                 for s in report["steps"]}
        self.assertEqual(wanted, found, ran)
        order = unpacked_in_order(bed)
        # Of several architectures apt names now this one, now that one first.
        self.assertEqual([s["package"].partition(":")[0] for s in plan["steps"]
                          if s["package"] in order],
                         [package.partition(":")[0] for package in order], ran)
        touched = {name for name in before.keys() | world.states().keys()
                   if before.get(name) != world.states().get(name)}
        steps = {s["package"].removesuffix(":" + pkg.NATIVE): s for s in plan["steps"]}
        self.assertLessEqual(touched, steps.keys())
        for back in plan["kept_back_by_apt"]:
            name = back["package"].removesuffix(":" + pkg.NATIVE)
            self.assertEqual(world.states()[name][1], back["old_version"])
        self.check_outcomes(world, steps, report)
        return steps

    def check_outcomes(self, world, steps, report):
        """What failed has become what the plan said; all others are on their new side, or kept
        with it."""
        states = world.states()
        outcomes = {s["package"].removesuffix(":" + pkg.NATIVE): s["outcome"]
                    for s in report["steps"]}
        for name, step in steps.items():
            state, version = states.get(name, ("", None))
            if outcomes[name] == "done":
                self.assertEqual(version if step["new_version"] else None, step["new_version"])
                self.assertIn(state, ("ii", "rc", "") if step["new_version"] is None else ("ii",))
            elif step["if_it_fails"]["outcome"] == "left_unconfigured":
                self.assertEqual((state[1:], version), ("F", step["new_version"]), name)
            elif step["if_it_fails"]["outcome"] == "removed_again":
                self.assertEqual(version, None, name)
            else:
                self.assertEqual((state, version), ("ii", step["old_version"]), name)

    def test_upgraded_installed_and_removed(self):
        with frontend.world(CHAIN) as world:
            steps = self.agree(world)
            self.assertEqual({n: s["action"] for n, s in steps.items()},
                             {"base": "upgrade", "foo": "upgrade", "dep": "upgrade",
                              "ind": "upgrade", "fresh": "install", "gone": "remove"})
            self.assertEqual(self.agree(world), {})  # and then there is nothing to do

    def test_some_by_name(self):
        with frontend.world(CHAIN) as world:
            self.assertEqual(self.agree(world, "install base").keys(), {"base"})
            self.assertEqual(self.agree(world, "install foo").keys(), {"foo", "dep"})
            self.assertEqual(self.agree(world, "upgrade"), {})
            self.assertEqual(self.agree(world, "install ind").keys(), {"ind", "fresh", "gone"})

    def test_removed_and_purged(self):
        with frontend.world(CHAIN) as world:
            self.assertEqual(self.agree(world, "remove foo").keys(), {"foo", "dep"})
            self.assertEqual(self.agree(world, "purge gone")["gone"]["action"], "purge")
            self.assertEqual(self.agree(world, "-o APT::Get::Purge=true remove base").keys(),
                             {"base"})

    def test_down_and_again(self):
        text = CHAIN + "\n[repository+]\nind 1.0\n"
        with frontend.world(text) as world:
            self.agree(world, "--reinstall install gone")
            self.agree(world, "install ind")
            steps = self.agree(world, "--allow-downgrades install ind=1.0")
            self.assertEqual(steps["ind"]["action"], "downgrade")

    def test_held_and_kept_back(self):
        with frontend.world(CHAIN + "\n[run] apt-mark hold foo\n") as world:
            steps = self.agree(world)
            self.assertEqual(steps.keys(), {"base", "ind", "fresh", "gone"})

    def test_pre_depends_make_several_calls(self):
        text = """
[installed]
first second third 1.0
[repository]
third 2.0
  Pre-Depends: second (= 2.0)
second 2.0
  Pre-Depends: first (= 2.0)
first 2.0
"""
        with frontend.world(text) as world:
            self.assertEqual(list(self.agree(world)), ["first", "second", "third"])

    def test_what_breaks_comes_after_what_it_breaks(self):
        text = """
[installed]
aaa 1.0
zzz 1.0
[repository]
aaa 2.0
  Breaks: zzz (<< 2.0)
zzz 2.0
"""
        with frontend.world(text) as world:
            self.assertEqual(list(self.agree(world)), ["zzz", "aaa"])

    def test_siblings_of_two_architectures(self):
        text = """
[architectures] i386
[installed]
libx 1.0
  Multi-Arch: same
libx:i386 1.0
  Multi-Arch: same
[repository]
libx 2.0
  Multi-Arch: same
libx:i386 2.0
  Multi-Arch: same
"""
        with frontend.world(text) as world:
            self.assertEqual(self.agree(world).keys(), {"libx", "libx:i386"})

    def test_what_is_unpacked_is_configured(self):
        with frontend.world(CHAIN) as world:
            world.bed.must("cd /tmp && apt-get -q download base=2.0 && APTKEEP=off dpkg --unpack "
                           "base_2.0*.deb")
            steps = self.agree(world, "install foo")
            self.assertEqual(steps["base"]["action"], "configure")

    def test_an_archive_by_its_path(self):
        with frontend.world(CHAIN) as world:
            world.bed.must("cd /tmp && apt-get -q download ind=2.0 fresh=2.0")
            steps = self.agree(world, "install /tmp/ind_2.0_*.deb /tmp/fresh_2.0_*.deb")
            self.assertEqual(steps.keys(), {"ind", "fresh", "gone"})

    def test_a_failure_is_put_back_and_then_kept(self):
        with frontend.world(failing("foo")) as world:
            steps = self.agree(world, run_code=100)
            self.assertEqual(steps["foo"]["if_it_fails"]["outcome"], "put_back")
            self.assertEqual(world.states()["foo"], ("ii", "1.0"))
            # Both are kept back now, and the plan says so.
            self.assertEqual(self.agree(world, plan_code=1), {})

    def test_a_failure_that_may_not_go_back_is_left_unconfigured(self):
        with frontend.world(failing("foo")) as world:
            site_rule(world, "foo", "Rollback: never\nReason: its data are converted")
            done = world.bed.run("aptkeep plan --json -- install foo")
            steps = {s["package"]: s for s in json.loads(done.output)["steps"]}
            outcome = steps[f"foo:{pkg.NATIVE}"]["if_it_fails"]
            self.assertEqual((outcome["outcome"], outcome["why"]),
                             ("left_unconfigured", "its data are converted"))
            world.bed.run("apt-get -q -y install foo")
            self.assertEqual((world.states()["foo"][0][1:], world.states()["foo"][1]), ("F", "2.0"))

    def test_a_guard_keeps_its_package_and_what_needs_it(self):
        with frontend.world(CHAIN) as world:
            site_rule(world, "foo", "Guard: queue-empty /var/spool/foo\n"
                                    "Reason: its queue is of the old form")
            world.bed.must("mkdir -p /var/spool/foo && touch /var/spool/foo/job")
            steps = self.agree(world, plan_code=1, run_code=100)
            fates = {name: step["fate"] for name, step in steps.items()}
            self.assertEqual({name for name, fate in fates.items() if fate == "kept"},
                             {"foo", "dep"})
            self.assertEqual([world.states()[name] for name in ("foo", "dep")],
                             [("ii", "1.0")] * 2)

    def test_room_for_the_backups_of_all(self):
        """Either of two backups would have room, both have not."""
        with frontend.world(CHAIN) as world:
            where = "/var/lib/aptkeep/backups"
            world.bed.must(f"mkdir -p -m 0700 {where} && "
                           f"mount -t tmpfs -o size=24m,mode=0700 none {where}")
            site_rule(world, "base ind", "Backup: sh: echo saved\nReason: its data are converted")
            steps = self.agree(world, plan_code=1, run_code=100)
            kept = {name for name, step in steps.items() if step["fate"] == "kept"}
            self.assertEqual(len(kept & {"base", "ind"}), 1, kept)
            for name, step in steps.items():
                self.assertEqual(world.states().get(name, ("", None))[1],
                                 step["old_version" if name in kept else "new_version"], name)
            world.bed.must(f"umount {where}")

    def test_what_was_left_unconfigured_stays_so(self):
        text = """
[installed]
foo 1.0
dep 1.0
more 1.0
[repository]
foo 2.0
  postinst configure: fail
dep 2.0
  Depends: foo
more 2.0
  Depends: dep (>= 2.0)
other 2.0
user 2.0
  Depends: foo
first 2.0
  Pre-Depends: foo
"""
        with frontend.world(text) as world:
            site_rule(world, "foo", "On-Failure: leave-unconfigured\nReason: a person has to look")
            world.bed.run("apt-get -q -y install foo")
            self.assertEqual((world.states()["foo"][0][1:], world.states()["foo"][1]), ("F", "2.0"))
            # apt has no version of it to install, and only configures it.
            steps = self.agree(world, "install other", plan_code=1)
            self.assertEqual((steps["foo"]["action"], steps["foo"]["fate"]), ("configure", "kept"))
            # What needs it comes to nothing.
            steps = self.agree(world, "install user", plan_code=1, run_code=100)
            self.assertEqual(steps["user"]["fate"], "kept")
            self.assertEqual(steps["user"]["cause"][0], "user kept: needs foo")
            # apt fails of it once.
            for code in (100, 0):
                steps = self.agree(world, "install dep more", plan_code=1, run_code=code)
                self.assertEqual({steps[name]["fate"] for name in ("dep", "more")}, {"kept"})
                world.bed.must("apt-get -q update")
            self.agree(world, "install dep more user", plan_code=1, run_code=100)
            # Here dpkg is told its name.
            steps = self.agree(world, "install first", plan_code=1, run_code=100)
            self.assertEqual(steps["foo"]["fate"], "goes")
            # Now apt names the version that it would install.
            world.runner.repositories.add([pkg.Package("foo", "3.0")])
            world.runner.repositories.update()
            steps = self.agree(world, "remove other", plan_code=1)
            self.assertEqual((steps["foo"]["action"], steps["foo"]["fate"]), ("configure", "kept"))
            self.assertEqual(steps["foo"]["new_version"], "2.0")
            self.assertEqual(world.states()["foo"], ("uF", "2.0"))
            self.assertEqual(self.agree(world, "install foo", plan_code=1)["foo"]["fate"], "goes")
            # Nothing waits any more.
            world.bed.must("apt-get -q update")
            self.agree(world, "upgrade")
            self.assertEqual(world.bed.run("aptkeep status").code, 0)

    def test_a_frontend_that_runs_dpkg_itself(self):
        with frontend.world(CHAIN) as world:
            site_rule(world, "foo", "Guard: queue-empty /var/spool/foo\n"
                                    "Reason: its queue is of the old form")
            world.bed.must("mkdir -p /var/spool/foo && touch /var/spool/foo/job")
            past = "-o Dir::Bin::dpkg=/usr/bin/dpkg"
            words = ("goes on, since this frontend runs dpkg itself: "
                     "guard queue-empty /var/spool/foo is unmet")
            self.assertIn(words, world.bed.run(f"aptkeep plan -- {past} install foo").output)
            steps = self.agree(world, f"{past} install foo", plan_code=1)
            self.assertEqual(steps["foo"]["fate"], "goes")
            self.assertEqual(world.states()["foo"], ("ii", "2.0"))

    def test_a_rule_stops_the_run_at_a_failure(self):
        with frontend.world(failing("foo")) as world:
            site_rule(world, "foo", "On-Failure: stop-run\nReason: a person has to look")
            done = world.bed.run("aptkeep plan --json -- install foo")
            steps = {s["package"]: s for s in json.loads(done.output)["steps"]}
            self.assertEqual(steps[f"foo:{pkg.NATIVE}"]["if_it_fails"]["outcome"], "stops_run")
            ran = world.bed.run("apt-get -q -y install foo")
            self.assertEqual(ran.code, 100)
            self.assertIn("stopping at foo: a person has to look", ran.output)
            self.assertEqual(world.states()["foo"][1], "2.0")

    def test_a_new_one_that_fails_is_removed_again(self):
        text = CHAIN + "\n[repository+]\nother 2.0\n  postinst configure: fail\n"
        with frontend.world(text) as world:
            steps = self.agree(world, "install other", run_code=100)
            self.assertEqual(steps["other"]["if_it_fails"]["outcome"], "removed_again")

    def test_a_desktops_packages(self):
        text = ("[graph] packages=60 failing=1 script=preinst task=task-xfce-desktop\n"
                "[run] true\n[expect] none upgraded\n")
        with frontend.world(text) as world:
            plan = json.loads(world.bed.must("aptkeep plan --json"))
            self.assertEqual(len(plan["steps"]), 60)
            world.bed.write(DPKG_LOG, "")
            world.bed.run("apt-get -q -y full-upgrade")
            report = json.loads(world.bed.must("aptkeep report --json"))
            versions = {(s["package"], s["old_version"], s["new_version"])
                        for s in report["steps"]}
            self.assertEqual({(s["package"], s["old_version"], s["new_version"])
                              for s in plan["steps"]}, versions)

    def test_planning_changes_nothing(self):
        with frontend.world(CHAIN) as world:
            # apt's caches are renewed by whatever asks it.
            look = ("cd / && find etc usr var -path var/cache/apt -prune -o -type f -printf "
                    "'%p %T@ %s\\n' | sort | sha256sum")
            world.bed.must("apt-cache policy >/dev/null")
            before = world.bed.must(look)
            world.bed.must("aptkeep plan && aptkeep plan -- install foo && "
                           "setpriv --reuid=65534 --regid=65534 --clear-groups aptkeep plan")
            self.assertEqual(world.bed.must(look), before)


if __name__ == "__main__":
    lifetime.end_tidily()
    unittest.main()
