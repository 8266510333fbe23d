#!/usr/bin/python3
"""What `aptkeep plan` says of services that are up, and what the run then does: the same order, the
same packages replaced apart with the same units down meanwhile, and each unit as its class says."""

import json
import unittest

from units import World, package, service, socket

RULE = "Package: {}\n{}\nReason: {}\nSource: https://example.org/\n\n"
RULES = (RULE.format("ruled", "Class: stop\nTogether: partner.service", "they share a queue")
         + RULE.format("never", "Class: never", "it carries the session"))
DPKG_LOG = "/var/log/dpkg.log"

STOP = "deb-systemd-invoke stop {0}.service >/dev/null"
START = "systemctl --system daemon-reload\ndeb-systemd-invoke start {0}.service >/dev/null"
RESTART = START.replace("start {0}", "restart {0}")
# package -> what its new version's scripts do with its service (before, after), and the class that
# is said of it
SERVICES = {
    "stops": (STOP, START, "stop"),
    "ruled": ("", RESTART, "stop"),
    "called": ("", RESTART, "stop"),  # by its socket
    "ends": ("", RESTART, "end"),
    "needed": ("", RESTART, "early"),  # by "wants"
    "never": ("", RESTART, "never"),
    "rests": (STOP, START, "stop"),  # it is down, and stays so
    "silent": ("", "", "stock"),
}
# What goes down while it is replaced.
DOWN = {"stops": ["stops.service"], "ruled": ["partner.service", "ruled.service"],
        "called": ["called.service", "called.socket"]}
PLAIN = ("aaa", "zzz")
# Its postinst finds the new version of what it depends on at work.
WANTS = ("wants", "needed")
NOTE = "systemctl show -P InvocationID needed.service >/root/at-work\n"
# "map" cannot be without the new "stops".
TOGETHER = {"map": "stops"}


def daemon(name, version):
    before, after, _ = SERVICES[name]
    its = {f"{name}.service": service(install="" if name == "rests" else "multi-user.target")}
    if name == "called":
        its["called.socket"] = socket(3001)
    seen = f"systemctl is-active {name}.service >/root/seen-{name} || true\n"
    scripts = {"preinst": {"upgrade": seen + before.format(name)}}
    if after:
        scripts["postinst"] = {"configure": after.format(name)}
    return package(name, version, its, scripts=scripts)


def packages(version):
    made = [daemon(name, version) for name in SERVICES]
    made += [package(name, version) for name in PLAIN]
    made += [package(name, version, fields={"Depends": f"{other} (= {version})"})
             for name, other in TOGETHER.items()]
    made.append(package(WANTS[0], version, fields={"Depends": WANTS[1]},
                        scripts={"postinst": {"configure": NOTE}}))
    return made + [package("partner", "1.0", {"partner.service": service()})]


def name_of(full):
    return full.partition(":")[0]


class Plan(unittest.TestCase):
    maxDiff = None

    def prepare(self, world):
        world.start("called.socket", *[f"{name}.service" for name in (*SERVICES, "partner")
                                       if name != "rests"])
        world.bed.write("/etc/aptkeep/rules.d/90-site.rules", RULES)
        # So that the new scripts can be read.
        world.bed.must("apt-get -q -y --download-only full-upgrade")

    def invocations(self, world):
        return {name: world.bed.must(["systemctl", "show", "-P", "InvocationID",
                                      f"{name}.service"]).strip() for name in SERVICES}

    def unpacked(self, world):
        order = []
        for line in world.bed.read(DPKG_LOG).splitlines():
            words = line.split()
            if len(words) == 6 and words[2] == "upgrade":
                order.append(name_of(words[3]))
        return order

    def configured_before(self, world, package):
        """What dpkg had configured when this one was unpacked."""
        lines = [line.split() for line in world.bed.read(DPKG_LOG).splitlines()]
        begun = next(i for i, words in enumerate(lines)
                     if words[2] == "upgrade" and name_of(words[3]) == package)
        return {name_of(words[4]) for words in lines[:begun]
                if words[2:4] == ["status", "installed"]}

    def stopped(self, output):
        """packages that the run names -> units that it stops while they are replaced"""
        found = {}
        for line in output.splitlines():
            if "aptkeep: stopping " in line:
                what, _, rest = line.partition("stopping ")[2].partition(" while ")
                who = rest.split(" is replaced" if " is replaced" in rest else " are replaced")[0]
                found[tuple(sorted(who.split(", ")))] = sorted(what.split(", "))
        return found

    def test_plan_and_run_agree(self):
        with World(packages("1.0"), packages("2.0")) as world:
            self.prepare(world)
            text = world.bed.must("aptkeep plan")
            plan = json.loads(world.bed.must("aptkeep plan --json"))
            self.check_plan(plan, text)
            before = self.invocations(world)
            world.bed.write(DPKG_LOG, "")
            ran = world.upgrade()
            self.assertEqual(ran.code, 0, ran.output)
            self.check_order(world, plan, ran.output)
            self.check_classes(world, plan, before, ran.output)

    def check_plan(self, plan, text):
        self.assertEqual(plan["complaints"], [])
        steps = {name_of(step["package"]): step for step in plan["steps"]}
        classes = {name: {one["unit"]: one["class"] for one in steps[name]["services"]}
                   for name in SERVICES}
        self.assertEqual({name: its[f"{name}.service"] for name, its in classes.items()},
                         {name: said for name, (_, _, said) in SERVICES.items()})
        apart = {name: step["apart"]["down"] for name, step in steps.items() if step["apart"]}
        self.assertEqual(apart, {**DOWN, "map": []})
        self.assertEqual(steps["map"]["apart"]["group"], steps["stops"]["apart"]["group"])
        self.assertEqual(steps["ruled"]["apart"]["why"], "they share a queue")
        self.assertEqual(len({steps[name]["apart"]["group"] for name in DOWN}), len(DOWN))
        self.assertIn("replaced apart, when the rest of its call is configured; down meanwhile: "
                      "partner.service, ruled.service\n", text)
        self.assertIn("     replaced together with stops\n", text)

    def check_order(self, world, plan, output):
        order = [name_of(step["package"]) for step in plan["steps"]]
        self.assertEqual(order, self.unpacked(world), output)
        # All that is not apart comes first, and is configured before the first of these.
        rest = {name_of(step["package"]) for step in plan["steps"] if not step["apart"]}
        self.assertEqual(set(order[:len(rest)]), rest)
        self.assertLessEqual(rest, self.configured_before(world, order[len(rest)]), output)
        groups = {}
        for step in plan["steps"]:
            if step["apart"] and step["apart"]["down"]:
                groups.setdefault(step["apart"]["group"], []).append(step)
        said = {tuple(sorted(name_of(s["package"]) for s in steps)):
                sorted(unit for s in steps for unit in s["apart"]["down"])
                for steps in groups.values()}
        self.assertEqual(self.stopped(output), said, output)

    def check_classes(self, world, plan, before, output):
        after = self.invocations(world)
        for step in plan["steps"]:
            name = name_of(step["package"])
            if name not in SERVICES or name == "rests":
                continue
            said = next(one["class"] for one in step["services"]
                        if one["unit"] == f"{name}.service")
            self.assertEqual(world.bed.read(f"/root/seen-{name}").strip(),
                             "inactive" if said == "stop" else "active", f"{name}: {output}")
            self.assertEqual(before[name] != after[name], said in ("stop", "end", "early"),
                             f"{name} is {said}: {output}")
        self.assertEqual(world.bed.read("/root/at-work").strip(), after["needed"])
        names = [f"{name}.service" for name in (*SERVICES, "partner")]
        self.assertEqual(world.states(*names), {name: "inactive" if name == "rests.service"
                                                else "active" for name in names})


if __name__ == "__main__":
    unittest.main()
