"""Serves the panel over HTTP, with an admin interface that controls it."""
