"""The alerts and the dashboard: they can be read, and each alert is tested."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy import prometheus
from tests.tables_of import Page

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool isn't installed: it is in Debian's package prometheus"
)

RULES = prometheus.RULES.read_text(encoding="utf-8")


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_alerts_ring_when_they_should() -> None:
    promtool("check", "rules", prometheus.RULES)
    promtool("test", "rules", prometheus.RULES_TEST)


@needs_promtool
def test_the_dashboard_asks_what_prometheus_understands(tmp_path: Path) -> None:
    asked = [
        {"record": "asked", "expr": expression, "labels": {"number": str(number)}}
        for number, expression in enumerate(prometheus.expressions())
    ]
    (rules := tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": asked}]}))
    promtool("check", "rules", rules)


def test_every_alert_has_a_test_and_says_what_to_do() -> None:
    alerts = re.findall(r"- alert: (\w+)", RULES)
    assert alerts
    tested = re.findall(r'alertname="(\w+)"', prometheus.RULES_TEST.read_text(encoding="utf-8"))
    assert set(alerts) == set(tested)
    assert len(re.findall(r"^          runbook: .{40}", RULES, re.MULTILINE)) == len(alerts)


def test_every_metric_that_is_named_is_in_the_reference() -> None:
    reference = Page("docs/reference/metrics.md").column("metric")
    assert prometheus.metrics() <= {name.removesuffix(" *") for name in reference}


def test_the_dashboard_holds_together() -> None:
    numbers = [panel["id"] for panel in prometheus.DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    for panel in prometheus.panels():
        assert panel["title"]
        assert panel["description"].endswith((".", "`."))
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}
