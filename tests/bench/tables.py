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
    """One table of all scenarios."""
    lines = ["| scenario | | figure | ratio |", "|---|---|---:|---:|"]
    for found in all_found:
        title = f"**{found['title']}**"
        for name, figure, ratio in rows(found):
            lines.append(f"| {title} | {name} | {figure} | {ratio} |")
            title = f"ratio: {found['ratio']}" if title.startswith("**") else ""
    return "\n".join(lines) + "\n"


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
