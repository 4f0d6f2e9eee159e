"""The tables in docs/ say what the code says: nothing is missing, and nothing is made up."""

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from itertools import chain
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from tests import source
from tests.command_tree import COMMANDS, with_option
from tests.tables_of import PAGES, ROOT, Page, page_with
from worker import cli
from worker.assembly import assemble
from worker.domain.evidence.verdicts import Doubt
from worker.domain.orders.changes import EventKind
from worker.domain.orders.refills_and_cancels import NO_PANEL_ORDER, refill_news
from worker.domain.orders.services import TYPES
from worker.domain.orders.states import CancelState, OrderState, RefillState
from worker.domain.orders.trouble import PauseReason
from worker.domain.polling import Pace
from worker.observe.metrics import Snapshot
from worker.settings.model import Address, PanelSettings, Settings, load
from worker.settings.sources import CONFIG
from worker.store.db.engine import make_engine

SETTINGS = Page("docs/reference/settings.md")
STATES = Page("docs/reference/states.md")
LOG_EVENTS = Page("docs/reference/log-events.md")
METRICS = Page("docs/reference/metrics.md")
COMMAND_PAGE = Page("docs/reference/commands.md")
DEPENDENCIES = Page("docs/reference/dependencies.md")
MONITORING = Page("docs/operating/monitoring.md")

PANEL = "ORDER_SYNC_PANELS__<NAME>__"


def listed(cell: str) -> set[str]:
    return set(filter(None, cell.split(", ")))


def _settings() -> Iterator[tuple[str, Any]]:
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, BaseModel) and not isinstance(field.default, Address):
            for inner, inner_field in type(field.default).model_fields.items():
                yield f"ORDER_SYNC_{name}__{inner}".upper(), inner_field.default
        elif name != "panels":
            yield f"ORDER_SYNC_{name}".upper(), field.default
    for name, field in PanelSettings.model_fields.items():
        yield PANEL + name.upper(), None if field.is_required() else field.default


def _shown(default: object) -> str:
    match default:
        case Address(host=host, port=port):
            return f"{host}:{port}"
        case Enum():
            return str(default.value)
        case float() | int() | Decimal():
            return f"{default:f}".rstrip("0").rstrip(".") if "." in f"{default:f}" else f"{default:f}"
        case _:
            return ""


def test_every_setting_with_its_default():
    told = {row[0]: row[2] for row in SETTINGS.table("variable")}
    assert told == {name: _shown(default) for name, default in _settings()}


def test_the_file_of_settings_can_be_used(tmp_path, monkeypatch):
    example = SETTINGS.block("toml")
    for number, path in enumerate(re.findall(r'_file = "(.*)"', example)):
        (secret := tmp_path / str(number)).write_text("postgresql://localhost/shop")  # fits a key, too
        example = example.replace(path, str(secret))
    (config := tmp_path / "order-sync.toml").write_text(example)
    settings = load({CONFIG: str(config)})
    assert settings.panels.keys() == {"default", "other"}
    assert settings.panels["default"].requests_per_second == 5


def test_every_command():
    assert set(COMMAND_PAGE.column("command")) == {f"order-sync {name}" for name in cli.COMMANDS}


#: A verdict may be a doubt; what is settled by one never is.
NO_DOUBT = {"doubt", "candidates"}


def test_every_command_about_orders():
    named = {f"order-sync {name}" for name in COMMANDS if name.startswith("orders ")}
    assert set(COMMAND_PAGE.column("orders command")) == named


def test_every_command_with_output_for_scripts():
    named = {row[0]: listed(row[1]) for row in COMMAND_PAGE.table("output for scripts")}
    assert named == {option: with_option(option) for option in ("--json", "--csv")}


def test_what_the_sandbox_is_at_unless_told_otherwise():
    unless_set = {option.name: option.default for option in COMMANDS["sandbox"].params}
    told = (
        f"The panel is at `http://{unless_set['host']}:{unless_set['port']}/api/v2`, its key is `{unless_set['key']}`."
    )
    assert [page.path for page in PAGES if told in page.text] != []


def test_every_event_of_the_log_with_its_level_and_its_fields():
    said = source.logged() | {"log_failed": ({"error"}, {"line"})}  # that one is written without a logger
    assert '"event": "log_failed", "line"' in (ROOT / "worker/observe/logs.py").read_text(encoding="utf-8")
    for event, never in (("order_reconciled", NO_DOUBT), ("order_examined", {"panel_order_id"})):
        said[event] = (said[event][0], said[event][1] - never)
    assert {row[0]: ({row[1]}, listed(row[2])) for row in LOG_EVENTS.table("event")} == said
    LOG_EVENTS.column("event")  # each once


def test_every_kind_of_event_of_an_order_with_what_it_tells():
    page = page_with("`order_events.kind`")
    assert page.column("`order_events.kind`") == list(EventKind)
    told = source.details()
    told[EventKind.RECONCILED] -= NO_DOUBT
    told[EventKind.UNCONFIRMED] |= _told_after_a_restore()
    assert {row[0]: listed(row[2]) for row in page.table("`order_events.kind`")} == told


def _told_after_a_restore() -> set[str]:
    script = (ROOT / "deploy/postgres/after-restore.sql").read_text(encoding="utf-8")
    (told,) = re.findall(r"INSERT INTO order_events .*?jsonb_build_object\((.*?)\n\)", script, re.DOTALL)
    return set(re.findall(r"'([^']*)'", told)[::2])


def test_every_error_code():
    rejected_later = refill_news(1, None, "Rejected", 0.0, Pace()).error_code
    assert set(STATES.column("code")) == {*source.codes(), NO_PANEL_ORDER, rejected_later}


def test_every_doubt():
    assert page_with("doubt").column("doubt") == list(Doubt)


def test_every_pause():
    assert sorted(page_with("pause").column("pause")) == sorted(PauseReason)


def test_every_metric_with_its_labels():
    environ = {"DATABASE_URL": "postgresql://x", "PANELS__SHOP__URL": "http://x", "PANELS__SHOP__KEY": "a-key"}
    settings = load({f"ORDER_SYNC_{name}": value for name, value in environ.items()})
    engine = make_engine("postgresql://x", pool_size=1)
    metrics = assemble(settings, engine, engine).metrics
    told = {row[0]: listed(row[1]) for row in METRICS.table("metric")}
    of_all_orders = dict(_metrics(Snapshot().registry))
    assert told == {
        **{f"{name} *": labels for name, labels in of_all_orders.items()},
        **dict(_metrics(metrics._registry)),
    }


def _metrics(registry: CollectorRegistry) -> Iterator[tuple[str, set[str]]]:
    for collector in registry._collector_to_names:
        for family in collector.collect():
            name = family.name + ("_total" if family.type == "counter" else "")
            yield name, set(getattr(collector, "_labelnames", ()))


def test_every_alert():
    rules = (ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8")
    assert MONITORING.column("alert") == re.findall(r"- alert: (\w+)", rules)


def test_every_state():
    assert sorted(STATES.column("state")) == sorted(OrderState)
    named = {row[0]: listed(row[1]) for row in STATES.table("request")}
    assert named == {"refill": set(RefillState), "cancel": set(CancelState)}


def test_the_picture_of_the_states_has_every_state():
    arrows = [line.partition("(")[0] for line in STATES.block("").splitlines()[:4]]
    assert set(re.findall(r"[a-z]{2,}", "\n".join(arrows))) == set(OrderState)


def _said_somewhere(pattern: str) -> list[str]:
    return [found for page in PAGES for found in re.findall(pattern, page.text)]


def test_how_many_types_there_are():
    assert set(_said_somewhere(r"all (\d+) service types")) == {str(len(TYPES))}


def test_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = chain(project["dependencies"], *project["optional-dependencies"].values())
    assert set(DEPENDENCIES.column("dependency")) == {re.split(r"[^\w-]", requirement)[0] for requirement in needed}
