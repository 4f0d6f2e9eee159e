"""Figures as tables, for a screen and in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def screen(found: Mapping[str, Any]) -> str:
    """Columns as wide as they must be: the first to the left, the others to the right."""
    cells = [("", "", found["ratio"]), *rows(found)]
    widths = [max(len(row[place]) for row in cells) for place in range(3)]
    lines = [
        f"  {name.ljust(widths[0])}  {figure.rjust(widths[1])}  {ratio.rjust(widths[2])}"
        for name, figure, ratio in cells
    ]
    return "\n".join(["", found["title"], *lines])


def markdown(all_found: Sequence[Mapping[str, Any]]) -> str:
    """One table of all scenarios, and what they were measured on."""
    lines = ["| scenario | | figure | ratio |", "|---|---|---:|---:|"]
    for found in all_found:
        title = f"**{found['title']}**"
        for name, figure, ratio in rows(found):
            lines.append(f"| {title} | {name} | {figure} | {ratio} |")
            title = f"ratio: {found['ratio']}" if title.startswith("**") and found["ratio"] else ""
    return "\n".join([*lines, "", _measured_on([found["measured_on"] for found in all_found]), ""])


def _measured_on(machines: Sequence[Mapping[str, Any]]) -> str:
    """Where it was measured, and how busy that was with other things, by the load average before each scenario."""
    told = [
        f"{one['processor']}, {one['cores']} cores, Python {one['python']}, PostgreSQL {one['postgres']}"
        for one in machines
    ]
    loads = [one["load_before"] for one in machines]
    where = "; ".join(dict.fromkeys(told))
    return f"Measured on {where}. Load average before each scenario: {min(loads)} to {max(loads)}."


def rows(found: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    return [
        (figure["name"], f"{short(figure['value'])} {figure['unit']}", _ratio(figure["ratio"]))
        for figure in found["figures"]
    ]


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def short(value: float) -> str:
    """Three digits, or all of those before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
