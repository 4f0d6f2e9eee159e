"""Reads typed settings from the environment and a file."""
