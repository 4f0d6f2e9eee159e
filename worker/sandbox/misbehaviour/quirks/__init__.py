"""Known departures of real panels from their own documents, each under a name."""

from collections.abc import Mapping

from worker.sandbox.misbehaviour.quirks import batches, envelopes, errors, ids, services, values, words
from worker.sandbox.misbehaviour.quirks.reply import Call, Quirk, Reply
from worker.sandbox.switches import Switches

__all__ = ["ALL", "Call", "Quirks", "Reply"]

#: `Quirks.apply` keeps this order: quirks that change a word or a value read the documented shape, so they come before
#: quirks that change the shape.
ALL: Mapping[str, Quirk] = {
    **words.QUIRKS,
    **values.QUIRKS,
    "ids_not_numeric": ids.ids_not_numeric,
    **services.QUIRKS,
    **envelopes.OF_REQUESTS,
    **batches.QUIRKS,
    **errors.QUIRKS,
    **envelopes.AROUND,
}


class Quirks(Switches):
    """The switches of all quirks."""

    def __init__(self) -> None:
        super().__init__("quirk", {name: quirk.__doc__ or "" for name, quirk in ALL.items()})

    def incoming(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Translates a client's form into the form that the panel reads."""
        return ids.incoming(form) if "ids_not_numeric" in self else form

    def apply(self, reply: Reply, call: Call) -> None:
        """Changes a reply in place, by each quirk that is on."""
        for name, quirk in ALL.items():
            if name in self:
                quirk(reply, call)
