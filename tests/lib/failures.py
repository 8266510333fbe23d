"""Failures of all kinds, drawn over a graph: what a maintainer script can do wrong in an upgrade."""

import graph

MARKS = "/run/has-failed"


def _preinst(name, old, new):
    new[name].scripts["preinst"] = {"upgrade": "fail"}


def _prerm(name, old, new):
    old[name].scripts["prerm"] = {"upgrade": "fail"}
    new[name].scripts["prerm"] = {"failed-upgrade": "fail"}


def _postinst(name, old, new):
    new[name].scripts["postinst"] = {"configure": "fail"}


def _postrm(name, old, new):
    old[name].scripts["postrm"] = {"upgrade": "fail"}
    new[name].scripts["postrm"] = {"failed-upgrade": "fail"}


def _abort_upgrade(name, old, new):
    """Nothing undoes it: dpkg leaves the package half-installed."""
    new[name].scripts["preinst"] = {"upgrade": "fail"}
    new[name].scripts["postrm"] = {"abort-upgrade": "fail"}


def _crash_in_preinst(name, old, new):
    new[name].scripts["preinst"] = {"upgrade": "kill -SEGV $$"}


def _crash_in_postinst(name, old, new):
    new[name].scripts["postinst"] = {"configure": "kill -SEGV $$"}


def _trigger(name, old, new):
    """Set off by all that need it, which are configured after it. Configured once more it would be
    healed, dpkg then takes the trigger for handled: so that fails from then on, too."""
    for version in (old, new):
        version[name].triggers = f"interest-noawait {name}-changed"
    handler = new[name].scripts.setdefault("postinst", {})
    handler["triggered"] = f"mkdir -p {MARKS}; touch {MARKS}/{name}; fail"
    handler["configure"] = f"[ ! -e {MARKS}/{name} ] || fail\n" + handler.get("configure", "")
    for other in needing(name, new):
        body = new[other].scripts.setdefault("postinst", {})
        body["configure"] = f"dpkg-trigger {name}-changed\n" + body.get("configure", "")


def _hang(name, old, new):
    """Ended by aptkeep where nobody is there; `apt-get -o Aptkeep::Hang-After=` tells when."""
    new[name].scripts["postinst"] = {"configure": "sleep 3600"}


def _transient_once(name, old, new):
    _once(new[name], "exit 75")


def _crash_once(name, old, new):
    _once(new[name], "kill -SEGV $$")


def _once(package, how):
    package.scripts["postinst"] = {"configure": (
        f"if [ ! -e {MARKS}/{package.name} ]; then\n"
        f"mkdir -p {MARKS}; touch {MARKS}/{package.name}; {how}\nfi")}


LASTING = {"preinst": _preinst, "prerm": _prerm, "postinst": _postinst, "postrm": _postrm,
           "abort-upgrade": _abort_upgrade, "crash-in-preinst": _crash_in_preinst,
           "crash-in-postinst": _crash_in_postinst, "trigger": _trigger, "hang": _hang}
HANGS = 2  # at most: each takes its time
# Healed when tried again: these packages are to be at the new version.
PASSING = {"transient-once": _transient_once, "crash-once": _crash_once}


def needing(name, packages):
    """Those that depend on it, and on nothing else in its place."""
    return sorted(
        other for other, package in packages.items() for field in graph.NEEDS
        for group in graph.relation(package.fields.get(field, ""))
        if len(group) == 1 and group[0][0] == name and other != name)


def needed_by(name, packages):
    """What it needs, directly or not, in whatever way."""
    found, todo = set(), [name]
    while todo:
        package = packages.get(todo.pop())
        for field in graph.NEEDS if package else ():
            for group in graph.relation(package.fields.get(field, "")):
                todo += [one[0] for one in group if one[0] not in found]
                found.update(one[0] for one in group)
    return found


def _sets_trigger_off(name, new, judge, others):
    """Whether something is upgraded that needs `name`, whatever becomes of `others`, and is
    configured after it: in a cycle it may come first, and a trigger of what is not configured yet
    is taken for handled by its postinst (dpkg, src/main/trigproc.c)."""
    kept = judge.least(others)
    before = needed_by(name, new)
    return name not in kept and any(other not in kept and other not in before
                                    for other in needing(name, new))


def draw(old, new, judge, rng):
    """Lets 1 to 10 % of the packages fail; {name: kind} of those that do so for good, and of those
    that are healed when tried again."""
    count = rng.randint(max(1, len(new) // 100), len(new) // 10)
    names = rng.sample(sorted(new), count)
    kinds = {name: rng.choice(sorted(LASTING | PASSING)) for name in names}
    lasting = {name: kind for name, kind in kinds.items() if kind in LASTING}
    for name in [n for n, kind in lasting.items() if kind == "trigger"]:
        others = set(lasting) - {name}
        if not _sets_trigger_off(name, new, judge, others):
            lasting[name] = kinds[name] = "postinst"
    for name in sorted(n for n, kind in lasting.items() if kind == "hang")[HANGS:]:
        lasting[name] = kinds[name] = "postinst"
    # Triggers last: they add to what other scripts do.
    for name, kind in sorted(kinds.items(), key=lambda item: (item[1] == "trigger", item[0])):
        (LASTING | PASSING)[kind](name, old, new)
    return lasting, {name: kind for name, kind in kinds.items() if kind in PASSING}
