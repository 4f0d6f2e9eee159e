"""The panel on a socket, and the interface that controls it."""
