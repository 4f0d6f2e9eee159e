"""`order-sync demo`: a shop, a panel and a worker on one machine."""
