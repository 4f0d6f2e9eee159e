"""Keeps records: catalogues, balances, evidence, audits, and the archive."""
