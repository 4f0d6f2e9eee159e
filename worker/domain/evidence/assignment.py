"""Finds the owners that are certain: those that every assignment of things to owners has in common.

An assignment gives each thing an owner of its own, which is a bipartite matching by augmenting paths (Berge). A pair
is in every assignment if there is no augmenting path without it.
"""

from collections import deque
from collections.abc import Collection, Iterator, Mapping


def forced(owners: Mapping[int, Collection[int]]) -> dict[int, int]:
    """Returns, by thing, the owners on which all assignments agree.

    `owners` has for each thing its possible owners. Of things that can't all have an owner of their own, none is
    forced.
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
        yield {thing: set(owners[thing]) for thing in group}


def _matching(owners: Mapping[int, Collection[int]]) -> dict[int, int] | None:
    """Returns an owner for each thing, so that nobody owns two; None where that is impossible."""
    owner_of: dict[int, int] = {}
    for thing in owners:
        path = _path(owners, owner_of, thing)
        if path is None:
            return None
        owner_of |= path
    return owner_of


def _path(owners: Mapping[int, Collection[int]], owner_of: Mapping[int, int], thing: int) -> dict[int, int] | None:
    """Returns which things get which new owners so that this thing has one, too; None where that is impossible."""
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
    """Returns the path that ended at this free owner, back to the thing at which it began."""
    path: dict[int, int] = {}
    while (current := taker[owner]) != thing:
        path[current] = owner
        owner = owner_of[current]
    return path | {thing: owner}
