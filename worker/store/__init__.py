"""Speaks SQL, as the only room that does: tables, and a function for each thing that happens to them."""
