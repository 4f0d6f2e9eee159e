"""What an order is and what may become of it. Pure functions and frozen values: no I/O, no clock, no framework."""
