"""Shows what examiners did beside the specification's figures, on a screen and in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.evidence.rows import TOLERANCE, Row
from tests.evidence.score import WITHIN, Score

HEAD = (
    "world",
    "own",
    "lost",
    "1m / 10m / 1h / 24h",
    "specified",
    "again",
    "bought",
    "w+d",
    "calls",
    "spec",
    "link",
    "open",
)
COLUMNS = (
    "world",
    "own orders",
    "lost",
    "settled within " + " / ".join(WITHIN),
    "specified",
    "again",
    "bought",
    "wrong + doubled",
    "calls each",
    "specified",
    "link",
    "open",
)


def figures(row: Row, score: Score) -> dict[str, Any]:
    """Returns what is kept of a row, as plain data."""
    return {
        "world": row.world,
        "own": row.own,
        "lost": score.lost,
        "shares": [round(share, 1) for share in score.shares()],
        "bought": round(score.percentage(score.bought), 1),
        "wrong": score.wrong + score.doubled,
        "calls": round(score.calls_each, 1),
        "median_link": None if score.median_link is None else round(score.median_link, 1),
        "open": {doubt: round(score.percentage(count), 1) for doubt, count in sorted(score.open.items())},
        "specified": {name: row.specified[name] for name in ("shares", "bought", "calls", "again")},
    }


def cells(found: Mapping[str, Any]) -> tuple[str, ...]:
    specified = found["specified"]
    shares = [
        f"{share:.0f}{'*' if share < wanted - TOLERANCE else ''}"
        for share, wanted in zip(found["shares"], specified["again"]["shares"], strict=True)
    ]
    link = found["median_link"]
    return (
        found["world"],
        found["own"],
        str(found["lost"]),
        " / ".join(shares),
        " / ".join(str(share) for share in specified["shares"]),
        " / ".join(f"{share:.0f}" for share in specified["again"]["shares"]),
        f"{found['bought']:.0f}",
        str(found["wrong"]),
        f"{found['calls']:.0f}",
        str(specified["calls"]),
        "" if link is None else f"{link:.0f} s",
        ", ".join(f"{doubt} {share:.0f}" for doubt, share in found["open"].items()),
    )


_WIDTHS = (34, 8, 5, 23, 19, 19, 6, 6, 6, 5, 6, 0)


def line(texts: Sequence[str]) -> str:
    """Returns a line for a screen."""
    return "  ".join(
        text.ljust(width) if place in {0, 1, len(texts) - 1} else text.rjust(width)
        for place, (text, width) in enumerate(zip(texts, _WIDTHS, strict=True))
    ).rstrip()


def markdown(all_found: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|---|--:|---|---|---|--:|--:|--:|--:|--:|---|"]
    before = ""
    for found in all_found:
        world, *others = cells(found)
        lines.append(f"| {'' if world == before else world} | " + " | ".join(others) + " |")
        before = world
    return "\n".join([*lines, ""])
