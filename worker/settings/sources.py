"""Where settings come from: the environment and a TOML file, read into texts by name.

Nothing here knows what a value must look like; `worker.settings` does.
"""

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

#: What Kubernetes puts into every container for a Service whose name begins with `order-sync`.
_SERVICE_LINK = re.compile(
    r"\w+_SERVICE_HOST=|\w+_SERVICE_PORT(_\w+)?=|\w+_PORT=\w+://|\w+_PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?="
)

_PANEL_NAME = re.compile(r"[a-z0-9_-]+")


class SettingsError(Exception):
    """Settings that can't be used. `problems` has one line for each: the setting, what is wrong, how to mend it."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Given:
    """One value as it was given. `written` is its name as the user wrote it."""

    written: str
    value: str


@dataclass(frozen=True, slots=True)
class Known:
    """The names that mean something: beside `plain`, each panel has `panel` and each of `secret` a `_FILE` variant."""

    plain: frozenset[str]
    panel: frozenset[str]
    secret: frozenset[str]

    def has(self, name: str) -> bool:
        if name.startswith(PANELS):
            panel, field = split_panel(name)
            return bool(panel) and field in self._panel_fields
        return name.removeprefix(PREFIX) in self._plain_names

    def nearest(self, name: str) -> str | None:
        panel, _ = split_panel(name)
        names = {PREFIX + plain for plain in self._plain_names}
        names |= {f"{PANELS}{panel or 'DEFAULT'}__{field}" for field in self._panel_fields}
        return next(iter(difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.7)), None)

    @property
    def _plain_names(self) -> frozenset[str]:
        return self.plain | {f"{name}_FILE" for name in self.plain & self.secret}

    @property
    def _panel_fields(self) -> frozenset[str]:
        return self.panel | {f"{name}_FILE" for name in self.panel & self.secret}


def split_panel(name: str) -> tuple[str, str]:
    """`ORDER_SYNC_PANELS__MY_SHOP__KEY` as `("MY_SHOP", "KEY")`; the panel is empty where there is none."""
    panel, _, field = name.removeprefix(PANELS).rpartition("__")
    return (panel, field) if name.startswith(PANELS) else ("", name)


#: What is wrong, one line for each name.
Problems = dict[str, str]


def collect(environ: Mapping[str, str], known: Known) -> tuple[dict[str, Given], Problems]:
    """Every setting given, by its `ORDER_SYNC_` name, with secrets read from their files; and what was wrong.

    The environment wins over the file. An empty value counts as not given, save `ORDER_SYNC_LISTEN`, where it is one.
    Raises `SettingsError` when the file can't be read: what is missing then can't be told.
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
        told = {name: one for name, one in source.items() if one.value.strip() or name == f"{PREFIX}LISTEN"}
        for name in told:
            given.pop(_other_way(name), None)
        given |= {name: one for name, one in told.items() if name not in problems}
    return _with_files_read(given, problems), problems


def _other_way(name: str) -> str:
    return name.removesuffix("_FILE") if name.endswith("_FILE") else f"{name}_FILE"


def _problems_with_names(source: Mapping[str, Given], known: Known) -> Problems:
    problems: Problems = {}
    for name, one in source.items():
        panel, _ = split_panel(name)
        if not known.has(name):
            nearest = known.nearest(name)
            hint = f"did you mean {nearest}?" if nearest else "remove it, or see the README for the settings there are"
            problems[name] = f"{one.written}: there is no such setting; {hint}"
        elif panel and not _PANEL_NAME.fullmatch(panel.lower()):
            problems[name] = f"{one.written}: a panel's name is made of the letters a-z, digits, _ and -; rename it"
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
    """Both ways of writing a name: as in the environment, or as tables without the prefix."""
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
    """Each `..._FILE` replaced by what its file holds, without the white space around it."""
    read: dict[str, Given] = {}
    for name, one in given.items():
        plain = name.removesuffix("_FILE")
        if plain == name:
            read[name] = one
        elif plain in given:
            problems[plain] = f"{one.written}: is given together with {given[plain].written}; keep one of them"
        else:
            try:
                read[plain] = Given(one.written, _read_secret(one.value.strip()))
            except ValueError as error:
                problems[plain] = f"{one.written}: {error}"
    return read


def _read_secret(path: str) -> str:
    # Whoever writes the secret itself where its file belongs shouldn't find it in the log.
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
