"""What an operator sees of a running worker: logs, and later metrics and health."""
