"""How commands draw: tables, plots, live views."""
