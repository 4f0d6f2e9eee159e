"""Declares the tables, migrates databases to them, and runs an embedded Postgres."""
