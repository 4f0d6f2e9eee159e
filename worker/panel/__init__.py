"""The only place that speaks HTTP: a typed client of the panel API v2, usable by itself."""
