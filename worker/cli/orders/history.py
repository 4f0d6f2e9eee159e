"""An order that a command is about."""

from worker.cli.frame.database import on_database
from worker.cli.frame.errors import CommandError
from worker.settings.model import Settings
from worker.store.views.order_history import Dossier, Lookup


def dossier_of(settings: Settings, order_id: int) -> Dossier:
    dossier = on_database(settings, lambda engine: Lookup(engine).order(order_id))
    if dossier is None:
        raise CommandError(f"order {order_id} doesn't exist: `order-sync orders list` shows those there are")
    return dossier
