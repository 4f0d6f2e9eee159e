"""Calls panels: a typed client of the panel API v2, usable by itself (docs/client.md)."""

from worker.domain.orders.abilities import BATCH
from worker.panel.client import Observer, OnUnread, PanelClient

__all__ = ["BATCH", "Observer", "OnUnread", "PanelClient"]
