"""Keeps what is asked and learned about a panel's ids, and settles orders whose answers were lost."""
