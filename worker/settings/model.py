"""Typed settings (README, "Settings"). `load` is the way in; whatever is wrong ends as one `SettingsError`."""

import math
import os
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from importlib.util import find_spec
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails

from worker.settings.sources import PANELS, PREFIX, Given, Known, SettingsError, collect, split_panel

__all__ = [
    "Address",
    "AuditSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "PanelSettings",
    "PollingSettings",
    "ReconcileMode",
    "ReconcileSettings",
    "RetentionSettings",
    "ScheduleSettings",
    "Settings",
    "SettingsError",
    "Tracing",
    "load",
]

_DATABASE_URL = f"{PREFIX}DATABASE_URL"
_DAY = 24 * 3600.0
_WEEK = 7 * _DAY
_CENTURY = 36_525
_HIGHEST_PORT = 65_535


def _seconds(value: object) -> float:
    return _positive(value, "must be a number of seconds above 0, like 2.5")


def _rate(value: object) -> float:
    return _positive(value, "must be a number above 0, like 10 or 0.5")


def _positive(value: object, rule: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{rule}, and not {value!r}")
    return number


def _count(value: object) -> int:
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f"must be a whole number above 0, and not {value!r}")
    return int(text)


def _days(value: object) -> int:
    text = str(value).strip()
    if not (text.isascii() and text.isdigit() and int(text) <= _CENTURY):
        raise ValueError(f"must be a whole number of days, like 90, or 0 to keep all, and not {value!r}")
    return int(text)


def _money(value: object) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not (amount.is_finite() and amount >= 0):
        raise ValueError(f"must be an amount of 0 or more, like 12.50, and not {value!r}")
    return amount


def _panel_url(value: object) -> str:
    text = str(value).strip()
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and not re.search(r"\s", text)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be the address of the panel's API, like https://panel.example/api/v2")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password; a panel is told its KEY, which has a setting")
    return text


def _database_url(value: object) -> SecretStr:
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value).strip()
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in {"postgresql", "postgres"} or not rest:
        raise ValueError("must begin with postgresql://, like postgresql://user:password@host:5432/database")
    if "#" in rest or re.search(r"\s", rest):
        raise ValueError("has a space or # in it; write %20 for a space and %23 for # where the password has one")
    if rest.count("@") > 1:  # what follows the first would be taken for the host's name, and shown
        raise ValueError("has more than one @ in it; write %40 for one that is part of the user or the password")
    try:
        conninfo_to_dict(f"postgresql://{rest}")
    except ProgrammingError:  # its text may quote the password
        raise ValueError(
            "can't be read: a parameter after ? that there isn't, a % that must be %25, or a [ without ]"
        ) from None
    return SecretStr(f"postgresql://{rest}")


def _key(value: object) -> SecretStr:
    text = (value.get_secret_value() if isinstance(value, SecretStr) else str(value)).strip()
    if not text.isprintable():
        raise ValueError("has a line break or another character in it that can't be part of a key")
    return SecretStr(text)


def _user_agent(value: object) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be plain ASCII text on one line")
    return text


def _listen(value: object) -> object:
    if value is None or isinstance(value, Address):
        return value
    text = str(value).strip()
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    whole = port.isascii() and port.isdigit() and int(port) <= _HIGHEST_PORT
    if not (colon and whole) or (":" in host and not text.startswith("[")):
        raise ValueError(f"must be host:port, [::1]:9464, :9464 or empty, and not {value!r}")
    return Address(host=host or None, port=int(port))


class LogFormat(StrEnum):
    AUTO = "auto"  #: console on a terminal, else JSON
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class ReconcileMode(StrEnum):
    AUTO = "auto"
    SUGGEST = "suggest"  #: evidence only
    OFF = "off"


class Tracing(StrEnum):
    OFF = "off"
    OTLP = "otlp"  #: OpenTelemetry's protocol, over HTTP; what else there is to set has names of its own, OTEL_...


Word = TypeVar("Word", bound=StrEnum)


def _one_of(words: type[Word]) -> Callable[[object], Word]:
    def read(value: object) -> Word:
        try:
            return words(str(value).strip().lower())
        except ValueError:
            raise ValueError(f"must be one of {', '.join(words)}, and not {value!r}") from None

    return read


def _tracing(value: object) -> Tracing:
    tracing = _one_of(Tracing)(value)
    if tracing is not Tracing.OFF and not _is_installed("opentelemetry.exporter.otlp.proto.http"):
        raise ValueError(f"{tracing} needs the extra: pip install 'order-sync[tracing]'")
    return tracing


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # what it would be a part of
        return False


Seconds = Annotated[float, BeforeValidator(_seconds)]
Rate = Annotated[float, BeforeValidator(_rate)]
Count = Annotated[int, BeforeValidator(_count)]
Money = Annotated[Decimal, BeforeValidator(_money)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class Address(_Frozen):
    """Where to listen. Without a host: on every interface; port 0: any free one."""

    host: str | None
    port: int

    def __str__(self) -> str:
        host = self.host or ""
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


class PanelSettings(_Frozen):
    """One panel. `requests_per_second` holds for all workers together, `concurrency` for one; `timeout` in seconds."""

    url: Annotated[str, BeforeValidator(_panel_url)]
    key: Annotated[SecretStr, BeforeValidator(_key)]
    requests_per_second: Rate = 10
    concurrency: Count = 16
    timeout: Seconds = 30
    low_balance: Money = Decimal(0)
    user_agent: Annotated[str | None, BeforeValidator(_user_agent)] = None


class ScheduleSettings(_Frozen):
    """Seconds between two runs of each job."""

    submit: Seconds = 2
    statuses: Seconds = 15
    refills: Seconds = 60
    cancels: Seconds = 5
    services: Seconds = 3600
    balance: Seconds = 300
    reconcile: Seconds = 60
    audit: Seconds = _DAY
    housekeeping: Seconds = 3600


class PollingSettings(_Frozen):
    """How often one order is looked at, and how long after its end, in seconds."""

    fastest: Seconds = 30
    slowest: Seconds = 3600
    settlement: Seconds = _WEEK

    @field_validator("slowest")
    @classmethod
    def _not_below_fastest(cls, slowest: float, info: Any) -> float:
        fastest = info.data.get("fastest", 0)
        if slowest < fastest:
            raise ValueError(f"must not be below {PREFIX}POLLING__FASTEST ({fastest:g}), and is {slowest:g}")
        return slowest


class ReconcileSettings(_Frozen):
    """`settle`: seconds before an unconfirmed order is examined. `max_ids`: most ids asked about for one gap."""

    mode: Annotated[ReconcileMode, BeforeValidator(_one_of(ReconcileMode))] = ReconcileMode.AUTO
    settle: Seconds = 300
    max_ids: Count = 2000


class AuditSettings(_Frozen):
    """`threshold`: from so much on, what is missing from a balance is warned of, in its currency."""

    threshold: Money = Decimal("0.01")


class RetentionSettings(_Frozen):
    """`days`: for how long after its end an order's history stays where the work is done; 0: for ever."""

    days: Annotated[int, BeforeValidator(_days)] = 90


class LogSettings(_Frozen):
    format: Annotated[LogFormat, BeforeValidator(_one_of(LogFormat))] = LogFormat.AUTO
    level: Annotated[LogLevel, BeforeValidator(_one_of(LogLevel))] = LogLevel.INFO


class Settings(_Frozen):
    """All of them. `database_url` is empty where a command needs none; `listen` is None where nothing listens."""

    database_url: Annotated[SecretStr, BeforeValidator(_database_url)] = Field(SecretStr(""), validate_default=False)
    panels: dict[str, PanelSettings] = {}
    schedule: ScheduleSettings = ScheduleSettings()
    polling: PollingSettings = PollingSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    audit: AuditSettings = AuditSettings()
    retention: RetentionSettings = RetentionSettings()
    drain: Seconds = 25
    listen: Annotated[Address | None, BeforeValidator(_listen)] = Address(host="127.0.0.1", port=9464)
    log: LogSettings = LogSettings()
    tracing: Annotated[Tracing, BeforeValidator(_tracing)] = Tracing.OFF

    def with_database(self, url: str) -> "Settings":
        """The same, with the database at `url`, whichever was set."""
        return self.model_copy(update={"database_url": _database_url(url)})

    def secrets(self) -> frozenset[str]:
        """What may never be shown: every key, and the database's password as written and decoded."""
        url = self.database_url.get_secret_value()
        userinfo, at, _ = url.partition("://")[2].rpartition("@")
        passwords = {userinfo.partition(":")[2]} if at else set()
        passwords |= set(parse_qs(url.partition("?")[2]).get("password", ()))
        keys = {panel.key.get_secret_value() for panel in self.panels.values()}
        return frozenset({*keys, *passwords, *map(unquote, passwords)} - {""})


_SECTIONS = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
_KNOWN = Known(
    plain=frozenset(
        {name.upper() for name in Settings.model_fields if name not in {"panels", *_SECTIONS}}
        | {f"{section}__{name}".upper() for section, model in _SECTIONS.items() for name in model.model_fields}
    ),
    panel=frozenset(name.upper() for name in PanelSettings.model_fields),
    secret=frozenset({"DATABASE_URL", "KEY"}),
)


def load(environ: Mapping[str, str] = os.environ, *, need_database: bool = True, need_panels: bool = True) -> Settings:
    """The settings that the environment, and the file that it names, give.

    Raises `SettingsError` with everything that is wrong at once. Its text names each variable and shows no secret.
    """
    given, problems = collect(environ, _KNOWN)
    try:
        settings = Settings.model_validate(_tree(given))
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            name = _name(detail["loc"])
            problems.setdefault(name, f"{given[name].written if name in given else name}: {_what_is_wrong(detail)}")
    if need_database and _DATABASE_URL not in {*given, *problems}:
        problems[_DATABASE_URL] = (
            f"{_DATABASE_URL}: is missing; set it to postgresql://user:password@host:5432/database, "
            f"or {_DATABASE_URL}_FILE to a file that holds it"
        )
    if need_panels and not any(split_panel(name)[0] for name in (*given, *problems)):
        problems[PANELS] = (
            f"{PANELS}DEFAULT__URL: is missing, as is every panel; set it and {PANELS}DEFAULT__KEY "
            "(no panel yet? `order-sync sandbox` is one)"
        )
    if problems:
        raise SettingsError(problems.values())
    return settings


def _tree(given: Mapping[str, Given]) -> dict[str, Any]:
    """The flat names as the nested tables that the models are."""
    tree: dict[str, Any] = {}
    for name, one in given.items():
        panel, field = split_panel(name)
        if panel:
            tree.setdefault("panels", {}).setdefault(panel.lower(), {})[field.lower()] = one.value
            continue
        *section, field = name.removeprefix(PREFIX).lower().split("__")
        table = tree.setdefault(section[0], {}) if section else tree
        table[field] = one.value
    return tree


def _name(loc: tuple[int | str, ...]) -> str:
    return PREFIX + "__".join(str(step) for step in loc).upper()


def _what_is_wrong(detail: ErrorDetails) -> str:
    if detail["type"] != "missing":
        return str(detail["ctx"]["error"])
    name = _name(detail["loc"])
    return (
        f"is missing; set it, or {name}_FILE to a file that holds it"
        if name.endswith("__KEY")
        else "is missing; set it"
    )
