"""One module for each scheduled job.

A job reads like the way of an order: the store claims, the domain decides, the panel is called, the store records.
"""
