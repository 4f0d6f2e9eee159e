"""A panel of our own to develop and test against. Its state is in memory and ends with the process."""
