"""Draws what commands show: tables, plots, live views."""
