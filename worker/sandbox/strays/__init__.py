"""The ways in which panels were seen to stray from their document, each under a name."""

from collections.abc import Mapping
from typing import Any

from worker.sandbox.strays import batches, errors, ids, services, values, words
from worker.sandbox.strays.reply import Call, Reply, Stray

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


class Strays:
    """Which strays are on. They work alone or together."""

    def __init__(self) -> None:
        self._on: set[str] = set()

    def on(self, *names: str) -> None:
        """Raises ValueError, and switches none, where a name isn't known."""
        if unknown := set(names) - ALL.keys():
            raise ValueError(f"no such stray: {', '.join(sorted(unknown))}")
        self._on.update(names)

    def off(self, *names: str) -> None:
        self._on.difference_update(names)

    def clear(self) -> None:
        self._on.clear()

    def __contains__(self, name: str) -> bool:
        return name in self._on

    def listing(self) -> dict[str, dict[str, Any]]:
        return {name: {"on": name in self._on, "about": stray.__doc__} for name, stray in ALL.items()}

    def heard(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """The request as the panel behind should read it."""
        return ids.heard(form) if "ids_not_numeric" in self._on else form

    def said(self, reply: Reply, call: Call) -> Reply:
        """The reply as this panel would write it."""
        if self._on:
            for name, stray in ALL.items():
                if name in self._on:
                    stray(reply, call)
        return reply
