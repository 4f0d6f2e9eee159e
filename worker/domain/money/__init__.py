"""Money: what orders took and gave back, and what a balance says about it."""
