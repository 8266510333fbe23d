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

    def _violated(self, kept):
        """[(owner, clause)] that do not hold when `kept` stay at the old version."""
        found = []
        for name in self.sides[graph.OLD]:
            version = graph.OLD if name in kept else graph.NEW
            for clause in self.clauses[name, version]:
                if not any((n in kept) == (v == graph.OLD) for n, v in clause):
                    found.append((name, clause))
        return found

    def least(self, failed):
        """One of the smallest sets that contain `failed` and leave nothing violated."""
        best = set(self.sides[graph.OLD])

        def search(kept):
            nonlocal best
            if len(kept) >= len(best):
                return
            ways = None
            for owner, clause in self._violated(kept):
                found = {n for n, v in clause if v == graph.OLD} - kept
                if owner not in kept:
                    found.add(owner)
                if ways is None or len(found) < len(ways):
                    ways = found
            if ways is None:
                best = kept
                return
            for name in sorted(ways):
                search(kept | {name})

        search(set(failed))
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
