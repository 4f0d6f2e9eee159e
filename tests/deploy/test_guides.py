"""The guides in deploy/: their shell can be read, and what they point to is there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.conftest import DEPLOY

GUIDES = sorted(DEPLOY.rglob("README.md"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.parent.name)
def test_shell_can_be_read(guide: Path) -> None:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", guide.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.parent.name)
def test_what_is_named_is_there(guide: Path) -> None:
    text = guide.read_text()
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)} - {""}
    paths = {DEPLOY.parent / path for path in re.findall(r"\b(deploy/[\w./@-]+\w)", text)}
    paths |= {
        DEPLOY / path
        for path in re.findall(r"`((?:systemd|container|kubernetes|postgres|prometheus|grafana)/[^` ]*)`", text)
    }
    assert [path for path in paths | {guide.parent / link for link in links} if not path.exists()] == []


def test_headings_that_are_linked_to_are_there() -> None:
    for guide in GUIDES:
        text = guide.read_text()
        headings = {
            re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-")
            for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        }
        assert {anchor for anchor in re.findall(r"\]\(#([^)]+)\)", text) if anchor not in headings} == set()
