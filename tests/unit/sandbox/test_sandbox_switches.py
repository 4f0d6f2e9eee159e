"""Tests the switches of quirks and cheats: names, values, and what a wrong one is told."""

import pytest

from worker.sandbox import Sandbox, SandboxOptions
from worker.sandbox.misbehaviour.quirks import ALL, KINDS


def test_a_switch_without_a_value_has_its_default_and_may_be_set_anew(quirky):
    it = quirky("charge_decimals")
    assert it.quirks.listing()["charge_decimals"]["value"] == "2"

    it.quirks.on("charge_decimals=3")
    entry = it.quirks.listing()["charge_decimals"]
    assert (entry["on"], entry["takes"], entry["value"]) == (True, "DECIMALS", "3")

    it.quirks.off("charge_decimals")
    assert not it.quirks.listing()["charge_decimals"]["on"]
    assert "value" not in it.quirks.listing()["php_notice"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("price_facto", "no such quirk: price_facto; the nearest are price_factor"),
        ("zzzz", "no such quirk: zzzz$"),
        ("php_notice=1", "the quirk php_notice takes no value"),
        ("charge_decimals=x", "the quirk charge_decimals takes DECIMALS: a whole number from 0 upwards, not 'x'"),
        ("price_factor=-1", "an amount of 0 or more"),
        ("price_factor=nan", "an amount of 0 or more"),
        ("price_factor=", "an amount"),
        ("price_of=1", "pairs such as 1:0.81"),
        ("price_of=1:x", "an amount"),
        ("limits_by_action=add:-1", "an amount of 0 or more"),
        ("limits_by_action=stats:1", "no such action: stats; the nearest are status"),
        ("bought_twice=2", "a share from 0 to 1"),
        ("bought_twice=nan", "a share from 0 to 1"),
        ("rates_drift=0", "a whole number from 1 upwards"),
        ("rates_shown_late=x", "a number"),
        ("rates_shown_late=-1", "seconds, or never"),
        ("unknown_at_first=9-1", "bounds such as 0-180"),
        ("unknown_at_first=never", "bounds such as 0-180"),
        ("ban_after_bad_keys=3", "a number"),
        ("ban_after_bad_keys=0:3", "a whole number from 1 upwards"),
    ],
)
def test_what_cannot_be_switched_on_is_told_so_and_nothing_is(quirky, setting, told):
    it = quirky()
    with pytest.raises(ValueError, match=told):
        it.quirks.on("status_upper", setting)
    assert not any(entry["on"] for entry in it.quirks.listing().values())


def test_an_unknown_name_cannot_be_switched_off(quirky):
    it = quirky("status_upper")
    with pytest.raises(ValueError, match="the nearest are status_lower"):
        it.quirks.off("status_upper", "status_lowe")
    assert "status_upper" in it.quirks


def test_each_quirk_is_in_one_group_and_says_what_it_does(quirky):
    assert sorted(name for names in KINDS.values() for name in names) == sorted(ALL)
    assert all(entry["about"].endswith((".", '".')) for entry in quirky().quirks.listing().values())


def test_each_value_has_a_default_that_it_can_read(quirky):
    assert all(entry["on"] for entry in quirky(*ALL).quirks.listing().values())


def test_a_sandbox_has_what_its_options_say_and_again_after_a_reset():
    sandbox = Sandbox(
        SandboxOptions(quirks=("price_factor=0.5",), cheats=("overcharge",), faults=("null,action=balance",))
    )
    sandbox.quirks.clear()
    sandbox.faults.clear()
    assert sandbox.panel.book.prices.factor == 1

    sandbox.reset()

    assert str(sandbox.panel.book.prices.factor) == "0.5"
    assert "overcharge" in sandbox.panel.cheats
    assert sandbox.faults.listing()[0]["kind"] == "null"
    with pytest.raises(ValueError, match="no such cheat: overcharg; the nearest are overcharge"):
        Sandbox(SandboxOptions(cheats=("overcharg",)))
