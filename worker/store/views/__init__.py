"""What people read: orders, overviews, searches. This room writes nothing."""
