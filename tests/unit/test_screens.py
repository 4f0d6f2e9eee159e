"""The guides show each picture that was made, and pictures are made well: a terminal's screen as SVG."""

import re
from xml.etree import ElementTree as ET

import pytest
from pyte.screens import Screen

from tests import guides
from tests.screens.drawing import CELL, svg
from tests.screens.make import PUBLISHED
from tests.screens.terminal import screen

SIZE = (20, 4)
SVG = "{http://www.w3.org/2000/svg}"


def words(drawn: str) -> dict[str, ET.Element]:
    """What is written under the bar, by its text."""
    _, *written = ET.fromstring(drawn).iter(f"{SVG}text")  # noqa: S314 - our own
    return {text.text or "": text for text in written}


def boxes(drawn: str, colour: str) -> list[int]:
    """The widths of the boxes of a colour, in cells."""
    found = ET.fromstring(drawn).iter(f"{SVG}rect")  # noqa: S314 - our own
    return [int(box.attrib["width"]) // CELL for box in found if box.get("fill") == colour]


def shown(said: str) -> Screen:
    return screen(said, SIZE)


def test_the_guides_show_each_picture_with_a_text_for_readers_who_cannot_see_it() -> None:
    shown = {
        name
        for text in guides.GUIDES.values()
        for name in re.findall(r"!\[.+\]\(\S*tests/screens/published/(\w+)\.svg\)", text)
    }
    assert shown == {path.stem for path in PUBLISHED.glob("*.svg")}
    assert "tests/screens/published/demo.svg" in guides.GUIDES["README.md"]


@pytest.mark.parametrize("picture", sorted(PUBLISHED.glob("*.svg")), ids=lambda path: path.stem)
def test_a_picture_fetches_nothing_and_tells_nothing_of_a_machine(picture) -> None:
    drawn = picture.read_text(encoding="utf-8")
    assert len(words(drawn)) > 10
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg|\w+\.example/|127\.0\.0\.1:8080)", drawn) == []
    assert not re.search(r"url\(|@import|href|/tmp|%2Ftmp|/home|/root", drawn)


def test_words_stand_in_their_cells() -> None:
    found = words(svg(shown("one  two & three\r\n    <four>"), "a <command>"))
    assert set(found) == {"one", "two & three", "<four>"}
    assert [int(found[text].attrib["x"]) // CELL for text in ("one", "two & three", "<four>")] == [1, 6, 5]
    assert int(found["two & three"].attrib["textLength"]) == 11 * CELL
    assert int(found["<four>"].attrib["y"]) > int(found["one"].attrib["y"])


def test_colours_bars_and_what_is_reversed() -> None:
    drawn = svg(shown("\x1b[31mred\x1b[0m \x1b[32m███\x1b[0m \x1b[7mq\x1b[0m \x1b[1;38;2;1;2;3mbold"), "c")
    found = words(drawn)
    assert set(found) == {"red", "q", "bold"}
    assert found["red"].attrib["fill"] != found["q"].attrib["fill"]
    assert (found["bold"].attrib["fill"], found["bold"].get("class")) == ("#010203", "bold")
    assert boxes(drawn, "#3fb950") == [3]
    assert boxes(drawn, "#e6edf3") == [1]


def test_empty_lines_around_it_are_left_out() -> None:
    heights = [ET.fromstring(svg(shown(said), "c")).attrib["viewBox"] for said in ("a", "\r\na", "a\r\n\nb")]  # noqa: S314 - our own
    one, another, higher = (int(box.split()[3]) for box in heights)
    assert one == another < higher


PICTURES = "first\r\n\r\x1b[2K\x1b[1A\x1b[2Ksecond\r\n\r\x1b[2K\x1b[1A\x1b[2Kthird\r\n"


def test_the_moment_is_the_one_that_was_wished_for() -> None:
    assert "second" in words(svg(screen(PICTURES, SIZE, lambda text: "second" in text), "c"))
    assert "third" in words(svg(screen(PICTURES, SIZE), "c"))


def test_a_screen_that_is_given_back_is_shown_as_it_was_before() -> None:
    said = "\x1b[?1049h\x1b[Hlive\x1b[?1049l\x1b[Hback"
    assert set(words(svg(shown(said), "c"))) == {"live"}
