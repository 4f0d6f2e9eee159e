"""The commands below `order-sync orders`."""
