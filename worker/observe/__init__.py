"""What an operator sees of a running worker: its logs."""
