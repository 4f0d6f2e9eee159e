"""What a sandbox can be told to do by name: single things that are on or off, alone or together."""

from collections.abc import Mapping
from typing import Any


class Switches:
    """`kind` is what one of them is called, `about` what each does, for a person. All are off at first."""

    def __init__(self, kind: str, about: Mapping[str, str]) -> None:
        self._kind = kind
        self._about = about
        self._on: set[str] = set()

    def on(self, *names: str) -> None:
        """Raises ValueError, and switches none, where a name isn't known."""
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
