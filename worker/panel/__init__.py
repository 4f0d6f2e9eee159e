"""The only place that speaks HTTP: a typed client of the panel API v2, usable by itself."""

from worker.panel.client import BATCH, Observer, PanelClient
from worker.panel.items import CancelTaken

__all__ = ["BATCH", "CancelTaken", "Observer", "PanelClient"]
