"""Plans of runs that are made by hand, each field an option of the command."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Plan = TypeVar("Plan", bound="DataclassInstance")


def plan_of_options(usual: Plan, about: str | None) -> Plan:
    """The plan that the command line asks for: `usual`, where it says nothing. `about` is the help's text."""
    parser = argparse.ArgumentParser(description=about)
    for name, value in asdict(usual).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    return type(usual)(**vars(parser.parse_args()))
