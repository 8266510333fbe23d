"""The regular expressions by which piuparts sorts its logs, and strings that they match."""

import glob
import itertools
import os
import pathlib
import re
import subprocess

import cache

try:
    from re import _constants, _parser
except ImportError:  # Python before 3.11
    import sre_constants as _constants
    import sre_parse as _parser


def _download(target):
    """The package, from where this machine's apt gets packages."""
    done = subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download",
                           "piuparts-master"], cwd=target, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    archives = glob.glob(f"{target}/*.deb")
    if done.returncode != 0 or not archives:
        raise RuntimeError("unable to download piuparts-master: " + done.stdout.strip())
    subprocess.run(["dpkg-deb", "-x", archives[0], f"{target}/root"], check=True)


def read():
    """{name without .conf: regular expression}. The files are read as piupartslib/dwke.py does."""
    version = subprocess.run(["apt-cache", "show", "--no-all-versions", "piuparts-master"],
                             check=True, capture_output=True, text=True).stdout
    found = re.search(r"^Version: (\S+)$", version, re.MULTILINE)
    if not found:
        raise RuntimeError("unable to find piuparts-master: run `apt-get update` first")
    folder = cache.build_once(cache.folder("piuparts") / found.group(1).replace("/", "-"),
                              lambda tmp: _download(tmp))
    problems = {}
    for path in sorted((folder / "root/usr/share/piuparts/known_problems").glob("*.conf")):
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
        for chunk in re.split(r"^(?=[A-Z_]+=)", text, flags=re.MULTILINE):
            name, _, value = chunk.partition("=")
            if name == "PATTERN":
                value = value.rstrip("\n")
                if value[:1] == value[-1:] and value[:1] in "'\"":
                    value = value[1:-1]
                problems[os.path.splitext(path.name)[0]] = value
    return problems


def _strings(parsed):
    parts = [_item(op, argument) for op, argument in parsed]
    return ["".join(pieces) for pieces in itertools.product(*parts)]


def _item(op, argument):
    if op == _constants.LITERAL:
        return [chr(argument)]
    if op == _constants.ANY:
        return ["x"]
    if op == _constants.IN:
        return _item(*argument[0])
    if op == _constants.RANGE:
        return [chr(argument[0])]
    if op == _constants.AT:
        return [""]
    if op == _constants.BRANCH:
        return [text for branch in argument[1] for text in _strings(branch)]
    if op == _constants.SUBPATTERN:
        return _strings(argument[3])
    if op in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
        least, _, inner = argument
        if isinstance(least, int) and least == 0 and inner[0][0] == _constants.ANY:
            return ["word"]
        return [text * max(least, 1) for text in _strings(inner)]
    raise ValueError(f"no string is made up for {op}")


def examples(pattern):
    """One string for each alternative of `pattern`; each is matched by it."""
    made = _strings(_parser.parse(pattern))
    for text in made:
        if not re.search(pattern, text):
            raise ValueError(f"{text!r} is not matched by {pattern!r}")
    return made
