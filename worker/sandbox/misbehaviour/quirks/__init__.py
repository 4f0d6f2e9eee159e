"""Known departures of real panels from their own documents, each under a name."""

from collections.abc import Mapping

from worker.sandbox.misbehaviour.quirks import batches, errors, ids, services, values, words
from worker.sandbox.misbehaviour.quirks.reply import Call, Quirk, Reply
from worker.sandbox.switches import Switches

__all__ = ["ALL", "Call", "Quirks", "Reply"]

#: Applied in this order: what changes a word or a value reads the documented shape, so it comes before what changes
#: the shape.
ALL: Mapping[str, Quirk] = {
    **words.QUIRKS,
    **values.QUIRKS,
    "ids_not_numeric": ids.ids_not_numeric,
    **services.QUIRKS,
    **batches.QUIRKS,
    **errors.QUIRKS,
}


class Quirks(Switches):
    """Which quirks are on."""

    def __init__(self) -> None:
        super().__init__("quirk", {name: quirk.__doc__ or "" for name, quirk in ALL.items()})

    def heard(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """The request as the panel behind should read it."""
        return ids.heard(form) if "ids_not_numeric" in self else form

    def said(self, reply: Reply, call: Call) -> Reply:
        """The reply as this panel would write it."""
        for name, quirk in ALL.items():
            if name in self:
                quirk(reply, call)
        return reply
