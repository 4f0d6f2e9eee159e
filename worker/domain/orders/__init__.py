"""Decides about orders: their states and changes, the `add` that buys them, and the meaning of panels' answers."""
