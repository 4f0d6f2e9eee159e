"""order-sync: the worker between a reseller's order table in Postgres and an SMM panel's API v2."""

from importlib.metadata import version

__version__ = version("order-sync")
