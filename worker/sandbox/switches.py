"""Named switches, by which a sandbox is told how to misbehave."""

from collections.abc import Mapping
from typing import Any


class Switches:
    """Switches that are on or off, each by its name. All are off at first.

    `kind` is the word for one of them; `about` has for each name a sentence that tells a person what it does.
    """

    def __init__(self, kind: str, about: Mapping[str, str]) -> None:
        self._kind = kind
        self._about = about
        self._on: set[str] = set()

    def on(self, *names: str) -> None:
        """Switches these on. Raises ValueError, and switches none, if a name is unknown."""
        if unknown := set(names) - self._about.keys():
            raise ValueError(f"no such {self._kind}: {', '.join(sorted(unknown))}")
        self._on.update(names)

    def off(self, *names: str) -> None:
        self._on.difference_update(names)

    def clear(self) -> None:
        self._on.clear()

    def __contains__(self, name: str) -> bool:
        return name in self._on

    def listing(self) -> dict[str, dict[str, Any]]:
        return {name: {"on": name in self._on, "about": about} for name, about in self._about.items()}
