"""Tests that every signal raises the same exception, and that a block can delay it."""

import signal
from collections.abc import Iterator

import pytest

from worker.cli.frame.interrupts import held, raise_interrupts

ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def _handlers_as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_each_raises_the_same(number: signal.Signals) -> None:
    raise_interrupts()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", ENDING)
def test_held_it_comes_after_the_block(number: signal.Signals) -> None:
    steps = []

    def interrupted() -> None:
        with held():
            signal.raise_signal(number)
            steps.append("all of the block")
        steps.append("what follows")

    raise_interrupts()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert steps == ["all of the block"]


def test_without_one_nothing_is_raised_and_the_handlers_are_back() -> None:
    raise_interrupts()
    with held():
        pass
    assert {signal.getsignal(number) for number in ENDING} == {signal.default_int_handler}


def test_an_error_of_the_block_comes_first() -> None:
    def failing() -> None:
        with held():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("of the block")

    raise_interrupts()
    with pytest.raises(ValueError, match="of the block"):
        failing()


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    raise_interrupts()
    with held():
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
