"""The map in docs/architecture.md has every room of worker/, and every module that stands outside the rooms."""

import re
from collections.abc import Iterator

from tests.tables_of import ROOT, Page

ARCHITECTURE = Page("docs/architecture.md")


def _drawn() -> Iterator[str]:
    """Yields the path of each line of the map."""
    above: list[str] = []
    for line in ARCHITECTURE.block("", "worker/").splitlines():
        drawn = re.fullmatch(r"( *)([\w.]+/?) +\S.*|( *)(worker/)", line)
        assert drawn, f"a line that can't be read: {line}"
        depth, name = len(drawn[1] or drawn[3] or "") // 2, drawn[2] or drawn[4]
        above[depth:] = [name]
        yield "".join(above)


def _rooms() -> Iterator[str]:
    for path in (ROOT / "worker").rglob("__init__.py"):
        yield f"{path.parent.relative_to(ROOT)}/"


def _outside() -> Iterator[str]:
    for path in (ROOT / "worker").glob("*.py"):
        if not path.name.startswith("__"):
            yield f"worker/{path.name}"


def test_the_map_has_every_room():
    drawn = list(_drawn())
    assert len(drawn) == len(set(drawn))
    assert {path for path in drawn if path.startswith("worker/")} == {*_rooms(), *_outside()}
    assert [path for path in drawn if not (ROOT / path).exists()] == []
