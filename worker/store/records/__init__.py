"""Records: catalogues, balances, evidence, audits, and the archive."""
