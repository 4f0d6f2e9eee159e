"""The tables, the revisions that build them, and a Postgres of our own."""
