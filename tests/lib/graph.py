"""Package graphs with the edges of a real Debian desktop.

The desktop's packages and their relations come from the release's own Packages list. A part of them
is chosen by a seed and made anew as tiny packages, 1.0 and 2.0, with the same edges between them.
"""

import json
import random
import re
import subprocess

import cache
import pkg
import rootfs

# No package of the root has such a name.
PREFIX = "g-"
NEEDS = ("Pre-Depends", "Depends")
AGAINST = ("Breaks", "Conflicts")
KEPT_FIELDS = NEEDS + AGAINST + ("Recommends", "Replaces", "Provides", "Multi-Arch",
                                "Architecture")
OLD, NEW = "1.0", "2.0"
# How often a lower bound of the real relation is one that only the new version meets.
TIGHT = 0.25


def _stanzas(suite):
    for path in rootfs.package_lists(suite):
        text = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", str(path)], check=True,
                              capture_output=True, text=True).stdout
        for stanza in text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in stanza.split("\n")
                          if ": " in line and not line.startswith(" "))
            if "Package" in fields:
                yield fields["Package"], {k: fields[k] for k in KEPT_FIELDS if k in fields}


def relation(text):
    """[[(name, operator, version)]]: all of these, each by any of those."""
    groups = []
    for group in text.split(","):
        found = re.findall(r"([a-z0-9][a-z0-9+.-]*)(?::\w+)?\s*(?:\(\s*([<>=]+)\s*([^)\s]+)\s*\))?",
                           group)
        if found:
            groups.append(found)
    return groups


def _closure(packages, start):
    providers = {}
    for name, fields in packages.items():
        for group in relation(fields.get("Provides", "")):
            for virtual, _, _ in group:
                providers.setdefault(virtual, []).append(name)
    todo, seen = [start], set()
    while todo:
        name = todo.pop()
        if name in seen or name not in packages:
            continue
        seen.add(name)
        for field in NEEDS + ("Recommends",):
            for group in relation(packages[name].get(field, "")):
                real = [n for n, _, _ in group if n in packages]
                virtual = [p for n, _, _ in group for p in providers.get(n, [])]
                todo += real[:1] or virtual[:1]
    return {name: packages[name] for name in sorted(seen)}


def desktop(suite, task):
    """name -> relation fields, of a desktop task and all that it depends on and recommends."""
    path = cache.folder("desktops") / f"{suite}-{task}-{cache.digest(*KEPT_FIELDS)}.json"
    if not path.exists():
        part = path.with_suffix(".part")
        part.write_text(json.dumps(_closure(dict(_stanzas(suite)), task)), encoding="utf-8")
        part.rename(path)
    return json.loads(path.read_text(encoding="utf-8"))


def _choose(packages, count, rng):
    """Packages with what they depend on, so that the edges of the real graph stay."""
    chosen = set()
    names = sorted(packages)
    while len(chosen) < min(count, len(names)):
        todo = [rng.choice(names)]
        while todo and len(chosen) < count:
            name = todo.pop()
            if name in chosen:
                continue
            chosen.add(name)
            needed = [n for field in NEEDS for g in relation(packages[name].get(field, ""))
                      for n, _, _ in g if n in packages]
            rng.shuffle(needed)
            todo += needed
    return sorted(chosen)


def _bound(field, operator, version, rng):
    """The relation's version part, for the 1.0 or 2.0 package that states it."""
    if field in AGAINST and operator in ("=", ">=", ">>"):
        # Never hit: all of them are to be installed together.
        return f" ({operator} 3.0)"
    if operator == "=":
        return f" (= {version})"
    if operator in (">=", ">>"):
        tight = field in NEEDS and version == NEW and rng.random() < TIGHT
        return f" (>= {NEW if tight else OLD})"
    if operator in ("<<", "<="):
        if field in NEEDS or field == "Recommends":
            return " (<< 3.0)"
        tight = version == NEW and rng.random() < TIGHT
        return f" (<< {NEW if tight else OLD})"
    return ""


def _fields(name, real, known, version, rng):
    fields = {"Multi-Arch": real["Multi-Arch"]} if "Multi-Arch" in real else {}
    for field in NEEDS + AGAINST + ("Recommends", "Replaces"):
        groups = []
        for group in relation(real.get(field, "")):
            words = []
            for other, operator, _ in group:
                # Unversioned, it would hit what is chosen for being installed together.
                if other not in known or other == name or (field in AGAINST and not operator):
                    continue
                words.append(PREFIX + other + _bound(field, operator, version, rng))
            if words:
                groups.append(" | ".join(words))
        fields[field] = ", ".join(groups)
    provided = [(n, o) for g in relation(real.get("Provides", "")) for n, o, _ in g]
    fields["Provides"] = ", ".join(PREFIX + n + (f" (= {version})" if o else "")
                                   for n, o in provided)
    return {k: v for k, v in fields.items() if v}


def _soften(fields):
    """Pre-Depends become Depends: apt then makes one dpkg call of the whole upgrade."""
    both = [fields.pop(f) for f in NEEDS if f in fields]
    return {**fields, "Depends": ", ".join(both)} if both else fields


def generate(suite, task, count, seed, soften=False):
    """(packages at 1.0, packages at 2.0), each name -> Package."""
    rng = random.Random(f"{task} {count} {seed}")
    packages = desktop(suite, task)
    chosen = _choose(packages, count, rng)
    known = set(chosen) | {n for name in chosen
                           for g in relation(packages[name].get("Provides", "")) for n, _, _ in g}
    made = []
    for version in (OLD, NEW):
        fields = {name: _fields(name, packages[name], known, version, rng) for name in chosen}
        arch = {n: "all" if packages[n]["Architecture"] == "all" else pkg.NATIVE for n in chosen}
        made.append({PREFIX + name: pkg.Package(
            PREFIX + name, version, arch[name], _soften(fields[name]) if soften else fields[name])
            for name in chosen})
    return made
