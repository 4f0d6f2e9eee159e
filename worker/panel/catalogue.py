"""Reads lists of services, wrapped or not."""

from typing import Any

from worker.domain.orders.outcomes import Reply
from worker.domain.orders.services import Service
from worker.panel.errors import explicit_error
from worker.panel.replies import Received, read_answer
from worker.panel.values import read_flag, read_id, read_money, read_text, read_whole

#: The keys under which panels wrap their list.
_WRAPPERS = ("services", "data")


def read_services(reply: Received) -> Reply[list[Service]]:
    """Returns every entry that has a service id, in the panel's order; of two with the same id the last."""
    return read_answer(reply, _read, "JSON that lists no services")


def _read(document: Any) -> list[Service] | None:
    if explicit_error(document) is not None:
        return None
    entries = _entries(document)
    if entries is None:
        return None
    services = {service.service: service for entry in entries if (service := _service(entry)) is not None}
    return list(services.values()) if services or not entries else None


def _entries(document: Any) -> list[Any] | None:
    """Returns the entries of a list, of a wrapped one, or of an object whose keys are service ids; None without any."""
    match document:
        case list():
            return document
        case dict():
            for wrapper in _WRAPPERS:
                if isinstance(wrapped := document.get(wrapper), list | dict):
                    return _entries(wrapped)
            keyed = [{"service": key} | entry for key, entry in document.items() if isinstance(entry, dict)]
            return keyed if keyed or not document else None
        case _:
            return None


def _service(entry: Any) -> Service | None:
    service = read_id(entry.get("service")) if isinstance(entry, dict) else None
    if service is None:
        return None
    return Service(
        service=service,
        name=read_text(entry.get("name")),
        type=read_text(entry.get("type")),
        category=read_text(entry.get("category")),
        rate=read_money(entry.get("rate")),
        min=read_whole(entry.get("min")),
        max=read_whole(entry.get("max")),
        refill=read_flag(entry.get("refill")),
        cancel=read_flag(entry.get("cancel")),
        dripfeed=read_flag(entry.get("dripfeed")),
        raw=entry,
    )
