"""Whose is what: where all ways of giving each thing an owner of its own agree on one.

Bipartite matching by augmenting paths (Berge); an edge is in every matching where taking it away leaves no path.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping


def forced(owners: Mapping[int, Collection[int]]) -> dict[int, int]:
    """For each thing, its owner, where all ways of giving each thing an owner of its own agree on it.

    `owners` has for each thing those whose it may be. Nothing is forced among those for whom there is no such way.
    """
    agreed: dict[int, int] = {}
    for component in _components(owners):
        owner_of = _matching(component)
        if owner_of is None:
            continue
        for thing, owner in owner_of.items():
            without = {other: its for other, its in owner_of.items() if other != thing}
            if _path({**component, thing: set(component[thing]) - {owner}}, without, thing) is None:
                agreed[thing] = owner
    return agreed


def _components(owners: Mapping[int, Collection[int]]) -> Iterator[dict[int, set[int]]]:
    """The things in groups that have no owner in common."""
    things_of: dict[int, list[int]] = {}
    for thing, possible in owners.items():
        for owner in possible:
            things_of.setdefault(owner, []).append(thing)
    left = dict.fromkeys(owners)
    while left:
        group = [next(iter(left))]
        del left[group[0]]
        for thing in group:  # it grows while it is walked
            for owner in owners[thing]:
                for other in things_of.pop(owner, ()):
                    if other in left:
                        del left[other]
                        group.append(other)
        yield {thing: set(owners[thing]) for thing in group}


def _matching(owners: Mapping[int, Collection[int]]) -> dict[int, int] | None:
    """An owner for each thing, none owning two; None where that can't be."""
    owner_of: dict[int, int] = {}
    for thing in owners:
        path = _path(owners, owner_of, thing)
        if path is None:
            return None
        owner_of |= path
    return owner_of


def _path(owners: Mapping[int, Collection[int]], owner_of: Mapping[int, int], thing: int) -> dict[int, int] | None:
    """Who takes whom, so that this thing too has an owner; None where that can't be."""
    thing_of = {owner: owned for owned, owner in owner_of.items()}
    taker: dict[int, int] = {}
    waiting = deque([thing])
    while waiting:
        current = waiting.popleft()
        for owner in owners[current]:
            if owner in taker:
                continue
            taker[owner] = current
            if owner not in thing_of:
                return _walked_back(taker, owner_of, thing, owner)
            waiting.append(thing_of[owner])
    return None


def _walked_back(taker: Mapping[int, int], owner_of: Mapping[int, int], thing: int, owner: int) -> dict[int, int]:
    path: dict[int, int] = {}
    while (current := taker[owner]) != thing:
        path[current] = owner
        owner = owner_of[current]
    return path | {thing: owner}
