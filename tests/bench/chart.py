"""Figures as bars, in SVG. It reads on a light page and on a dark one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tests.bench.tables import short

WIDTH, NAMES, BARS = 760, 300, 340
ROW, GAP = 22, 30

_STYLE = """<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .bar { fill: #8c959f }
  .ours { fill: #2f81f7 }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .bar { fill: #6e7681 } }
</style>"""


@dataclass(frozen=True)
class Bar:
    """A name, and parts side by side: the class of each, and its share of the longest possible bar."""

    name: str
    parts: Sequence[tuple[str, float]]
    label: str


def svg(all_found: Sequence[Mapping[str, Any]]) -> str:
    """The scenarios that found nothing but rates, each scaled to its own highest."""
    rates = [found for found in all_found if {figure["unit"] for figure in found["figures"]} == {"orders/s"}]
    return drawing({f"{found['title']}, orders a second": list(_rates(found)) for found in rates})


def drawing(groups: Mapping[str, Sequence[Bar]], style: str = _STYLE) -> str:
    """Groups of bars, by title."""
    top = 0
    drawn: list[str] = []
    for title, bars in groups.items():
        drawn.append(f'<text class="title" x="0" y="{top + 15}">{escape(title)}</text>')
        top += ROW
        for place, bar in enumerate(bars):
            drawn += _drawn(bar, top + place * ROW)
        top += ROW * len(bars) + GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {max(top - GAP, 1)}" width="{WIDTH}" role="img">'
    )
    return "\n".join([head, style, *drawn, "</svg>", ""])


def _rates(found: Mapping[str, Any]) -> Iterator[Bar]:
    highest = max(figure["value"] for figure in found["figures"])
    for figure in found["figures"]:
        kind = "bar ours" if figure["ours"] else "bar"
        yield Bar(figure["name"], [(kind, figure["value"] / highest)], short(figure["value"]))


def _drawn(bar: Bar, y: int) -> Iterator[str]:
    yield f'<text x="{NAMES - 8}" y="{y + 15}" text-anchor="end">{escape(bar.name)}</text>'
    end = 0.0
    for kind, share in bar.parts:
        length = round(BARS * share, 1)
        yield f'<rect class="{kind}" x="{NAMES + end:g}" y="{y + 3}" width="{length}" height="{ROW - 6}" rx="2"/>'
        end += length
    yield f'<text x="{round(NAMES + end + 6, 1)}" y="{y + 15}">{bar.label}</text>'
