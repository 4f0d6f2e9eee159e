"""Reads lists of services, wrapped or not."""

from typing import Any

from worker.domain.orders.outcomes import Reply
from worker.domain.orders.services import Service
from worker.panel.envelope import Meaning, plain
from worker.panel.replies import Received, read_account_answer
from worker.panel.values import read_flag, read_id, read_rate, read_text, read_whole

#: The keys of a service's id.
_SERVICE_IDS = ("service", "serviceid", "id")


def read_services(reply: Received) -> Reply[list[Service]]:
    """Returns every entry that has a service id, in the panel's order; of two with the same id the last."""
    return read_account_answer(reply, _read, "JSON that lists no services")


def _read(meaning: Meaning) -> list[Service] | None:
    entries = _entries(meaning.payload)
    if entries is None:
        return None
    services = {service.service: service for entry in entries if (service := _service(entry)) is not None}
    return list(services.values()) if services or not entries else None


def _entries(payload: Any) -> list[Any] | None:
    """Returns the entries of a list, or of an object whose keys are service ids; None without any."""
    match payload:
        case list():
            return payload
        case dict():
            keyed = [{"service": key} | entry for key, entry in payload.items() if isinstance(entry, dict)]
            return keyed if keyed or not payload else None
        case _:
            return None


def _service(entry: Any) -> Service | None:
    if not isinstance(entry, dict):
        return None
    said = plain(entry)
    service = next((own for key in _SERVICE_IDS if (own := read_id(said.get(key))) is not None), None)
    if service is None:
        return None
    return Service(
        service=service,
        name=read_text(said.get("name")),
        type=read_text(said.get("type")),
        category=read_text(said.get("category")),
        rate=read_rate(said.get("rate")),
        min=read_whole(said.get("min")),
        max=read_whole(said.get("max")),
        refill=read_flag(said.get("refill")),
        cancel=read_flag(said.get("cancel")),
        dripfeed=read_flag(said.get("dripfeed")),
        raw=entry,
    )
