"""The only place that speaks HTTP: a typed client of the panel API v2, usable by itself."""

from worker.panel.client import BATCH, Observer, PanelClient

__all__ = ["BATCH", "Observer", "PanelClient"]
