"""The panel without HTTP: account, orders, catalogue, and the documented actions."""
