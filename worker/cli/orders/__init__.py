"""The commands of `order-sync orders`."""
