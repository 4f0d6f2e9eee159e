"""Calls panels: a typed client of the panel API v2, usable by itself (docs/client.md)."""

from worker.panel.client import BATCH, Observer, PanelClient

__all__ = ["BATCH", "Observer", "PanelClient"]
