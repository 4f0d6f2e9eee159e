"""An order: its states and changes, the request that buys it, and the words that panels have for it."""
