"""Collects settings by name from the environment and a TOML file, as texts that `worker.settings.values` reads."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

PREFIX = "ORDER_SYNC_"
CONFIG = f"{PREFIX}CONFIG"
PANELS = f"{PREFIX}PANELS__"
_TESTS = f"{PREFIX}TEST_"

#: Variables that Kubernetes sets in every container for a Service whose name begins with `order-sync`.
_SERVICE_LINK = re.compile(
    r"\w+_SERVICE_HOST=|\w+_SERVICE_PORT(_\w+)?=|\w+_PORT=\w+://|\w+_PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?="
)

_PANEL_NAME = re.compile(r"[a-z0-9_-]+")


class SettingsError(Exception):
    """Raised for unusable settings. `problems` has a line for each: its name, what is wrong, how to mend it."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Given:
    """One value of the environment or the file. `written` is its name as the user wrote it."""

    written: str
    value: str


@dataclass(frozen=True, slots=True)
class Known:
    """The names of all settings: of the worker itself, and of each panel. Those in `secret` have a `_FILE` variant."""

    worker: frozenset[str]
    panel: frozenset[str]
    secret: frozenset[str]

    def has(self, name: str) -> bool:
        if name.startswith(PANELS):
            panel, field = split_panel(name)
            return bool(panel) and field in self._panel_fields
        return name.removeprefix(PREFIX) in self._worker_names

    def nearest(self, name: str) -> str | None:
        """Returns the name that the user may have meant, if one is similar."""
        panel, _ = split_panel(name)
        names = {PREFIX + known for known in self._worker_names}
        names |= {f"{PANELS}{panel or 'DEFAULT'}__{field}" for field in self._panel_fields}
        return next(iter(difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.7)), None)

    @property
    def _worker_names(self) -> frozenset[str]:
        return self.worker | {f"{name}_FILE" for name in self.worker & self.secret}

    @property
    def _panel_fields(self) -> frozenset[str]:
        return self.panel | {f"{name}_FILE" for name in self.panel & self.secret}


def split_panel(name: str) -> tuple[str, str]:
    """Splits `ORDER_SYNC_PANELS__MY_SHOP__KEY` into `("MY_SHOP", "KEY")`. The panel is empty in all other names."""
    panel, _, field = name.removeprefix(PANELS).rpartition("__")
    return (panel, field) if name.startswith(PANELS) else ("", name)


#: A line for each wrong setting, by its name.
Problems = dict[str, str]


def collect(environ: Mapping[str, str], known: Known) -> tuple[dict[str, Given], Problems]:
    """Returns all settings by their `ORDER_SYNC_` names, with secrets read from their files, and all problems.

    The environment wins over the file. An empty value counts as unset, except for `ORDER_SYNC_LISTEN`. Raises
    `SettingsError` at once if the file can't be read, since nobody knows then which settings are missing.
    """
    problems: Problems = {}
    from_environ = {
        name.upper(): Given(name, value)
        for name, value in environ.items()
        if name.startswith(PREFIX) and not name.startswith(_TESTS) and not _SERVICE_LINK.match(f"{name}={value}")
    }
    config = from_environ.pop(CONFIG, None)
    from_file = _read_config(Path(config.value.strip()), problems) if config and config.value.strip() else {}

    given: dict[str, Given] = {}
    for source in (from_file, from_environ):
        problems |= _problems_with_names(source, known)
        filled = {name: one for name, one in source.items() if one.value.strip() or name == f"{PREFIX}LISTEN"}
        for name in filled:
            given.pop(_other_way(name), None)
        given |= {name: one for name, one in filled.items() if name not in problems}
    return _with_files_read(given, problems), problems


def _other_way(name: str) -> str:
    return name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"


def _problems_with_names(source: Mapping[str, Given], known: Known) -> Problems:
    problems: Problems = {}
    for name, one in source.items():
        panel, _ = split_panel(name)
        if not known.has(name):
            nearest = known.nearest(name)
            hint = (
                f"did you mean {nearest}?"
                if nearest
                else "remove it, or see docs/reference/settings.md for all settings"
            )
            problems[name] = f"{one.written}: there is no such setting; {hint}"
        elif panel and not _PANEL_NAME.fullmatch(panel.lower()):
            problems[name] = (
                f"{one.written}: a panel's name is made of the letters a-z, digits, _ and -; rename the panel"
            )
    return problems


def _read_config(path: Path, problems: Problems) -> dict[str, Given]:
    try:
        with path.open("rb") as file:
            document = tomllib.load(file, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"{CONFIG}: {path} isn't valid TOML: {error}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{CONFIG}: {path} isn't valid TOML: it must be UTF-8 text"]) from None
    except (OSError, ValueError) as error:
        raise SettingsError([f"{CONFIG}: can't read {path}: {_reason(error)}"]) from None
    return _flatten(document, path, problems)


def _flatten(document: Mapping[str, Any], path: Path, problems: Problems) -> dict[str, Given]:
    """Returns the settings by their names in the environment. The file may use these, or tables without the prefix."""
    flat: dict[str, Given] = {}

    def visit(table: Mapping[str, Any], parents: tuple[str, ...]) -> None:
        for key, value in table.items():
            steps = (*parents, key)
            written = f"{'.'.join(steps)} (in {path})"
            name = "__".join(steps).upper()
            name = name if name.startswith(PREFIX) else PREFIX + name
            if isinstance(value, dict):
                visit(value, steps)
            elif not isinstance(value, str | int | Decimal):
                problems[name] = f"{written}: must be a text or a number"
            elif name in flat:
                problems[name] = f"{written}: is given twice, also as {flat[name].written}; keep one of them"
            else:
                flat[name] = Given(written, str(value))

    visit(document, ())
    return flat


def _with_files_read(given: Mapping[str, Given], problems: Problems) -> dict[str, Given]:
    """Replaces each `..._FILE` by the content of its file, without the white space around it."""
    read: dict[str, Given] = {}
    for name, one in given.items():
        secret = name.removesuffix("_FILE")
        if secret == name:
            read[name] = one
        elif secret in given:
            problems[secret] = f"{one.written}: is given together with {given[secret].written}; keep one of them"
        else:
            try:
                read[secret] = Given(one.written, _read_secret(one.value.strip()))
            except ValueError as error:
                problems[secret] = f"{one.written}: {error}"
    return read


def _read_secret(path: str) -> str:
    # A user may write the secret itself in place of its file: the log mustn't show it.
    shown = path if path.startswith(("/", "./", "../")) else "the file that it names"
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError(f"{shown} must be UTF-8 text") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"can't read {shown}: {_reason(error)}") from None
    if not secret:
        raise ValueError(f"{shown} is empty; write the secret into it")
    return secret


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or "") if isinstance(error, OSError) else "not a path"
