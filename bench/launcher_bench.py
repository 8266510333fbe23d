#!/usr/bin/python3
"""What the launcher costs: `dpkg --compare-versions 1 lt 2` through it and without it, in turn.

    bench/launcher_bench.py [LAUNCHER [COUNT]]

Prints, for both, the median and the spread (10th and 90th percentile) of wall time and of processor
time per call, then the difference of the medians and their ratio."""

import os
import statistics
import sys
import time

ARGS = ["dpkg", "--compare-versions", "1", "lt", "2"]
REAL = "/usr/bin/dpkg"


def one_call(program):
    """Wall and processor time in milliseconds."""
    start = time.perf_counter_ns()
    pid = os.posix_spawn(program, ARGS, os.environ)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter_ns() - start
    if status != 0:
        sys.exit("launcher_bench: unable to run %s: wait status %d" % (program, status))
    return wall / 1e6, (usage.ru_utime + usage.ru_stime) * 1e3


def spread(values):
    tenths = statistics.quantiles(values, n=10)
    return "%.3f ms (%.3f .. %.3f)" % (statistics.median(values), tenths[0], tenths[-1])


def main():
    launcher = sys.argv[1] if len(sys.argv) > 1 else "/usr/lib/aptkeep/bin/dpkg"
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    times = {launcher: [], REAL: []}
    for i in range(count + 20):
        pair = (launcher, REAL) if i % 2 else (REAL, launcher)
        for program in pair:
            measured = one_call(program)
            if i >= 20:  # the first ones warm the caches
                times[program].append(measured)
    for name, column in (("wall", 0), ("processor", 1)):
        through = [measured[column] for measured in times[launcher]]
        direct = [measured[column] for measured in times[REAL]]
        a, b = statistics.median(through), statistics.median(direct)
        print("%-9s  through the launcher  %s" % (name, spread(through)))
        print("%-9s  dpkg alone            %s" % (name, spread(direct)))
        print("%-9s  difference %.3f ms a call, ratio %.3f  (%d calls each, in turn)"
              % (name, a - b, a / b, count))


main()
