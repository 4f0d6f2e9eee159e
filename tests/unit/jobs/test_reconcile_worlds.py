"""Worlds in which a verdict that was too quick would be false, each reduced to what matters."""

from decimal import Decimal

import pytest

from tests.unit.jobs.evidence_strategies import KINDS, PARENTS
from tests.unit.jobs.evidence_world import SETTLE, SMALL, Cut, Row, Show, World, landmark, ordinary
from worker.domain.evidence.verdicts import Absent, Doubt, Linked, Undecided

#: Kinds whose charges differ, and a drip-feed that spawns orders as SMALL is one.
HALF, DOUBLE = KINDS[2], KINDS[3]
DRIP = PARENTS[0]

BELOW, ABOVE = landmark(-60.0), landmark(70.0)

#: When all that was sent at time 0 is settled, and over.
SETTLED, OVER = 1 + SETTLE, 1 + 2 * SETTLE


def lost(kind=SMALL, *, taken_at: float | None = 0.5, began: float = 0.0, ended: float = 1.0, **more) -> Row:
    """An order whose reply was lost; None: nor had the panel taken it."""
    return Row(kind, began, ended, taken_at, heard=False, replied=more.pop("replied", True), **more)


def heard(kind=SMALL, *, began: float, ended: float, **more) -> Row:
    return Row(kind, began, ended, more.pop("taken_at", began), heard=True, replied=True, **more)


def world(*rows: Row, **more) -> World:
    return World([landmark(-60.0), *rows, landmark(70.0)], **more)


def verdicts_on(world: World, row: Row) -> list:
    return [verdict for of, verdict in world.verdicts if of is row]


def test_what_was_taken_is_linked_and_what_was_not_is_absent():
    taken, never = lost(), lost(DOUBLE, taken_at=None)
    it = world(taken, never)
    it.run(at=80)
    assert verdicts_on(it, taken) == [Linked(str(taken.truth))]
    assert verdicts_on(it, never) == [Absent()]


def test_silence_is_proof_only_where_it_was_asked_for_after_the_end():
    """It comes to light, and its time is over, between the question and its answer."""
    row = lost(taken_at=11.0, replied=False, show=Show(hidden=SETTLE))
    above = heard(began=12.0, ended=12.0)
    it = World([landmark(-60.0), row, above], steps=(1.0,))
    it.run(at=OVER - 5)
    assert verdicts_on(it, row) == [Undecided(Doubt.TOO_YOUNG)]
    it.run(at=OVER + 10)
    assert verdicts_on(it, row)[-1] == Linked(str(row.truth))


def test_a_half_delivered_order_may_show_the_charge_of_another():
    """The first was never taken; the second was, and its rewritten charge is the first's."""
    never, cut = (
        lost(SMALL, taken_at=None),
        lost(DOUBLE, show=Show(cut=Cut(5, "Partial", Decimal("0.5"), "proportional", says_remains=False))),
    )
    it = world(never, cut)
    it.run(at=80)
    assert verdicts_on(it, never) == [Undecided(Doubt.AMBIGUOUS, (cut.truth,))]
    assert verdicts_on(it, cut) == [Undecided(Doubt.AMBIGUOUS, (cut.truth,))]


def test_what_a_lost_drip_feed_spawned_is_no_other_rows():
    """It lies in another gap, which isn't due: nobody has asked about it yet."""
    parent = lost(DRIP, began=-50.0, ended=-49.0, taken_at=-49.5, spawns_at=(50.0,), due_at=100.0)
    never = lost(taken_at=None)
    it = world(parent, landmark(-30.0), never)
    it.run(at=80)
    assert verdicts_on(it, never) == [Absent()]
    assert verdicts_on(it, parent) == []


def test_what_a_lost_drip_feed_spawned_while_it_cannot_be_read():
    parent = lost(DRIP, began=-50.0, ended=-49.0, taken_at=-49.5, spawns_at=(50.0,))
    never = lost(taken_at=None)
    it = world(parent, landmark(-30.0), never)
    it.silent = frozenset({parent.truth})
    it.run(at=80)
    child = parent.truth + 2
    assert verdicts_on(it, never) == [Undecided(Doubt.MAYBE_SPAWNED, (child,))]
    it.silent = frozenset()
    it.run(at=90)
    assert verdicts_on(it, never)[-1] == Absent()


def test_what_a_drip_feed_spawned_whose_call_is_still_under_way():
    parent, never = lost(DRIP, ended=90.0, spawns_at=(0.0,)), lost(taken_at=None)
    it = world(parent, never)
    it.silent = frozenset({parent.truth})
    it.run(at=80)
    assert verdicts_on(it, never) == [Undecided(Doubt.MAYBE_SPAWNED, (parent.truth + 1,))]


def test_what_a_drip_feed_spawned_whose_reply_came_while_we_asked():
    parent, never = heard(DRIP, began=0.0, ended=84.0, spawns_at=(1.0,)), lost(taken_at=None)
    it = world(parent, never, steps=(1.0,))
    it.run(at=79)
    assert verdicts_on(it, never) == [Absent()]


def test_what_a_known_drip_feed_spawned_before_it_closed_and_before_the_call():
    parent = heard(DRIP, began=-80.0, ended=-79.0, spawns_at=(60.0,), closed_at=-15.0)
    never = lost(taken_at=None)
    it = world(parent, never)
    it.run(at=80)
    assert verdicts_on(it, never) == [Absent()]


def test_what_a_known_drip_feed_spawned_while_it_is_not_answered_for():
    parent, never = heard(DRIP, began=-80.0, ended=-79.0, spawns_at=(80.5,)), lost(taken_at=None)
    it = world(parent, never)
    it.silent = frozenset({parent.truth})
    it.run(at=80)
    assert verdicts_on(it, never) == [Undecided(Doubt.MAYBE_SPAWNED, (parent.truth + 2,))]


def test_a_twin_whose_reply_came_while_we_asked():
    """What we found is the twin's: by the time of the verdict it is known, and no suspect any more."""
    never, twin = lost(taken_at=None), heard(began=0.5, ended=84.0)
    it = world(never, twin, steps=(1.0,))
    it.run(at=79)
    assert verdicts_on(it, never) == [Absent()]


def test_a_twin_of_which_the_ids_say_nothing():
    """Around it the ids don't increase, so it may lie anywhere, and in the other's gap too."""
    twin, never = lost(began=-50.0, ended=-49.0, taken_at=None), lost(taken_at=0.5)
    it = world(twin, never)
    it.neighbours_of = {twin.began: [("900", -60.0, -59.0), ("800", -58.0, -57.0)]}
    it.run(at=80)
    assert verdicts_on(it, twin) == [Undecided(Doubt.IDS_NOT_INCREASING)]
    assert verdicts_on(it, never) == [Undecided(Doubt.AMBIGUOUS, (never.truth,))]


@pytest.mark.parametrize("taken_at", [None, 0.5])
def test_a_panel_that_knows_none_of_our_orders_proves_nothing(taken_at):
    """As with another account's key."""
    row = lost(taken_at=taken_at)
    it = world(row, strange_to_us=frozenset({1}))
    it.run(at=80)
    assert verdicts_on(it, row) == [Undecided(Doubt.NOT_RECOGNIZED)]
    it.run(at=90)
    assert verdicts_on(it, row)[-1] == (Absent() if taken_at is None else Linked(str(row.truth)))


def test_of_bounds_whose_answer_is_lost_nobody_says_that_the_panel_denies_them():
    row = lost()
    it = world(row, failing=frozenset({1}))
    it.run(at=80)
    assert verdicts_on(it, row) == [Undecided(Doubt.NOT_ALL_ANSWERED)]
    it.run(at=90)
    assert verdicts_on(it, row)[-1] == Linked(str(row.truth))


def test_an_examination_that_may_not_ask_any_more_leaves_the_doubts_as_they_were():
    """As while the worker drains: what the last whole one found stays on record, and the next comes no later."""
    row = lost()
    it = world(row, leaves=0)
    it.run(at=80)
    assert verdicts_on(it, row) == []
    it.leaves = 1
    it.run(at=80)
    assert verdicts_on(it, row) == [Linked(str(row.truth))]


def test_what_was_answered_before_an_examination_had_to_stop_is_proof_all_the_same():
    """The bounds and the order lie in the first hundred ids, and most of another's gap beyond."""
    early, late = lost(began=-40.0, ended=-39.0, taken_at=-39.5), lost(DOUBLE, taken_at=None)
    it = world(early, landmark(-20.0), late, strangers=tuple((10.0, tie) for tie in range(150)), leaves=1)
    it.run(at=80)
    assert verdicts_on(it, early) == [Linked(str(early.truth))]
    assert verdicts_on(it, late) == []
    it.leaves = 1000
    it.run(at=80)
    assert verdicts_on(it, late) == [Absent()]


def test_twins_are_never_guessed_apart():
    pair = [lost(), lost()]
    it = world(*pair)
    it.run(at=80)
    candidates = tuple(sorted(row.truth for row in pair))
    for row in pair:
        assert verdicts_on(it, row) == [Undecided(Doubt.AMBIGUOUS, candidates)]


def test_twins_that_their_own_gaps_keep_apart_though_they_are_not_due_together():
    """The first's gap has one candidate, and the second's has both."""
    first = lost(began=0.0, ended=1.0, taken_at=0.5)
    second = lost(began=0.0, ended=30.0, taken_at=25.0, due_at=300.0)
    it = World([landmark(-60.0), first, landmark(10.0), second, landmark(70.0)])
    it.run(at=80)
    assert verdicts_on(it, first) == [Linked(str(first.truth))]
    assert verdicts_on(it, second) == [Linked(str(second.truth))]


def test_a_gap_wider_than_may_be_asked_about():
    row = lost(taken_at=None)
    it = world(row, strangers=tuple((10.0, tie) for tie in range(5)), max_ids=4)
    it.run(at=80)
    assert verdicts_on(it, row) == [Undecided(Doubt.GAP_TOO_WIDE)]


def test_charges_that_only_rounding_makes_the_same_are_not_told_apart():
    pair = [lost(ordinary("0.904", 100)), lost(ordinary("0.896", 100), taken_at=None)]
    it = world(*pair, places=2)
    it.run(at=80)
    assert {type(verdict) for row in pair for verdict in verdicts_on(it, row)} == {Undecided}


def test_an_order_sent_before_another_may_have_been_taken_after_it():
    row, overlapping = lost(), heard(began=-1.0, ended=5.0, taken_at=4.0)
    it = world(row, overlapping)
    it.run(at=80)
    assert overlapping.truth > row.truth
    assert verdicts_on(it, row) == [Linked(str(row.truth))]
