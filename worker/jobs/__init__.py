"""The scheduled jobs, one module each.

A job reads like the way of an order: the store claims, the domain decides, the panel answers, the store records.
"""
