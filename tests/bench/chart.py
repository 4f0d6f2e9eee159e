"""Rates as bars, in SVG. It reads on a light page and on a dark one."""

from collections.abc import Iterator, Mapping, Sequence
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


def svg(all_found: Sequence[Mapping[str, Any]]) -> str:
    """The scenarios that found nothing but rates, each scaled to its own highest."""
    rates = [found for found in all_found if {figure["unit"] for figure in found["figures"]} == {"orders/s"}]
    top = 0
    drawn: list[str] = []
    for found in rates:
        drawn.append(f'<text class="title" x="0" y="{top + 15}">{escape(found["title"])}, orders a second</text>')
        top += ROW
        drawn += _bars(found, top)
        top += ROW * len(found["figures"]) + GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {max(top - GAP, 1)}" width="{WIDTH}" role="img">'
    )
    return "\n".join([head, _STYLE, *drawn, "</svg>", ""])


def _bars(found: Mapping[str, Any], top: int) -> Iterator[str]:
    highest = max(figure["value"] for figure in found["figures"])
    for place, figure in enumerate(found["figures"]):
        y = top + place * ROW
        length = round(BARS * figure["value"] / highest, 1)
        kind = "bar ours" if figure["ours"] else "bar"
        yield f'<text x="{NAMES - 8}" y="{y + 15}" text-anchor="end">{escape(figure["name"])}</text>'
        yield f'<rect class="{kind}" x="{NAMES}" y="{y + 3}" width="{length}" height="{ROW - 6}" rx="2"/>'
        yield f'<text x="{NAMES + length + 6}" y="{y + 15}">{short(figure["value"])}</text>'
