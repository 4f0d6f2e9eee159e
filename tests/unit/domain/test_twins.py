"""Who waits for its like, and for how long."""

from decimal import Decimal

import pytest

from worker.domain.evidence.lookalikes import HOLD, LONGEST_HOLD, kept_back

ONE, OTHER = Decimal("0.90"), Decimal("1.80")


def test_one_of_each_kind_goes_and_the_others_wait_in_line():
    assert kept_back([ONE, OTHER, ONE, ONE], []) == pytest.approx([0, 0, HOLD, 2 * HOLD])


def test_none_goes_whose_like_is_in_the_air():
    assert kept_back([ONE, OTHER], [ONE, ONE]) == pytest.approx([HOLD, 0])


def test_what_cannot_be_known_is_like_each_other_that_cannot():
    assert kept_back([None, ONE], [None]) == pytest.approx([HOLD, 0])


def test_no_line_is_so_long_that_its_end_is_forgotten():
    assert max(kept_back([ONE] * 1000, [])) == LONGEST_HOLD
