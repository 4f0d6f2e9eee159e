"""What turns a job: its schedule, its way to the panel, and how its results are written."""
