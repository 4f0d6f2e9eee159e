"""Connections, transactions, and how values reach a statement."""
