"""The panel itself: its account, its orders, its catalogue, and the documented interface."""
