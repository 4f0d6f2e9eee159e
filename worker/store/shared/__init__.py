"""What all workers share: the request budget, leases, and work that one worker does for all."""
