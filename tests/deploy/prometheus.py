"""What deploy/ asks of Prometheus: the alerts' expressions, and the dashboard's."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
RULES_TEST = DEPLOY / "prometheus" / "rules_test.yml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "order-sync.json").read_text(encoding="utf-8"))

#: Not what a rule has made of metrics, which has a colon before it.
_METRIC = re.compile(r"(?<![:\w])order_sync_\w+")


def panels() -> list[dict[str, Any]]:
    """Those of the dashboard that show something."""
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    """The dashboard's, with Grafana's variables filled in."""
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    asked += [annotation["expr"] for annotation in DASHBOARD["annotations"]["list"]]
    for expression in asked:
        yield expression.replace("$__rate_interval", "1m").replace("$panel", ".*")


def metrics() -> set[str]:
    """All that are named, without what Prometheus makes of a histogram's name."""
    variables = [
        variable["query"]["query"] for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"
    ]
    named = {
        name
        for text in (
            RULES.read_text(encoding="utf-8"),
            RULES_TEST.read_text(encoding="utf-8"),
            *expressions(),
            *variables,
        )
        for name in _METRIC.findall(text)
    }
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}
