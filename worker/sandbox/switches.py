"""Named switches, by which a sandbox is told how to misbehave. Some take a value, as in `charge_decimals=2`."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any


@dataclass(frozen=True, slots=True)
class Value:
    """The value that a switch takes. `shown` stands for it in a help: NAME[=SECONDS].

    `default` is the value of a switch that is switched on without one. `read` parses a text, and raises ValueError with
    a text that says what it wants.
    """

    shown: str
    default: str
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Switch:
    """What a switch is: a sentence that tells a person what it does, and the value that it takes, if any."""

    about: str
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class _On:
    text: str | None  #: the value as it was given
    value: Any


class Switches:
    """Switches that are on or off, each by its name. All are off at first. `kind` is the word for one of them."""

    def __init__(self, kind: str, known: Mapping[str, Switch]) -> None:
        self._kind = kind
        self._known = known
        self._on: dict[str, _On] = {}

    def on(self, *settings: str) -> None:
        """Switches these on, each by its name or as `name=value`. One that is on already gets the new value.

        Raises ValueError, and switches none, if a name is unknown or a value can't be read.
        """
        for name, state in [self._read(setting) for setting in settings]:
            self._on[name] = state
            self._switched(name, state.value)

    def off(self, *names: str) -> None:
        """Switches these off. Raises ValueError, and switches none, if a name is unknown."""
        for name in names:
            self._find(name)
        for name in names:
            if self._on.pop(name, None):
                self._switched(name, None)

    def clear(self) -> None:
        self.off(*self._on)

    def __contains__(self, name: str) -> bool:
        return name in self._on

    def listing(self) -> dict[str, dict[str, Any]]:
        """Returns each switch by its name, with the value that it has or would have if it takes one."""
        return {name: self._entry(name, switch) for name, switch in self._known.items()}

    def _switched(self, name: str, value: Any) -> None:
        """Learns of a change. `value` is True for a switch that takes none, and None for one that is off now."""

    def _entry(self, name: str, switch: Switch) -> dict[str, Any]:
        state = self._on.get(name)
        entry = {"on": state is not None, "about": switch.about}
        if switch.value:
            entry |= {"takes": switch.value.shown, "value": switch.value.default if state is None else state.text}
        return entry

    def _read(self, setting: str) -> tuple[str, _On]:
        name, equals, text = setting.partition("=")
        takes = self._find(name).value
        if takes is None:
            if equals:
                raise ValueError(f"the {self._kind} {name} takes no value")
            return name, _On(None, value=True)
        given = text if equals else takes.default
        try:
            return name, _On(given, takes.read(given))
        except ValueError as error:
            raise ValueError(f"the {self._kind} {name} takes {takes.shown}: {error}, not {given!r}") from None

    def _find(self, name: str) -> Switch:
        if name not in self._known:
            raise ValueError(unknown(self._kind, name, self._known))
        return self._known[name]


def unknown(kind: str, name: str, names: Collection[str]) -> str:
    """Returns what to tell a person who gave an unknown name, with the names that are nearest to it."""
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    return f"no such {kind}: {name}" + (f"; the nearest are {', '.join(near)}" if near else "")
