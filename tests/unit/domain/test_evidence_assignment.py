"""Tests who can own what, against all ways there are."""

from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.domain.evidence.assignment import assign


def all_ways(owners):
    """Returns each way to give every thing one of its possible owners so that nobody owns two."""
    ways = product(*owners.values())
    return [dict(zip(owners, way, strict=True)) for way in ways if len(set(way)) == len(way)]


@pytest.mark.parametrize(
    ("owners", "found", "surely"),
    [
        ({}, {}, set()),
        ({1: [7]}, {1: {7}}, {7}),
        ({1: [7, 8]}, {1: {7, 8}}, set()),
        ({1: [7, 8], 2: [8]}, {1: {7}, 2: {8}}, {7, 8}),  # the other can only be 8's
        ({1: [7, 8], 2: [7, 8]}, {1: {7, 8}, 2: {7, 8}}, {7, 8}),  # both own one, and nobody knows which
        ({1: [7, 8], 2: [8, 9], 3: [9]}, {1: {7}, 2: {8}, 3: {9}}, {7, 8, 9}),
        ({1: [7, 8], 2: [8, 9]}, {1: {7, 8}, 2: {8, 9}}, set()),
        ({1: [7, 8], 2: [7, 8], 3: [8, 9]}, {1: {7, 8}, 2: {7, 8}, 3: {9}}, {7, 8, 9}),
    ],
)
def test_what_all_ways_have_in_common(owners, found, surely):
    together = assign(owners)
    assert together.owners == found
    assert together.surely == surely
    assert not together.impossible


def test_things_that_cannot_all_have_an_owner_say_nothing_of_others():
    together = assign({1: [7], 2: [7], 3: [8], 4: [9, 10]})
    assert together.impossible == {1, 2}
    assert together.owners == {3: {8}, 4: {9, 10}}
    assert together.surely == {8}


graphs = st.dictionaries(st.integers(1, 5), st.lists(st.integers(6, 11), min_size=1, unique=True), max_size=5)


@given(graphs)
@example({1: [6, 7], 2: [7, 8], 3: [8, 6]})
@example({1: [6], 2: [6, 7], 3: [7, 8], 4: [8]})
def test_all_ways_are_considered(owners):
    together = assign(owners)
    possible = {thing: of for thing, of in owners.items() if thing not in together.impossible}
    ways = all_ways(possible)
    assert ways
    assert together.owners == {thing: {way[thing] for way in ways} for thing in possible}
    assert together.surely == {
        owner
        for owner in {owner for way in ways for owner in way.values()}
        if all(owner in way.values() for way in ways)
    } - ({None})
    if together.impossible:
        assert not all_ways({thing: owners[thing] for thing in together.impossible})
        assert not {owner for thing in together.impossible for owner in owners[thing]} & {
            owner for of in possible.values() for owner in of
        }


def test_thousands_in_one_chain_need_no_recursion():
    owners = {thing: [10_000 + thing, 10_001 + thing] for thing in range(5000)}
    assert all(len(of) == 2 for of in assign(owners).owners.values())
    together = assign(owners | {5000: [10_000]})
    assert together.owners == {thing: {10_001 + thing} for thing in range(5000)} | {5000: {10_000}}
