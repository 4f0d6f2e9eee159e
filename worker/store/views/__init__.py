"""Reads for people: orders, overviews, searches. A test runs each of its statements in a read-only transaction."""
