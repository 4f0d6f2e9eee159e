"""`python -m tests.bench.contenders MODULE ...`: one of them, until it is done or stopped."""

from importlib import import_module

from tests.bench.contenders.given import given

told = given()
import_module(f"tests.bench.contenders.{told.module}").main(told)
