"""Tests the simulated panel, shop and ledger, and that a false verdict of an examiner would be noticed."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.evidence import misleading, shops
from tests.evidence.examiner import Examiner, Outcome, Settled
from tests.evidence.history import ByHand, Child, Credit, Cut, Habits, History, Order, RateChange
from tests.evidence.records import Records
from tests.evidence.rows import rows
from tests.evidence.runs import examined, small
from tests.evidence.score import score, total
from tests.evidence.world import World
from worker.domain.evidence.landmarks import ids_increase

HABITS = Habits(1, (1.0, 2.0), changes=(RateChange(1050.0, 0, 1.5),), others=1.0)
HEARD = Order(0, 1000, 1000.0, 1001.0, 1000.5, cut=Cut(60.0, 0.25, "share"), hidden=5.0)
PARENT = Order(1, 500, 1010.0, 1011.0, 1010.5, is_parent=True, children=(Child(20.0),))
LOST = Order(0, 1000, 1100.0, 1101.0, 1150.0, heard=False, how="late")
UNSENT = Order(0, 1000, 1200.0, 1201.0, None, heard=False, how="before")
ORDERS = (HEARD, PARENT, LOST, UNSENT)


def world(orders=ORDERS, **more):
    by_hand = more.pop("by_hand", ())
    return World(History(orders, replace(HABITS, **more), 5000.0, by_hand))


def status(panel, order, at):
    return panel.status(panel.of_order[order].number, at)


def test_ids_are_given_out_in_the_order_of_being_taken():
    panel = world(by_hand=(ByHand(0, 1000, 1140.0),))
    numbers = [one.number for one in panel.taken]
    assert numbers == sorted(set(numbers))
    assert [one.at for one in panel.taken] == [1000.5, 1010.5, 1030.5, 1140.0, 1150.0]
    assert numbers[-1] - numbers[0] > 100  # other customers ordered, too


def test_a_panel_denies_an_order_that_is_hidden_or_never_was():
    panel = world()
    assert status(panel, HEARD, 1005.4) is None
    assert status(panel, HEARD, 1005.5).status == "Pending"
    assert panel.status(1, 2000.0) is None
    assert UNSENT not in panel.of_order


def test_a_panel_rewrites_what_it_cuts_short():
    panel = world(decimals=2)
    whole, cut = status(panel, HEARD, 1040.0), status(panel, HEARD, 1060.5)
    assert (whole.status, whole.charge, whole.remains) == ("In progress", Decimal("1.00"), 990)
    assert (cut.status, cut.charge, cut.remains) == ("Partial", Decimal("0.25"), 750)


def test_a_parent_lists_its_child_orders_once_they_are_there():
    panel = world(list_lag=4.0)
    (child,) = panel.of_order[PARENT].children
    assert status(panel, PARENT, 1034.4).spawned == ()
    assert status(panel, PARENT, 1034.5).spawned == (str(child.number),)
    assert panel.status(child.number, 1031.0).charge == Decimal("1.00")


def test_the_ledger_has_every_order_and_what_came_back():
    panel = world(credits=(Credit(1120.0, 500_000),), factors=((1140.0, 0.5),))
    spent = [-panel.balance(at) for at in (1000.0, 1001.0, 1031.0, 1060.5, 1120.0, 1150.0)]
    assert spent == [Decimal(one) for one in ("0", "1", "2", "1.25", "-3.75", "-3")]


def test_what_is_on_record_grows_with_time():
    records = Records(world())
    records.advance(1010.0)
    assert len(records.numbers) == 1
    assert not records.prices
    records.advance(1032.0)
    assert [price.charge for price in records.prices] == [Decimal("1.00000")]
    assert len(records.parents) == 1
    records.advance(5000.0)
    assert records.book().of_a_unit_before("0", 1100.0) is not None


@pytest.mark.parametrize(
    ("verdicts", "wrong", "doubled"),
    [
        ({}, 0, 0),
        ({LOST: None}, 0, 1),
        ({LOST: 7}, 1, 0),
        ({UNSENT: 7}, 1, 0),
        ({UNSENT: None}, 0, 0),
    ],
)
def test_a_false_verdict_is_noticed(verdicts, wrong, doubled):
    outcome = Outcome({order: Settled(2000.0, number) for order, number in verdicts.items()})
    result = score(world(), outcome)
    assert (result.lost, result.wrong, result.doubled) == (2, wrong, doubled)
    assert result.is_bad is bool(wrong or doubled)


def test_what_is_said_to_be_bought_and_isnt_is_noticed():
    result = score(world(), Outcome(bought={LOST: 1.0, UNSENT: 2.0}))
    assert (result.bought, result.unbought, result.is_bad) == (2, 1, True)


def test_scores_add_up():
    one = score(world(), Outcome({LOST: Settled(1161.0, world().of_order[LOST].number)}, calls=4))
    both = total([one, one])
    assert (both.lost, both.linked, both.calls_each, both.median_link) == (4, 2, 2.0, 11.0)
    assert both.shares() == [50.0] * 4


def test_a_world_that_goes_wrong_tells_its_story():
    """Two orders by hand, of which the rules know nothing, pass for a lost one that wasn't taken."""
    by_hand = tuple(ByHand(0, 1000, 1100.5) for _ in range(2))
    unsent = replace(LOST, taken_at=None)
    told = examined("by hand", History((HEARD, PARENT, unsent), HABITS, 5000.0, by_hand[:1]), shops.PREMISES)
    assert told.score.wrong == 1
    assert "linked to" in told.story
    guarded = examined("by hand", History((HEARD, PARENT, unsent), HABITS, 5000.0, by_hand), shops.PREMISES)
    assert guarded.score.shared == 1
    assert guarded.score.wrong == 0


def test_small_worlds_are_settled_and_none_of_them_wrongly():
    result = total(small(seed).score for seed in range(1, 61))
    assert not result.is_bad
    assert not result.shared
    assert len(result.settled) > 0.35 * result.lost


def test_every_row_of_the_table_has_a_world_and_what_was_specified():
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names) > 50
    assert all(len(row.specified["shares"]) == 4 for row in rows())
    (row,) = rows("loss 1 %, own 1/min")
    assert row.premises == shops.PREMISES


def test_a_shop_of_real_size_settles_all_that_can_be_told_apart():
    shop = shops.Shop(own=1 / 60, others=1.0, lost=12)
    told = examined("shop", shops.history(shop, 1), shops.PREMISES, watched=True)
    assert told.score.share(3600.0) == 100
    assert not told.story


@pytest.mark.parametrize("seed", [1, 2])
def test_a_history_follows_from_its_seed(seed):
    shop = shops.Shop(own=0.1, lost=5, parents=0.1, cut=0.2, by_hand=0.1, prices="drift")
    assert repr(shops.history(shop, seed)) == repr(shops.history(shop, seed))
    assert repr(misleading.history(seed)) == repr(misleading.history(seed))


def test_ids_of_a_world_increase():
    panel = World(shops.history(shops.Shop(own=0.1, lost=5), 1))
    examiner = Examiner(panel, shops.PREMISES)
    examiner.records.advance(panel.ends_at)
    assert ids_increase(list(examiner.records.landmarks(0.0)))
