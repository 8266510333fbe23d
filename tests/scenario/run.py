#!/usr/bin/python3
"""Runs scenario files, each in a throw-away Debian. README.md tells the format."""

import argparse
import glob
import os
import pathlib
import random
import re
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib"), str(HERE.parent / "package")]

import bed as beds  # noqa: E402
import build  # noqa: E402
import failures  # noqa: E402
import graph  # noqa: E402
import installed  # noqa: E402
import lifetime  # noqa: E402
import memory  # noqa: E402
import oracle  # noqa: E402
import pkg  # noqa: E402
import repo  # noqa: E402
import scenario  # noqa: E402

QUERY = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}|${Package}|${Architecture}|${Version}\\n"]
SOAK = os.environ.get("APTKEEP_SOAK") == "1"
# In a soak: so many graphs instead of one, each fourth of them with a thousand packages.
SOAK_GRAPHS = 20
OURS = ("aptkeep", "libaptkeep0")
PINS = "/etc/apt/preferences.d/0-aptkeep.pref"


class Mismatch(Exception):
    """What came is not what the scenario expects."""


def package_states(bed):
    states = {}
    for line in bed.must(QUERY).splitlines():
        state, name, arch, version = line.split("|")
        key = name if arch in (pkg.NATIVE, "all") else f"{name}:{arch}"
        if state[1] != "n":
            states[key] = (state.strip(), version)
    return states


def pins(bed):
    """"package version" of each pin; apt itself reads the file, so only the fields matter."""
    if not bed.path(PINS).exists():
        return []
    stanzas = re.split(r"\n\s*\n", bed.read(PINS))
    fields = [dict(re.findall(r"^(Package|Pin): (.*)$", s, re.M)) for s in stanzas]
    return sorted(f"{f['Package'].removesuffix(':' + pkg.NATIVE)} {f['Pin'].split(' ', 1)[1]}"
                  for f in fields if len(f) == 2)


def graph_words(section):
    """The words of a [graph] section, those for a soak applied."""
    wanted = dict(word.split("=", 1) for word in section.argument.split())
    soak = wanted.pop("soak", None)
    if SOAK and soak:
        wanted["packages"] = soak.split("x")[1]
    elif SOAK and int(seed()) % 4 == 0:
        wanted["packages"] = "1000"
    return wanted


def soak_graphs(sections, suite):
    """How many seeds a scenario is played with in a soak; 1 where there is nothing random. A fifth
    beyond the first suite: only apt's and dpkg's versions differ there."""
    words = " ".join(s.argument for s in sections if s.kind == "graph").split()
    numbers = [int(w[len("soak="):].split("x")[0]) for w in words if w.startswith("soak=")]
    count = max(numbers, default=SOAK_GRAPHS if words else 1)
    return count if suite == "bookworm" else max(1, count // 5)


def rounds_of(path, suite):
    return soak_graphs(scenario.read(path), suite) if SOAK else 1


def seed():
    """For everything random; a run is repeated by giving the same one."""
    if "APTKEEP_SEED" not in os.environ:
        os.environ["APTKEEP_SEED"] = str(random.SystemRandom().randrange(10**6))
    return os.environ["APTKEEP_SEED"]


class Runner:
    def __init__(self, bed, suite, debs, stock, verbose):
        self.bed = bed
        self.suite = suite
        self.debs = debs    # folder with aptkeep's packages; None without
        self.stock = stock
        self.verbose = verbose
        self.least = None   # of a [graph]: the least kept set
        self.failing = []
        self.repositories = repo.Repositories(bed, suite)
        self.known = {}
        self.memory = None
        self.before = package_states(bed)
        for name in OURS:
            self.before.pop(name, None)
        self.log = []

    def play(self, sections):
        for section in sections:
            handler = getattr(self, "do_" + section.kind.rstrip("+"), None)
            if handler:
                handler(section)

    def say(self, text):
        self.log.append(text)
        if self.verbose:
            print(text, flush=True)

    def do_architectures(self, section):
        for arch in section.argument.split():
            self.bed.must(["dpkg", "--add-architecture", arch])

    def install(self, made):
        self.repositories.replace(made)
        self.repositories.update()
        self.bed.must(["apt-get", "-qqy", "install", *[f"{p.key()}={p.version}" for p in made]],
                      env={"APTKEEP": "off"})
        self.bed.must(["rm", "-f", pkg.LOG])
        for package in made:
            self.before.pop(package.key(), None)

    def do_installed(self, section):
        self.install(scenario.packages(section, self.known))

    def do_graph(self, section):
        """packages=N [soak=NxN] failing=N script=NAME task=NAME [pre-depends=as-depends]"""
        wanted = graph_words(section)
        chance = f"{seed()} {wanted}"
        old, new = graph.generate(self.suite, wanted["task"], int(wanted["packages"]), chance,
                                  wanted.get("pre-depends") == "as-depends")
        judge = oracle.Oracle(old, new)
        rng = random.Random(chance)
        if wanted["failing"] == "any":
            self.failing, healed = failures.draw(old, new, judge, rng)
            self.say(f"failing: {self.failing}\nonce: {healed}")
        else:
            self.failing = oracle.choose_failing(judge, int(wanted["failing"]), rng)
            for name in self.failing:
                new[name].scripts[wanted["script"]] = {"*": "fail"}
        self.least = judge.least(self.failing)
        self.say(f"seed {seed()}: {len(new)} packages, failing {sorted(self.failing)}, least kept "
                 f"set {sorted(self.least)}")
        self.install(list(old.values()))
        self.repositories.replace(list(new.values()))
        self.repositories.update()

    def do_repository(self, section):
        made = scenario.packages(section, self.known)
        name = section.argument or "main"
        if section.kind.endswith("+"):
            self.repositories.add(made, name)
        else:
            self.repositories.replace(made, name)
        self.repositories.update()

    def do_remember(self, _):
        self.memory = memory.Memory(self.bed, sorted(self.known))

    def do_run(self, section):
        wanted = scenario.run(section)
        if self.stock and re.match(r"aptkeep\b", wanted.command):
            return
        result = self.bed.run(wanted.command)
        output = re.sub(r"\(Reading database \.\.\. (?!100%|\d{3,})(\d+%)?", "", result.output)
        self.say(f"$ {wanted.command}\n{output}-> exit {result.code}")
        wrong = []
        if result.code != wanted.exit_code:
            wrong.append(f"exit status {result.code}, expected {wanted.exit_code}")
        wrong += [f"output lacks: {t}" for t in wanted.has if t not in result.output]
        wrong += [f"output has: {t}" for t in wanted.lacks if t in result.output]
        self.judge(section, wrong)

    def do_aptkeep(self, section):
        """next [POSTINST]: the repository offers a newer aptkeep, with that as its postinst."""
        word, _, postinst = section.argument.partition(" ")
        if word != "next":
            raise scenario.FormatError(f"line {section.line}: not [aptkeep] next")
        self.repositories.write_raw("aptkeep", *installed.next_version(self.debs, postinst))
        self.repositories.update()

    def version(self, wanted):
        """What `this` and `next` stand for in an expectation."""
        if wanted not in ("this", "next"):
            return wanted
        return installed.version(self.debs) + (installed.NEXT if wanted == "next" else "")

    def graph_states(self):
        """{(state, version): names} of the packages of the graph."""
        sorted_out = {}
        for name, found in package_states(self.bed).items():
            if name.startswith(graph.PREFIX):
                sorted_out.setdefault(found, set()).add(name)
        return sorted_out

    def expect_least_kept_set(self):
        """Any set of the least size will do, if all the rest went through."""
        found = self.graph_states()
        kept = found.pop(("ii", graph.OLD), set())
        found.pop(("ii", graph.NEW), None)
        wrong = [f"{' '.join(how)}: {sorted(names)}" for how, names in found.items()]
        wrong += [f"failed, but not kept: {n}" for n in sorted(set(self.failing) - kept)]
        if len(kept) != len(self.least):
            wrong.append(f"{len(kept)} kept: too many {sorted(kept - self.least)}, "
                         f"missing {sorted(self.least - kept)}")
        return wrong

    def expect_none_upgraded(self):
        upgraded = self.graph_states().get(("ii", graph.NEW), set())
        return [f"upgraded: {sorted(upgraded)}"] if upgraded else []

    def do_expect(self, section):
        expected = scenario.expectation(section)
        states = package_states(self.bed)
        wrong = []
        for key, (state, version) in sorted(expected.states.items()):
            found = states.get(key, ("", ""))
            version = self.version(version)
            if found != (state, version):
                wrong.append(f"{key}: {' '.join(found).strip() or 'absent'}, "
                             f"expected {state or 'absent'} {version}".rstrip())
        if section.argument == "the least kept set":
            wrong += self.expect_least_kept_set()
        elif section.argument == "none upgraded":
            wrong += self.expect_none_upgraded()
        unsaid = set(self.known) - set(expected.states)
        if unsaid and not section.argument:
            raise scenario.FormatError(f"line {section.line}: nothing said of {sorted(unsaid)}")
        wrong += [f"{key} of the base system changed: {states.get(key)}"
                  for key, state in self.before.items() if states.get(key) != state]
        wrong += self.checks(expected)
        wrong += self.expect_paths(expected)
        if expected.as_before:
            wrong += self.memory.differences(expected.as_before)
        self.judge(section, wrong)

    def expect_paths(self, expected):
        asked = [(expected.files, ["cat"]), (expected.links, ["readlink"]),
                 (expected.modes, ["stat", "-c", "%a %U:%G"])]
        wrong = []
        for paths, command in asked:
            for path, text in paths.items():
                found = self.bed.run([*command, path])
                found = found.output.rstrip("\n") if found.code == 0 else None
                if found != text:
                    wrong.append(f"{path}: {found!r}, expected {text!r}")
        return wrong

    def checks(self, expected):
        wrong = []
        # Not from apt's own cache: that goes by size and second of dpkg's status file.
        check = self.bed.run(["apt-get", "-o", "Dir::Cache::pkgcache=", "-o",
                              "Dir::Cache::srcpkgcache=", "check"])
        if (check.code == 0) != expected.apt_clean:
            wrong.append(f"apt-get check ended {check.code}:\n{check.output}")
        audit = self.bed.run(["dpkg", "--audit"])
        if (audit.code == 0 and not audit.output) != expected.audit_clean:
            wrong.append(f"dpkg --audit says: {audit.output or 'nothing'}")
        if expected.pins is not None and not self.stock and pins(self.bed) != sorted(expected.pins):
            wrong.append(f"pins: {pins(self.bed)}, expected {sorted(expected.pins)}")
        return wrong

    def judge(self, section, wrong):
        if wrong:
            raise Mismatch("\n".join([f"line {section.line} [{section.kind}]:"] + wrong))


def one(path, suite, args):
    sections = scenario.read(path)
    suites = scenario.words(sections, "suites")
    if args.list_suites:
        print("\n".join(suites or ["bookworm"]))
        return True
    stock = args.stock or any(s.kind == "stock" for s in sections)
    needs = scenario.words(sections, "needs")
    runner = None
    began = time.monotonic()
    try:
        debs = None if stock or args.staged else args.debs or build.debs(suite)
        above = [installed.layer(suite, needs, debs)] if debs else []
        with beds.fresh(suite, needs, above) as bed:
            if args.staged and not stock:
                installed.copy_staged(bed, args.staged)
            runner = Runner(bed, suite, debs, stock, args.verbose)
            runner.play(sections)
    except (Mismatch, scenario.FormatError, beds.BedError) as error:
        if runner and not args.verbose:
            print("\n".join(runner.log))
        print(f"FAILED {path} on {suite}: {error}", flush=True)
        return False
    print(f"ok {path} on {suite} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def several(path, args):
    """One scenario; in a soak its random graphs in many ways."""
    first = int(seed())
    chances = range(first, first + rounds_of(path, args.suite))
    if args.round is not None:
        chances = chances[args.round:][:1]
    results = []
    for chance in chances:
        os.environ["APTKEEP_SEED"] = str(chance)
        results.append(one(path, args.suite, args))
    os.environ["APTKEEP_SEED"] = str(first)
    return all(results)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="scenario files (all, if none)")
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--stock", action="store_true", help="without aptkeep")
    parser.add_argument("--debs", help="folder with aptkeep's packages (built if not given)")
    parser.add_argument("--staged", help="folder to copy over the root instead of the packages")
    parser.add_argument("--round", type=int, help="of a soak's graphs only this one")
    parser.add_argument("--count", action="store_true", help="only say how many graphs there are")
    parser.add_argument("--list-suites", action="store_true", help="only say where it is to run")
    parser.add_argument("-v", "--verbose", action="store_true", help="show commands and output")
    args = parser.parse_args()
    lifetime.end_tidily()
    files = args.files or sorted(glob.glob(str(HERE / "*.scenario")))
    if args.count:
        print(max(rounds_of(path, args.suite) for path in files))
        return 0
    if os.geteuid() != 0 and not args.list_suites:
        sys.exit("unable to make a test bed: only root may")
    seed()
    results = [several(path, args) for path in files]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
