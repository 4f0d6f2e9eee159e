"""Keeps what all workers share: request budgets, pauses, leases, and work that one worker does for all."""
