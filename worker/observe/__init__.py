"""Shows operators a running worker: logs, metrics, signs of life, traces."""
