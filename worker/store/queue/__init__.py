"""The queue: claims, outcomes, polls, refills and cancels. The only room that changes orders."""
