"""order-sync: the worker between a reseller's order table in Postgres and an SMM panel's API v2."""

__version__ = "0.1.0"
