#!/usr/bin/python3
"""For how long clients of a service are refused while it is upgraded: alone, and in a run with 200
other packages; with aptkeep, with stock apt, and with stock apt and needrestart.

    sudo bench/time_down_bench.py                          # seven pairs, with aptkeep's .debs
    sudo bench/time_down_bench.py --pairs 3 --ways aptkeep
    sudo APTKEEP_STAGED=DIR bench/time_down_bench.py       # see tests/scenario/README.md

README.md tells what is measured and how.
"""

import argparse
import pathlib
import statistics
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "tests" / name) for name in ("services", "demo", "lib", "frontends")]

import units  # noqa: E402  first: it says where the others are
import frontend  # noqa: E402
import lifetime  # noqa: E402
import pkg  # noqa: E402
import repacked  # noqa: E402

OTHERS = 200
POSTGRESQL = {"bookworm": "postgresql-15", "trixie": "postgresql-17"}[frontend.SUITE]
NGINX = {"bookworm": "nginx-light", "trixie": "nginx"}[frontend.SUITE]
# name -> its port, and the packages that are upgraded when it is alone
SERVICES = {
    "postfix": (25, ["postfix"]),
    "dovecot": (143, ["dovecot-core", "dovecot-imapd"]),
    "postgresql": (5432, [POSTGRESQL]),
    "nginx": (80, ["nginx-common", NGINX]),
}
NEEDS = ("postfix", "dovecot-imapd", "postgresql", NGINX, "python3")
WAYS = ("aptkeep", "stock apt", "stock apt with needrestart")
# A connection every 5 ms to each port; a line for each time that one was refused until one was not.
PROBE = """import pathlib, socket, sys, threading, time
def watch(port):
    last = time.monotonic()
    down = False
    while True:
        now = time.monotonic()
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            if down:
                with open(f"/root/down-{port}", "a") as file:
                    file.write(f"{now - last}\\n")
            last, down = now, False
        except OSError:
            down = True
        time.sleep(0.005)
for port in sys.argv[1:]:
    threading.Thread(target=watch, args=(int(port),), daemon=True).start()
time.sleep(3600)
"""


def other(number, version):
    made = pkg.Package(f"other{number:03}", version, scripts={"postinst": {"configure": ":"}})
    made.files = {f"/usr/share/{made.name}/{i}": f"{version} {i}\n" * 400 for i in range(8)}
    return made


class Machine(units.Machine):
    """With the services at work, the others installed, and newer versions of all on offer."""

    def __init__(self, way, offer):
        more = ("needrestart",) if "needrestart" in way else ()
        super().__init__(way != "aptkeep", (*NEEDS, *more))
        self.offer = offer

    def __enter__(self):
        super().__enter__()
        old = [other(i, "1.0") for i in range(OTHERS)]
        self.repository.replace(old)
        self.repository.update()
        self.bed.must(["apt-get", "-qqy", "install", *[p.name for p in old]], timeout=600)
        self.repository.replace([other(i, "2.0") for i in range(OTHERS)])
        self.repository.write_raw("third-party", *self.offer)
        self.repository.update()
        self.bed.run("mkdir -p /etc/needrestart/conf.d && "
                     "echo '$nrconf{restart} = \"a\";' >/etc/needrestart/conf.d/bench.conf")
        self.bed.must(f"{units.UPGRADE} --download-only", timeout=600)
        self.bed.write("/root/probe", PROBE)
        ports = [str(port) for port, _ in SERVICES.values()]
        self.bed.must(["systemd-run", "-q", "--unit=probe", "python3", "/root/probe", *ports])
        frontend.wait_until(lambda: all(self.answers(port) for port in ports),
                            lambda: "the services", 60)
        return self

    def answers(self, port):
        return self.bed.run(["python3", "-c", "import socket; socket.create_connection("
                             f"('127.0.0.1', {port}), 1)"]).code == 0

    def down(self, name):
        """Seconds since the last time that this was asked."""
        port, _ = SERVICES[name]
        frontend.wait_until(lambda: self.answers(port), lambda: name, 120)
        self.bed.run("sleep 0.5")
        text = self.bed.run(f"cat /root/down-{port}; rm -f /root/down-{port}").output
        return sum(float(line) for line in text.split() if line[0].isdigit())


def upgrade(machine, command):
    result = machine.bed.run(command, timeout=1200)
    if result.code != 0:
        raise SystemExit(f"unable to upgrade: {result.output}")
    # needrestart's, too, has ended; what a unit that runs beside apt does comes at once.
    machine.bed.run("sleep 2")


def alone(way, offer):
    times = {}
    with Machine(way, offer) as machine:
        for name, (_, packages) in SERVICES.items():
            for each in SERVICES:
                machine.down(each)
            upgrade(machine, ["apt-get", "-qy", "install", "--only-upgrade", *packages])
            times[name] = machine.down(name)
    return times


def among_others(way, offer):
    with Machine(way, offer) as machine:
        for name in SERVICES:
            machine.down(name)
        upgrade(machine, units.UPGRADE)
        return {name: machine.down(name) for name in SERVICES}


def spread(values):
    low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else 3 * values
    return f"{statistics.median(values):.2f} ({low:.2f} to {high:.2f})"


def table(way, pairs):
    print(f"\n### {way}\n\n| service | alone, s | with {OTHERS} others, s | ratio |\n|---|---|---|---|")
    for name in SERVICES:
        one = [pair[0][name] for pair in pairs]
        many = [pair[1][name] for pair in pairs]
        ratios = [b / a for a, b in zip(one, many) if a > 0]
        shown = spread(ratios) if ratios else "never down alone"
        print(f"| {name} | {spread(one)} | {spread(many)} | {shown} |", flush=True)


def main():
    lifetime.end_tidily()
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    arguments = parser.parse_args()
    _, offer = repacked.make(frontend.SUITE, (*units.NEEDS, *NEEDS), {})
    pairs = {way: [] for way in arguments.ways}
    for number in range(arguments.pairs):
        for way in arguments.ways:
            pairs[way].append((alone(way, offer), among_others(way, offer)))
            print(f"{number + 1}: {way}: {pairs[way][-1]}", file=sys.stderr, flush=True)
    for way in arguments.ways:
        table(way, pairs[way])


if __name__ == "__main__":
    main()
