"""Decides what the ids on a panel prove about orders whose answers were lost."""
