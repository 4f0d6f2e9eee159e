"""Misbehaviour on request: faults that spoil replies, and quirks of real panels."""
