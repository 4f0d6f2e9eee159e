"""One module for each scheduled job. A job reads: the store claims, the domain decides, the panel is called, the store records."""
