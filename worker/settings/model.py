"""Typed settings, and `load`, which reads all of them (docs/reference/settings.md)."""

import os
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import combinations
from typing import Any
from urllib.parse import parse_qs, unquote

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails

from worker.domain.accounts import Account
from worker.domain.evidence.questions import Premises
from worker.domain.orders.refusals import TRIES
from worker.domain.orders.services import Untyped
from worker.settings.sources import PANELS, PREFIX, Given, Known, SettingsError, collect, split_panel
from worker.settings.values import (
    Address,
    Count,
    DatabaseUrl,
    Days,
    Frozen,
    Key,
    Listen,
    LogFormat,
    LogFormatWord,
    LogLevel,
    LogLevelWord,
    Money,
    PanelUrl,
    Rate,
    ReconcileMode,
    ReconcileModeWord,
    Seconds,
    ServiceType,
    Switch,
    SwitchWord,
    Tracing,
    TracingWord,
    UserAgent,
    read_database_url,
)

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
    "SubmitSettings",
    "Switch",
    "Tracing",
    "load",
]

_DATABASE_URL = f"{PREFIX}DATABASE_URL"
_DAY = 24 * 3600.0
_WEEK = 7 * _DAY


class PanelSettings(Frozen):
    """One panel. `requests_per_second` holds for all workers together, `concurrency` for one; `timeout` in seconds."""

    url: PanelUrl
    key: Key
    requests_per_second: Rate = 10
    concurrency: Count = 16
    timeout: Seconds = 30
    low_balance: Money = Decimal(0)
    default_type: ServiceType = None
    user_agent: UserAgent = None

    @property
    def account(self) -> Account:
        return Account.at(self.url, self.key.get_secret_value())


class ScheduleSettings(Frozen):
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


class PollingSettings(Frozen):
    """Bounds for the time between two polls of one order, and how long a closed order is polled, in seconds."""

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


class ReconcileSettings(Frozen):
    """`late`: seconds after the end of a call within which a panel may still take its request.

    `hidden`: seconds within which an order that was taken comes to light. `settle` is the value of both, where they
    aren't set. `distinct`: an order that would cost the same as one in doubt is sent with more units.
    """

    mode: ReconcileModeWord = ReconcileMode.AUTO
    settle: Seconds = 300
    late: Seconds | None = None
    hidden: Seconds | None = None
    distinct: SwitchWord = Switch.OFF

    def premises(self) -> Premises:
        """Returns what evidence takes for granted about a panel."""
        return Premises(
            self.settle if self.late is None else self.late, self.settle if self.hidden is None else self.hidden
        )


class SubmitSettings(Frozen):
    """`tries`: how often an order is tried that the panel refuses in unknown words."""

    tries: Count = TRIES


class AuditSettings(Frozen):
    """`threshold`: smallest missing amount that raises a warning, in the account's currency."""

    threshold: Money = Decimal("0.01")


class RetentionSettings(Frozen):
    """`days`: days after its end for which an order's history stays out of the archive; 0: for ever."""

    days: Days = 90


class LogSettings(Frozen):
    format: LogFormatWord = LogFormat.AUTO
    level: LogLevelWord = LogLevel.INFO


class Settings(Frozen):
    """All settings. `database_url` is empty if a command needs none; `listen` is None if the worker doesn't listen."""

    database_url: DatabaseUrl = Field(SecretStr(""), validate_default=False)
    panels: dict[str, PanelSettings] = Field(default_factory=dict)
    schedule: ScheduleSettings = ScheduleSettings()
    polling: PollingSettings = PollingSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
    submit: SubmitSettings = SubmitSettings()
    audit: AuditSettings = AuditSettings()
    retention: RetentionSettings = RetentionSettings()
    drain: Seconds = 25
    listen: Listen = Address(host="127.0.0.1", port=9464)
    log: LogSettings = LogSettings()
    tracing: TracingWord = Tracing.OFF

    def with_database(self, url: str) -> "Settings":
        """Returns a copy with the database at `url`."""
        return self.model_copy(update={"database_url": read_database_url(url)})

    def untyped(self, panel: str) -> Untyped:
        """Returns what to take a panel's services for whose type its catalogue doesn't tell."""
        configured = self.panels.get(panel)
        return Untyped(
            f"{PANELS}{panel.upper()}__DEFAULT_TYPE", None if configured is None else configured.default_type
        )

    def secrets(self) -> frozenset[str]:
        """Returns the texts that nothing may show: every key, and the database's password as written and decoded."""
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
    worker=frozenset(
        {name.upper() for name in Settings.model_fields if name not in {"panels", *_SECTIONS}}
        | {f"{section}__{name}".upper() for section, model in _SECTIONS.items() for name in model.model_fields}
    ),
    panel=frozenset(name.upper() for name in PanelSettings.model_fields),
    secret=frozenset({"DATABASE_URL", "KEY"}),
)


def load(environ: Mapping[str, str] = os.environ, *, need_database: bool = True, need_panels: bool = True) -> Settings:
    """Returns the settings of the environment and of the file that it names.

    Raises `SettingsError` with all problems at once. Its text names each variable and shows no secret.
    """
    given, problems = collect(environ, _KNOWN)
    try:
        settings = Settings.model_validate(_tree(given))
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            name = _name(detail["loc"])
            problems.setdefault(name, f"{_written(name, given)}: {_problem(detail)}")
    else:
        problems |= {name: f"{_written(name, given)}: {text}" for name, text in _contradictions(settings)}
    if need_database and _DATABASE_URL not in {*given, *problems}:
        problems[_DATABASE_URL] = (
            f"{_DATABASE_URL}: is missing; set it to postgresql://user:password@host:5432/database, "
            f"or {_DATABASE_URL}_FILE to a file that holds it"
        )
    if need_panels and not any(split_panel(name)[0] for name in (*given, *problems)):
        problems[PANELS] = (
            f"{PANELS}DEFAULT__URL: is missing, and no other panel is set; set it and {PANELS}DEFAULT__KEY "
            "(no panel yet? `order-sync sandbox` is one)"
        )
    if problems:
        raise SettingsError(problems.values())
    return settings


def _tree(given: Mapping[str, Given]) -> dict[str, Any]:
    """Turns the flat names into the nested tables of the models."""
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


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yields the settings that are wrong beside others, by name, each with what is wrong and how to mend it."""
    for (other, one), (name, panel) in combinations(settings.panels.items(), 2):
        if panel.account.is_same_as(one.account):
            text = (
                f"the panels {other} and {name} have the same address and key, and the worker would take orders of one "
                "for lost orders of the other; remove one of them, or set the key of another account"
            )
            yield f"{PANELS}{name.upper()}__URL", text
    slowest = max(settings.panels, key=lambda name: settings.panels[name].timeout, default="")
    late, longest = settings.reconcile.premises().late, settings.panels[slowest].timeout if slowest else 0.0
    if late < longest:
        text = (
            f"must not be below the longest TIMEOUT ({longest:g}), and is {late:g}: a call that the worker still "
            f"waits for would count as lost; raise it, or lower {PANELS}{slowest.upper()}__TIMEOUT"
        )
        yield f"{PREFIX}RECONCILE__{'SETTLE' if settings.reconcile.late is None else 'LATE'}", text


def _written(name: str, given: Mapping[str, Given]) -> str:
    """Returns the name of a setting as the user wrote it."""
    return given[name].written if name in given else name


def _name(loc: tuple[int | str, ...]) -> str:
    return PREFIX + "__".join(str(step) for step in loc).upper()


def _problem(detail: ErrorDetails) -> str:
    if detail["type"] != "missing":
        return str(detail["ctx"]["error"])
    name = _name(detail["loc"])
    return (
        f"is missing; set it, or {name}_FILE to a file that holds it"
        if name.endswith("__KEY")
        else "is missing; set it"
    )
