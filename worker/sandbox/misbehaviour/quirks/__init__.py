"""The ways in which panels were seen to stray from their document, each under a name."""

from collections.abc import Mapping

from worker.sandbox.misbehaviour.quirks import batches, errors, ids, services, values, words
from worker.sandbox.misbehaviour.quirks.reply import Call, Reply, Stray
from worker.sandbox.switches import Switches

__all__ = ["ALL", "Call", "Reply", "Strays"]

#: Applied in this order: what changes a word or a value reads the documented shape, so it comes before what changes
#: the shape.
ALL: Mapping[str, Stray] = {
    **words.STRAYS,
    **values.STRAYS,
    "ids_not_numeric": ids.ids_not_numeric,
    **services.STRAYS,
    **batches.STRAYS,
    **errors.STRAYS,
}


class Strays(Switches):
    """Which strays are on."""

    def __init__(self) -> None:
        super().__init__("stray", {name: stray.__doc__ or "" for name, stray in ALL.items()})

    def heard(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """The request as the panel behind should read it."""
        return ids.heard(form) if "ids_not_numeric" in self else form

    def said(self, reply: Reply, call: Call) -> Reply:
        """The reply as this panel would write it."""
        for name, stray in ALL.items():
            if name in self:
                stray(reply, call)
        return reply
