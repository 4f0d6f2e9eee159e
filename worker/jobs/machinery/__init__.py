"""What all jobs run on: the runner, the way to the panel, and the commits of results."""
