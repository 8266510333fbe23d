#!/usr/bin/python3
"""Odd names, versions and files through a whole run, and what is no conversation of apt's at all.

    hostile_test.py [CASE...] [--suite S] [--debs DIR | --staged DIR] [-v]
"""

import cases
import world
from cases import case
from world import HOOK, pkg

LIMIT = world.HANG

# name, architecture, old version, new version
ODD = (
    ("libodd++2.0", pkg.NATIVE, "1.0~rc1+b2", "1.0"),
    ("a.b-c+d", "all", "1:1.0-1", "2:0.1-1~deb12u1"),
    ("0ad", pkg.NATIVE, "1.0+dfsg-3+b1", "1.0+dfsg-3+b2"),
    ("x" * 60, pkg.NATIVE, "1", "2" * 60),
    ("ind-z", pkg.NATIVE, "2011.02.12", "2011.02.12+really2010"),
)
# Fails, and what needs it strictly.
FAILING = ("fail++1.0", pkg.NATIVE, "3:1.0~a", "3:1.0~b+1")
STRICT = ("strict.dep", "all", "0~0", "0")


def odd_packages(new):
    packages = []
    for name, arch, *versions in (*ODD, FAILING, STRICT):
        package = pkg.Package(name, versions[new], arch)
        if name == FAILING[0] and new:
            package.scripts = {"preinst": {"upgrade": "fail"}}
        if name == STRICT[0]:
            package.fields["Depends"] = f"{FAILING[0]} (= {FAILING[2 + new]})"
        packages.append(package)
    return packages


def expect_odd(t, bed):
    states = world.scenarios.package_states(bed)
    for name, _, old, new in (*ODD, FAILING, STRICT):
        wanted = old if name in (FAILING[0], STRICT[0]) else new
        t.expect_equal(states.get(name), ("ii", wanted), name)
    t.expect([] if bed.run(["apt-get", "check"]).code == 0 else ["apt-get check fails"])


def install_old(bed, packages):
    for number, package in enumerate(packages):
        bed.write(f"/root/old/{number}.deb", package.deb())
    bed.must("dpkg -i /root/old/*.deb")


@case
def odd_names_and_versions(t):
    with t.worlds.bed() as bed:
        install_old(bed, odd_packages(0))
        repository = world.repo.Repositories(bed, t.worlds.suite)
        repository.replace(odd_packages(1), "third-party")
        repository.update()
        result = bed.run("apt-get -q -y dist-upgrade", timeout=LIMIT)
        t.say(result)
        t.expect_equal(result.code, 100, "exit status")
        expect_odd(t, bed)
        pins = bed.read(world.PINS)
        t.expect_equal(f"Package: {FAILING[0]}:{pkg.NATIVE}\nPin: version {FAILING[3]}\n" in pins,
                       True, "pinned as named")
        again = bed.run("apt-get -q -y dist-upgrade", timeout=LIMIT)
        t.say(again)
        t.expect_equal(again.code, 0, "exit status of the next run")
        expect_odd(t, bed)


@case
def foreign_architecture(t):
    foreign = "i386" if pkg.NATIVE != "i386" else "amd64"

    def packages(version, scripts):
        return [pkg.Package("far", version, foreign, scripts=scripts),
                pkg.Package("near", version, pkg.NATIVE),
                pkg.Package("farther", version, foreign, {"Depends": f"far (= {version})"})]

    with t.worlds.bed() as bed:
        bed.must(["dpkg", "--add-architecture", foreign])
        install_old(bed, packages("1.0", {}))
        repository = world.repo.Repositories(bed, t.worlds.suite)
        repository.replace(packages("2.0", {"preinst": {"upgrade": "fail"}}), "third-party")
        repository.update()
        result = bed.run("apt-get -q -y dist-upgrade", timeout=LIMIT)
        t.say(result)
        states = world.scenarios.package_states(bed)
        t.expect_equal([states[f"far:{foreign}"], states[f"farther:{foreign}"], states["near"]],
                       [("ii", "1.0"), ("ii", "1.0"), ("ii", "2.0")], "states")
        t.expect_equal(result.code, 100, "exit status")
        t.expect_equal(f"Package: far:{foreign}" in bed.read(world.PINS), True, "pinned")


@case
def archives_in_a_folder_with_spaces(t):
    folder = "/var/cache/apt of mine/ar ch%20ives"
    command = f"apt-get -q -y -o 'Dir::Cache::archives={folder}' dist-upgrade"
    with t.worlds.bed() as bed:
        bed.must(["mkdir", "-p", folder + "/partial"])
        ours = t.upgrade(bed, world.ONE_FAILS, command)
        t.expect_equal({n: ours.states[n][1] for n in world.NAMES},
                       {n: "1.0" if n in ("foo", "depv") else "2.0" for n in world.NAMES}, "states")
        t.expect_equal(ours.code, 100, "exit status")


@case
def odd_file_names(t):
    """`apt install ./FILE`. Where the name cannot be told to a hook, apt's own way is gone."""
    names = ("with space.deb", "-dash.deb", "per%63ent.deb", "quote'd \"x\".deb", "ümlaut.deb",
             "a:b;c&d.deb", "*.deb", "new\nline.deb", b"latin-\xe9.deb", "$(reboot).deb")
    for name in names:
        name = name if isinstance(name, bytes) else name.encode()
        with t.worlds.bed(stock=True) as bed:
            stock = install_file(bed, name)
        with t.worlds.bed() as bed:
            ours = install_file(bed, name)
            t.say(f"{name!r}: {ours}")
            states = world.scenarios.package_states(bed)
            t.expect_equal(ours.code, stock.code, f"exit status with {name!r}")
            wrong = [line for line in ours.output.splitlines()
                     if "aptkeep" in line and not line.startswith("aptkeep: ")]
            t.expect(wrong)
            if stock.code == 100 and "processing archive" in stock.output:
                t.expect_equal(states["ind2"], ("ii", "2.0"), f"ind2 beside {name!r}")
            t.expect_equal(states["ind1"], ("ii", "1.0"), f"ind1 from {name!r}")
            t.expect([] if bed.run(["apt-get", "check"]).code == 0 else ["apt-get check fails"])


def install_file(bed, name):
    """`apt-get install` of ind1 2.0, whose preinst fails, from a file of this name, and of ind2
    from the repository."""
    world.set_amid(bed, {"ind1.2.0.preinst": "exit 1"})
    bed.must(["mkdir", "-p", "/root/files"])
    target = str(bed.path("/root/files")).encode() + b"/" + name
    with open(target, "wb") as file:
        file.write(world.package("ind1", "2.0").deb())
    result = bed.run([b"apt-get", b"-q", b"-y", b"install", b"/root/files/" + name, b"ind2"],
                     timeout=LIMIT)
    bed.must("dpkg --configure -a")
    return result


HEAD = b"VERSION 3\nAPT::Architecture=amd64\nDir::Bin::dpkg=dpkg\n\n"
GOOD = b"ind1 1.0 amd64 none < 2.0 amd64 none /a/ind1.deb\n"
BAD = {
    "nothing": b"",
    "another version": b"VERSION 2\n\n" + GOOD,
    "no version": GOOD,
    "no configuration": b"VERSION 3\n" + GOOD,
    "configuration cut off": b"VERSION 3\nAPT::Architecture=amd",
    "a line cut off": HEAD + GOOD + GOOD[:20],
    "no end of line": HEAD + GOOD[:-1],
    "too few fields": HEAD + b"ind1 1.0 amd64 <\n",
    "no name": HEAD + GOOD.replace(b"ind1 ", b" ", 1),
    "a name that is none": HEAD + GOOD.replace(b"ind1 ", b"../ind1 ", 1),
    "not UTF-8 in the name": HEAD + GOOD.replace(b"ind1 ", b"in\xff\xfe ", 1),
    "not UTF-8 in the version": HEAD + GOOD.replace(b"2.0", b"2.\xc3\x28"),
    "a zero byte": HEAD + GOOD.replace(b"/a/ind1", b"/a/i\0nd1"),
    "escape sequences": HEAD + GOOD.replace(b"ind1 ", b"\x1b[31mind1 ", 1),
    "a newline in the path": HEAD + GOOD.replace(b"/a/", b"/a\n/"),
    "a relative path": HEAD + GOOD.replace(b"/a/", b"a/"),
    "a very long line": HEAD + GOOD.replace(b"/a/", b"/" + b"a" * 20_000_000 + b"/"),
    "a very long value": b"VERSION 3\nA=" + b"b" * 50_000_000 + b"\n\n" + GOOD,
    "very many lines": HEAD + 3_000_000 * GOOD,
    "only bytes": bytes(range(256)) * 4096,
}


@case
def no_conversation_of_apts(t):
    """Piped straight into the hook: exit 0, one clear line, all input taken, nothing written."""
    with t.worlds.bed() as bed:
        bed.must("rm -rf /var/lib/aptkeep/* /run/aptkeep")
        for what, content in BAD.items():
            bed.write("/root/input", content)
            # The last command of the pipeline tells whether the writer met a broken pipe.
            line = f"{{ cat /root/input && echo fed >&2; }} | {HOOK} pre-install 3 3>&2"
            result = bed.run(["sh", "-c", line], timeout=LIMIT)
            t.say(f"{what}: {result}")
            t.expect_equal(result.code, 0, f"exit status with {what}")
            lines = [x for x in result.output.splitlines() if x != "fed"]
            t.expect_equal(len(lines), 1, f"lines about {what}: {result.output!r}")
            t.expect([] if lines[0].startswith("aptkeep: unable to read apt's list of packages: ")
                     and lines[0].isprintable() else [f"not clear: {lines[0]!r}"])
            t.expect_equal("fed" in result.output, True, f"all input of {what} is taken")
        t.expect_equal(bed.must("ls -A /var/lib/aptkeep"), "", "written")


@case
def hook_started_by_hand(t):
    with t.worlds.bed() as bed:
        for arguments in ("", "nonsense", "pre-install extra words", "pre-install 1000",
                          "pre-install -1", "post-invoke", "update"):
            result = bed.run(f"{HOOK} {arguments} </dev/null", timeout=LIMIT)
            t.say(result)
            t.expect_equal(result.code, 0, f"exit status of {arguments!r}")
            t.expect([] if result.output.count("\n") <= 1 else [f"too many lines: {result.output}"])
        driver = bed.run(f"{world.DRIVER} dpkg 99 --status-fd 1 --configure -a", timeout=LIMIT)
        t.expect_equal(driver.code, 125, "exit status of the driver without a record")
        for arguments in ("", "nonsense", "dpkg", "dpkg x", "kept --frontend x", "dpkg-hook x"):
            result = bed.run(f"{world.DRIVER} {arguments} </dev/null", timeout=LIMIT)
            t.say(result)
            t.expect([] if result.code in (0, 1, 2, 125) and result.output.count("\n") <= 1
                     else [f"driver {arguments}: {result}"])


if __name__ == "__main__":
    cases.main()
