"""Decides what orders cost, and audits balances against that."""
