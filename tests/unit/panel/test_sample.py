"""Tests the sample of a reply that a person gets to see where nothing could be read."""

import json

import pytest

from worker.domain.redaction import REDACTED, Redactor
from worker.panel.document import LONGEST_SAMPLE, read_document, sample_of

from .conftest import KEY

REDACT = Redactor([KEY]).text


def sample(body: bytes, charset: str | None = None) -> str:
    return sample_of(body, read_document(body, REDACT, charset), REDACT, charset)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"balance": null}', '{"balance": null}'),
        (b"  <html>\n\n <p>Wait</p>\r\n", "<html> <p>Wait</p>"),
        (b"", ""),
        (b'{"status": "Comp', '{"status": "Comp'),
        ('{"ошибка": "да"}'.encode("windows-1251"), '{"ошибка": "да"}'),
        (b"a\0b", "ab"),
    ],
)
def test_it_is_the_reply_on_one_line(body: bytes, shown: str) -> None:
    assert sample(body) == shown


@pytest.mark.parametrize("whole", [True, False], ids=["JSON", "JSON cut off"])
@pytest.mark.parametrize(
    "escaped", [json.dumps(KEY)[1:-1], KEY.replace("/", "\\/"), "".join(f"\\u{ord(c):04x}" for c in KEY)]
)
def test_the_key_is_taken_out_however_it_is_written(escaped: str, whole: bool) -> None:
    shown = sample(f'{{"you": "{escaped}"{"}" if whole else ""}'.encode())
    assert shown.startswith(f'{{"you": "{REDACTED}"')


@pytest.mark.parametrize("begins_with", ["{", '["'])
def test_it_is_cut_after_the_key_was_taken_out(begins_with: str) -> None:
    for spaces in range(LONGEST_SAMPLE - len(KEY) - 5, LONGEST_SAMPLE + 1):
        shown = sample(f"{begins_with}{'x' * spaces}{KEY}{'y' * 400}".encode())
        assert KEY[:4] not in shown
        assert len(shown) == LONGEST_SAMPLE + 1


def test_a_part_of_the_key_at_the_end_of_what_is_read_is_not_shown() -> None:
    for spaces in range(9_900, 10_000):
        assert KEY[:3] not in sample(b"<p>" + b" " * spaces + KEY.encode() + b"</p>")


def test_no_more_of_a_huge_reply_is_read_than_is_shown() -> None:
    assert len(sample(b"<p>" * 10_000_000)) == LONGEST_SAMPLE + 1
