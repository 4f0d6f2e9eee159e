"""Finds out who can own what: by all ways to give each thing an owner of its own.

Such a way is a matching in a bipartite graph. One is found by augmenting paths (Berge). All others follow from it: a
thing may pass to another owner if that owner ends a chain of such passes, or if the chain comes back to where it began
(the strongly connected components of Tarjan).
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assignment:
    """What all ways have in common. `owners` has, by thing, each owner that it has in some way.

    `surely` are the owners that own something in every way. `impossible` are things that can't all have an owner.
    """

    owners: Mapping[int, frozenset[int]]
    surely: frozenset[int]
    impossible: frozenset[int] = frozenset()


def assign(owners: Mapping[int, Collection[int]]) -> Assignment:
    """Considers all ways to give each thing one of its possible owners, so that nobody owns two."""
    possible: dict[int, frozenset[int]] = {}
    surely: set[int] = set()
    impossible: set[int] = set()
    for component in _components(owners):
        owner_of = _matching(component)
        if owner_of is None:
            impossible |= component.keys()
            continue
        in_all, also = _alternatives(component, owner_of)
        surely |= in_all
        possible |= also
    return Assignment(possible, frozenset(surely), frozenset(impossible))


def _components(owners: Mapping[int, Collection[int]]) -> Iterator[dict[int, Collection[int]]]:
    """Yields the things in groups, so that no two groups share a possible owner."""
    things_of: dict[int, list[int]] = {}
    for thing, possible in owners.items():
        for owner in possible:
            things_of.setdefault(owner, []).append(thing)
    left = dict.fromkeys(owners)
    while left:
        group = [next(iter(left))]
        del left[group[0]]
        for thing in group:  # it grows during the loop
            for owner in owners[thing]:
                for other in things_of.pop(owner, ()):
                    if other in left:
                        del left[other]
                        group.append(other)
        yield {thing: owners[thing] for thing in group}


def _matching(owners: Mapping[int, Collection[int]]) -> dict[int, int] | None:
    """Returns an owner for each thing, so that nobody owns two; None where that is impossible."""
    owner_of: dict[int, int] = {}
    thing_of: dict[int, int] = {}
    for thing in sorted(owners, key=lambda one: len(owners[one])):
        path = _path(owners, thing_of, thing)
        if path is None:
            return None
        for owned, owner in path:
            owner_of[owned], thing_of[owner] = owner, owned
    return owner_of


def _path(
    owners: Mapping[int, Collection[int]], thing_of: Mapping[int, int], thing: int
) -> Sequence[tuple[int, int]] | None:
    """Returns which things get which new owners so that this thing has one, too; None where that is impossible."""
    taker: dict[int, int] = {}
    before: dict[int, int] = {}  #: the owner that a thing of the path gives up
    waiting = deque([thing])
    while waiting:
        current = waiting.popleft()
        for owner in owners[current]:
            if owner in taker:
                continue
            taker[owner] = current
            if owner in thing_of:
                before[thing_of[owner]] = owner
                waiting.append(thing_of[owner])
                continue
            path = [(current, owner)]
            while path[-1][0] != thing:
                given_up = before[path[-1][0]]
                path.append((taker[given_up], given_up))
            return path
    return None


def _alternatives(
    owners: Mapping[int, Collection[int]], owner_of: Mapping[int, int]
) -> tuple[set[int], dict[int, frozenset[int]]]:
    """Returns the owners that own something in every way, and by thing all owners that it has in some way."""
    arcs = {owner: [other for other in owners[thing] if other != owner] for thing, owner in owner_of.items()}
    replaceable = _reaching({other for others in arcs.values() for other in others} - arcs.keys(), arcs)
    component = _strong_components(arcs)
    also = {
        thing: frozenset(
            [owner]
            + [other for other in arcs[owner] if other in replaceable or component.get(other, -1) == component[owner]]
        )
        for thing, owner in owner_of.items()
    }
    return arcs.keys() - replaceable, also


def _reaching(ends: set[int], arcs: Mapping[int, Sequence[int]]) -> set[int]:
    """Returns these ends, and all from which arcs lead to one of them."""
    back: dict[int, list[int]] = {}
    for owner, others in arcs.items():
        for other in others:
            back.setdefault(other, []).append(owner)
    reaching, waiting = set(ends), list(ends)
    while waiting:
        for owner in back.get(waiting.pop(), ()):
            if owner not in reaching:
                reaching.add(owner)
                waiting.append(owner)
    return reaching


def _strong_components(arcs: Mapping[int, Sequence[int]]) -> dict[int, int]:
    """Returns the number of each node's strongly connected component, by Tarjan's algorithm without recursion."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    component: dict[int, int] = {}
    path: list[int] = []
    for root in arcs:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        path.append(root)
        work = [(root, iter(arcs[root]))]
        while work:
            node, others = work[-1]
            for other in others:
                if other not in index:
                    index[other] = low[other] = len(index)
                    path.append(other)
                    work.append((other, iter(arcs.get(other, ()))))
                    break
                if other not in component:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    while node not in component:
                        component[path.pop()] = index[node]
    return component
