"""Tests the findings of `order-sync check`, and that it shows no secret."""

import json
from typing import Any

import psycopg
import pytest

from tests.acceptance.commands.command import order_sync, shows_a_secret, with_password
from worker.sandbox import Sandbox


def findings(text: str) -> dict[str, tuple[str, str]]:
    """Returns by subject the verdict and the text with the advice. The last finding of a subject counts."""
    return {found["subject"]: (found["verdict"], f"{found['text']}; {found['mend']}") for found in load(text)}


def load(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text)["findings"]
    return found


async def test_all_is_well(settings: dict[str, str]) -> None:
    ended = await order_sync("check", settings=settings)
    assert (ended.code, ended.err) == (0, "")
    verdicts = [line.split(maxsplit=2)[:2] for line in ended.out.splitlines()]
    assert verdicts == [["ok", name] for name in ("settings", "database", "schema", "clock", "panel")]
    assert "takes the key; balance 1000.00000 USD" in ended.out


async def test_for_a_script(settings: dict[str, str]) -> None:
    ended = await order_sync("check", "--json", settings=settings)
    assert ended.code == 0
    assert json.loads(ended.out)["ok"] is True
    assert {verdict for verdict, _ in findings(ended.out).values()} == {"ok"}


async def test_wrong_settings_for_a_script(settings: dict[str, str]) -> None:
    ended = await order_sync("check", "--json", settings={**settings, "DRAIN": "soon"})
    assert (ended.code, ended.err) == (2, "")
    assert json.loads(ended.out)["ok"] is False
    assert findings(ended.out)["settings"][1].startswith("ORDER_SYNC_DRAIN: must be a number of seconds")


@pytest.mark.parametrize("quirks", [(), ("error_echoes_key",), ("error_http_500", "error_echoes_key")])
async def test_a_wrong_key(settings: dict[str, str], panel: Sandbox, quirks: tuple[str, ...]) -> None:
    panel.quirks.on(*quirks)
    wrong = {
        **settings,
        "PANELS__DEFAULT__KEY": "wrong-hush",
        "DATABASE_URL": with_password(settings["DATABASE_URL"]),
    }
    ended = await order_sync("check", "--json", settings=wrong)
    verdict, text = findings(ended.out)["panel default"]
    assert ended.code == 1
    assert verdict == "wrong"
    assert text.startswith("doesn't take the key: Invalid API key")
    assert text.endswith("; set ORDER_SYNC_PANELS__DEFAULT__KEY to the one on the panel's API page")
    assert not shows_a_secret(ended.text)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:{closed}/api/v2", "can't be reached at {url}: connection refused"),
        ("https://127.0.0.1:{open}/api/v2", "can't be reached at {url}: the TLS handshake failed"),
        ("http://127.0.0.1:{open}/api/v3", "gives no readable answer at {url}: "),
    ],
    ids=["refused", "no TLS there", "no API there"],
)
async def test_a_wrong_address(
    settings: dict[str, str], panel: Sandbox, closed_port: int, *, url: str, said: str
) -> None:
    address = url.format(closed=closed_port, open=panel.url.split(":")[2].partition("/")[0])
    ended = await order_sync("check", "--json", settings={**settings, "PANELS__DEFAULT__URL": address})
    verdict, text = findings(ended.out)["panel default"]
    assert ended.code == 1
    assert verdict == "wrong"
    assert text.startswith(said.format(url=address))
    assert "ORDER_SYNC_PANELS__DEFAULT__URL" in text


async def test_the_database_is_away_and_the_panel_is_looked_at_all_the_same(
    settings: dict[str, str], closed_port: int
) -> None:
    away = f"postgresql://shop:p4ss-hush%2Fhush@127.0.0.1:{closed_port}/shop"
    ended = await order_sync("check", "--json", settings={**settings, "DATABASE_URL": away})
    found = findings(ended.out)
    assert ended.code == 1
    assert found["database"][0] == "wrong"
    assert "refused" in found["database"][1]
    assert found["panel default"][0] == "ok"
    assert not shows_a_secret(ended.text)


async def test_an_old_schema(settings: dict[str, str], empty_database_url: str) -> None:
    ended = await order_sync("check", "--json", settings={**settings, "DATABASE_URL": empty_database_url})
    verdict, text = findings(ended.out)["schema"]
    assert ended.code == 1
    assert verdict == "wrong"
    assert text.startswith("is at nothing, and this version needs ")
    assert "`order-sync migrate`" in text


async def test_what_keeps_rows_waiting_is_a_warning(settings: dict[str, str], database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as producer:
        producer.execute("INSERT INTO orders (panel, service, link) VALUES ('other', '1', 'https://example.com')")
        producer.execute(
            "INSERT INTO pauses (panel, scope, reason, detail, until) "
            "VALUES ('default', 'add', 'not_enough_funds', 'Not enough funds', now() + interval '1 hour')"
        )
        producer.execute("INSERT INTO panel_abilities VALUES ('default', 'status', 0, '2026-01-01', '2026-01-01')")
        producer.execute("INSERT INTO guards (panel, shared_since) VALUES ('default', now()), ('other', NULL)")
    low = {**settings, "PANELS__DEFAULT__LOW_BALANCE": "1000.01"}
    ended = await order_sync("check", "--json", settings=low)
    warnings = [(f["subject"], f["text"]) for f in load(ended.out) if f["verdict"] == "warning"]
    assert ended.code == 0
    assert [subject for subject, _ in warnings] == ["panel default", "panel default", "panel other", "panel default"]
    paused, shared, waiting, money = (text for _, text in warnings)
    assert shared.startswith("somebody else orders on this account, known since ")
    assert paused.startswith("is paused (orders only) since ")
    assert paused.endswith(": not_enough_funds, Not enough funds")
    assert waiting == "isn't configured, and orders for it are pending"
    assert money.endswith("balance 1000.00000 USD, below 1000.01: nothing is ordered")
    fine = [f["text"] for f in load(ended.out) if (f["subject"], f["verdict"]) == ("panel default", "ok")]
    assert "takes one id at a time in calls of status, found 2026-01-01" in fine
