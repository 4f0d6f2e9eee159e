"""Reads single values of settings from text; an error says what is wrong and how to mend it."""

import math
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from importlib.util import find_spec
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

from worker.domain.accounts import has_key_in_query
from worker.domain.orders.services import TYPES, rule_of

#: Seconds. A worker that waits no longer does nothing but ask.
SHORTEST = 0.05

#: The least characters of a key. Texts are full of shorter ones by chance.
SHORTEST_KEY = 3

_CENTURY = 36_525  #: days
_HIGHEST_PORT = 65_535


class Frozen(BaseModel):
    """The base of all settings: a value that can't be changed and that shows no secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class Address(Frozen):
    """An address to listen at. Without a host: on every interface; with port 0: at any free port."""

    host: str | None
    port: int

    def __str__(self) -> str:
        host = self.host or ""
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


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
    SUGGEST = "suggest"  #: records evidence and settles nothing
    OFF = "off"


class Switch(StrEnum):
    OFF = "off"
    ON = "on"


class Tracing(StrEnum):
    OFF = "off"
    OTLP = "otlp"  #: OpenTelemetry's protocol over HTTP; OpenTelemetry's own variables, OTEL_..., set the rest


def read_database_url(value: object) -> SecretStr:
    """Returns the address of a database. Raises ValueError, without its password, for one that libpq can't use."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value).strip()
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in {"postgresql", "postgres"} or not rest:
        raise ValueError("must begin with postgresql://, like postgresql://user:password@host:5432/database")
    if "#" in rest or re.search(r"\s", rest):
        raise ValueError("contains a space or #; in the password, write %20 for a space and %23 for #")
    if rest.count("@") > 1:  # libpq would take what follows the first @ for the host's name, and show it
        raise ValueError("contains more than one @; in the user's name or the password, write %40 for @")
    try:
        conninfo_to_dict(f"postgresql://{rest}")
    except ProgrammingError:  # the error's text may quote the password
        raise ValueError(
            "can't be read; after ? use only parameters that Postgres knows, write %25 for %, and close each [ with ]"
        ) from None
    return SecretStr(f"postgresql://{rest}")


def _seconds(value: object) -> float:
    seconds = _positive(value, "must be a number of seconds above 0, like 2.5")
    if seconds < SHORTEST:
        raise ValueError(
            f"must be at least {SHORTEST:g} seconds, and is {seconds:g}: a shorter time keeps the database and the "
            "panel busy, or lets no call end; write a longer one"
        )
    return seconds


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
        raise ValueError("must not hold a user name or password; remove it, and set the panel's KEY")
    if has_key_in_query(text):
        raise ValueError("must not hold a key after the ?, where logs and errors show it; remove it, and set KEY to it")
    return text


def _key(value: object) -> SecretStr:
    text = (value.get_secret_value() if isinstance(value, SecretStr) else str(value)).strip()
    if not text.isprintable():
        raise ValueError("contains a line break or another character that no key has; copy the key again")
    if len(text) < SHORTEST_KEY:
        raise ValueError(
            f"is shorter than {SHORTEST_KEY} characters, so nobody can tell it from parts of words and keep "
            "it out of logs; copy the whole key, or ask the panel for a longer one"
        )
    return SecretStr(text)


def _user_agent(value: object) -> str | None:
    if value is None:
        return None
    text = str(value).strip()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be ASCII text on one line")
    return text


def _service_type(value: object) -> str | None:
    if value is None:
        return None
    rule = rule_of(str(value))
    if rule is None:
        known = ", ".join(rule.name for rule in TYPES)
        raise ValueError(f"must be a type of services, one of {known}; and not {value!r}")
    return rule.name


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
    except ModuleNotFoundError:  # of a package that the module would be part of
        return False


Seconds = Annotated[float, BeforeValidator(_seconds)]
Rate = Annotated[float, BeforeValidator(_rate)]
Count = Annotated[int, BeforeValidator(_count)]
Days = Annotated[int, BeforeValidator(_days)]
Money = Annotated[Decimal, BeforeValidator(_money)]
DatabaseUrl = Annotated[SecretStr, BeforeValidator(read_database_url)]
PanelUrl = Annotated[str, BeforeValidator(_panel_url)]
Key = Annotated[SecretStr, BeforeValidator(_key)]
UserAgent = Annotated[str | None, BeforeValidator(_user_agent)]
ServiceType = Annotated[str | None, BeforeValidator(_service_type)]
Listen = Annotated[Address | None, BeforeValidator(_listen)]
LogFormatWord = Annotated[LogFormat, BeforeValidator(_one_of(LogFormat))]
LogLevelWord = Annotated[LogLevel, BeforeValidator(_one_of(LogLevel))]
ReconcileModeWord = Annotated[ReconcileMode, BeforeValidator(_one_of(ReconcileMode))]
SwitchWord = Annotated[Switch, BeforeValidator(_one_of(Switch))]
TracingWord = Annotated[Tracing, BeforeValidator(_tracing)]
