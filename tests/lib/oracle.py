"""The least kept set, worked out here in another way than aptkeep does it: from the control fields
of the packages, by plain search. The two are to agree on its size."""

import graph

OPERATORS = {
    "": lambda have, want: True,
    "=": lambda have, want: have == want,
    ">=": lambda have, want: float(have) >= float(want),
    "<<": lambda have, want: float(have) < float(want),
}


class Oracle:
    def __init__(self, old, new):
        self.sides = {graph.OLD: old, graph.NEW: new}
        self.clauses = {}   # (name, version) -> [frozenset of (name, version), any of which does]
        self.provides = {}  # virtual name -> [(provider, its version, version provided or "")]
        for version, packages in self.sides.items():
            for name, package in packages.items():
                for group in graph.relation(package.fields.get("Provides", "")):
                    for virtual, _, provided in group:
                        self.provides.setdefault(virtual, []).append((name, version, provided))
        for version, packages in self.sides.items():
            for name, package in packages.items():
                self.clauses[name, version] = self._clauses(package)

    def _meets(self, name, operator, wanted, virtual=True):
        met = {(name, v) for v, packages in self.sides.items()
               if name in packages and OPERATORS[operator](v, wanted)}
        for provider, version, provided in self.provides.get(name, []) if virtual else []:
            if not operator or (provided and OPERATORS[operator](provided, wanted)):
                met.add((provider, version))
        return met

    def _clauses(self, package):
        clauses = []
        for field in graph.NEEDS:
            for group in graph.relation(package.fields.get(field, "")):
                met = set()
                for alternative in group:
                    met |= self._meets(*alternative)
                # Met on both sides of one package: nothing in this run can change it.
                if not any({(n, graph.OLD), (n, graph.NEW)} <= met for n, _ in met):
                    clauses.append(frozenset(met))
        for field in graph.AGAINST:
            for group in graph.relation(package.fields.get(field, "")):
                for name, version in self._meets(*group[0]) - {(package.name, package.version)}:
                    if name != package.name:
                        other = graph.OLD if version == graph.NEW else graph.NEW
                        clauses.append(frozenset({(name, other)}))
        return clauses

    def _ways(self, rule, kept):
        """Packages of which any one has to stay so that a clause holds; None: it does hold."""
        owner, version, clause = rule
        if (owner in kept) != (version == graph.OLD):
            return None
        if any((n in kept) == (v == graph.OLD) for n, v in clause):
            return None
        ways = {n for n, v in clause if v == graph.OLD} - kept
        return ways | {owner} if version == graph.NEW else ways

    def _force(self, kept, todo, by_name):
        """Takes into `kept` all that there is no other way for; the clauses that leave a choice, or
        None where one can't hold."""
        choices = []
        while todo:
            for rule in by_name.get(todo.pop(), ()):
                ways = self._ways(rule, kept)
                if ways is not None and not ways:
                    return None
                if ways and len(ways) == 1:
                    kept |= ways
                    todo += ways
                elif ways:
                    choices.append(rule)
        return choices

    def least(self, failed):
        """One of the smallest sets that contain `failed` and leave nothing violated."""
        by_name = {}
        for (owner, version), clauses in self.clauses.items():
            for clause in clauses:
                for name in {owner} | {n for n, _ in clause}:
                    by_name.setdefault(name, []).append((owner, version, clause))
        best = set(self.sides[graph.OLD])

        def search(kept, choices):
            nonlocal best
            if len(kept) >= len(best):
                return
            open_ways = [w for w in (self._ways(rule, kept) for rule in choices) if w is not None]
            if not open_ways:
                best = kept
                return
            for name in sorted(min(open_ways, key=len)):
                larger = kept | {name}
                more = self._force(larger, [name], by_name)
                if more is not None:
                    search(larger, choices + more)

        first = set(failed)
        search(first, self._force(first, sorted(first), by_name))
        return best

    def _order_edges(self):
        """name -> names that are unpacked after it: they need it, or Break its old version."""
        after = {name: set() for name in self.sides[graph.NEW]}
        for name in self.sides[graph.NEW]:
            package = self.sides[graph.NEW][name]
            for field in graph.NEEDS:
                for group in graph.relation(package.fields.get(field, "")):
                    for alternative in group:
                        for other, _ in self._meets(*alternative):
                            after[other].add(name)
            for clause in self.clauses[name, graph.NEW]:
                for other, version in clause:
                    if version == graph.NEW:
                        after[other].add(name)
        return after

    def reachable(self, name):
        """All that is unpacked after `name` in every order that heeds the edges."""
        after = self._order_edges()
        seen, todo = set(), [name]
        while todo:
            for other in after[todo.pop()]:
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen

    def avoidable(self, failed):
        """Whether, with the failure met first, nothing of the least kept set has been unpacked
        before it. False in a cycle, and where a kept package at its old version holds back one
        that does not need the failed one: only a rollback could help then."""
        later = set()
        for name in failed:
            reach = self.reachable(name)
            if name in reach:
                return False
            later |= reach
        return self.least(failed) - set(failed) <= later


def choose_failing(oracle, count, rng):
    """Packages that can fail without need for a rollback, and that something strictly needs."""
    names = sorted(oracle.sides[graph.OLD])
    while True:
        failed = rng.sample(names, count)
        if oracle.avoidable(failed) and len(oracle.least(failed)) > count:
            return failed
