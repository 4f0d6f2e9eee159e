"""Tests that the values which rooms hand to each other can't be changed on the way (docs/architecture.md)."""

import dataclasses
import importlib
import inspect
import pkgutil

import pytest

import worker.domain
import worker.panel

#: What is no value: it keeps count of one request.
AT_WORK = {"_Found", "_Wire"}

VALUES = sorted(
    {
        value
        for room in (worker.domain, worker.panel)
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
        for _, value in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if dataclasses.is_dataclass(value) and value.__module__ == module.name and value.__name__ not in AT_WORK
    },
    key=lambda value: (value.__module__, value.__name__),
)


def test_there_are_values():
    assert len(VALUES) > 40


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_a_value_is_frozen_and_holds_nothing_but_its_fields(value):
    assert value.__dataclass_params__.frozen
    assert "__slots__" in vars(value)
