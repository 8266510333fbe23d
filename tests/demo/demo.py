#!/usr/bin/python3
"""The demonstration: one upgrade of real packages, some of which fail, under stock apt and under
aptkeep. Run by ./demo, which installs what this needs."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / d) for d in ("lib", "package", "scenario")] + [str(HERE)]

import bed as beds  # noqa: E402
import build  # noqa: E402
import installed  # noqa: E402
import lifetime  # noqa: E402
import repacked  # noqa: E402
import repo  # noqa: E402
import rootfs  # noqa: E402
import run as scenarios  # noqa: E402

SUITE = "bookworm"
PACKAGES = ("cron", "curl", "git", "less", "logrotate", "man-db", "nano", "openssh-client",
            "rsync", "sudo", "tmux", "tree", "vim-tiny", "wget")

# package -> where it fails. The first script named belongs to the installed version, if any does.
FAILING = {
    "git-man": ("preinst", "the new preinst"),
    "libcurl4": ("prerm", "the old prerm, and the new one called with failed-upgrade"),
    "vim-common": ("postrm", "the old postrm, and the new one called with failed-upgrade"),
    "tree": ("abort", "the new preinst, and then its postrm called with abort-upgrade"),
    "logrotate": ("postinst", "the new postinst"),
}
# Strictly, at one version.
NEED_THE_FAILING = ("curl", "git", "vim-tiny")
UPGRADE = "apt-get -y dist-upgrade"
INSTALL = f"apt-get -y install {repacked.UNRELATED}"


def say(text):
    print(f"\n== {text}", flush=True)


def upgrade(layers, offer):
    """Runs the upgrade in a fresh system; what is there afterwards."""
    with beds.fresh(SUITE, PACKAGES, layers) as bed:
        repacked.break_installed(bed, FAILING)
        repository = repo.Repositories(bed, SUITE)
        repository.write_raw("main", *offer)
        repository.update()
        first = bed.run(UPGRADE)
        after = scenarios.package_states(bed)
        report = bed.run("aptkeep status; echo; aptkeep report").output if layers else ""
        facts = {
            f"$ {UPGRADE}": f"exit {first.code}",
            "$ apt-get check": "broken" if bed.run("apt-get check").code else "clean",
        }
        bed.run(INSTALL)
        there = repacked.UNRELATED in scenarios.package_states(bed)
        facts[f"$ {INSTALL}"] = "installed" if there else "refused"
        return after, facts, first.output, report


def word(state, new):
    if not state:
        return "not there"
    how = {"ii": "", "iU": ", unpacked only", "iF": ", not configured", "iHR": ", half-installed",
           "iW": ", waits for a trigger", "it": ", trigger pending"}.get(state[0], f", {state[0]}")
    return ("NEW" if state[1] == new else "old") + how


def compare(versions, stock, ours):
    """The table, and below it the counts."""
    print()
    print(f"{'package':<22}{'stock apt':<22}{'aptkeep':<22}failing script")
    for name in sorted(versions, key=lambda n: (n not in FAILING, n)):
        left, right = word(stock.get(name), versions[name]), word(ours.get(name), versions[name])
        if name in FAILING or left != right:
            why = FAILING.get(name, ("", ""))[1]
            print(f"{name:<22}{left:<22}{right:<22}{why}".rstrip())
    for what, test in (("upgraded and configured", lambda w: w == "NEW"),
                       ("old and configured", lambda w: w == "old"),
                       ("in between", lambda w: "," in w or w == "not there")):
        counts = [sum(test(word(side.get(n), versions[n])) for n in versions)
                  for side in (stock, ours)]
        print(f"{what:<34}stock apt: {counts[0]:<12}aptkeep: {counts[1]}")


def broken_promises(versions, ours, facts):
    """What the demonstration is there to show, and has not."""
    wrong = [f"{name} is {' '.join(ours.get(name) or ('gone',))}" for name in sorted(versions)
             if word(ours.get(name), versions[name]) not in ("NEW", "old")]
    wrong += [f"{name} is old, though it does not fail" for name in PACKAGES
              if name not in FAILING and name not in NEED_THE_FAILING and
              word(ours.get(name), versions.get(name, "")) == "old"]
    wanted = {f"$ {UPGRADE}": "exit 100", "$ apt-get check": "clean", f"$ {INSTALL}": "installed"}
    return wrong + [f"{what}: {facts[what]}" for what, answer in wanted.items()
                    if facts[what] != answer]


def main():
    lifetime.end_tidily()
    say("building aptkeep's packages (minutes, the first time)")
    debs = build.debs(SUITE)
    print("\n".join(sorted(p.name for p in debs.glob("*.deb"))))
    say("making a Debian system with real packages, and newer versions of them")
    rootfs.root(SUITE, PACKAGES)
    versions, offer = repacked.make(SUITE, PACKAGES, FAILING)
    print(f"{len(versions)} packages are to be upgraded, {len(FAILING)} of them will fail")
    say("installing aptkeep in its system")
    layer = installed.layer(SUITE, PACKAGES, debs)
    say(f"{UPGRADE}, with stock apt")
    stock, stock_facts, output, _ = upgrade([], offer)
    print("\n".join(output.splitlines()[-12:]))
    say(f"{UPGRADE}, with aptkeep")
    ours, our_facts, output, report = upgrade([layer], offer)
    print("\n".join(output.splitlines()[-25:]))
    say("what is left, side by side")
    compare(versions, stock, ours)
    print()
    for what, answer in stock_facts.items():
        print(f"{what:<34}stock apt: {answer:<12}aptkeep: {our_facts[what]}")
    say("what aptkeep says of it")
    print(report)
    return broken_promises(versions, ours, our_facts)


if __name__ == "__main__":
    try:
        wrong = main()
        sys.exit("demo: not as it should be:\n" + "\n".join(wrong) if wrong else 0)
    except beds.BedError as error:
        sys.exit(f"demo: {error}")
