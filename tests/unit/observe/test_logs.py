"""Logs: what a line looks like, what it never shows, and that it never ends the work."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
import structlog

from worker.observe import logs

SECRET = "s3cret/key"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("worker")
    handlers, level, hook = root.handlers[:], root.level, sys.excepthook
    yield
    root.handlers, sys.excepthook = handlers, hook
    root.setLevel(level)
    ours.setLevel(logging.NOTSET)
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def configured(stream: io.StringIO, style: str = "json", level: str = "info") -> Any:
    logs.configure(style, level, [SECRET], stream=stream)
    return structlog.get_logger()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_that_begins_with_time_level_and_event(stream: io.StringIO) -> None:
    configured(stream).info("order_submitted", order_id=42, panel="default")
    (line,) = lines(stream)
    assert list(line) == ["timestamp", "level", "event", "order_id", "panel"]
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() == datetime.now(UTC).utcoffset()
    assert line == {"level": "info", "event": "order_submitted", "order_id": 42, "panel": "default"}


def test_values_are_what_json_has(stream: io.StringIO) -> None:
    class State(Enum):
        PENDING = "pending"

    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError

    endless: list[object] = []
    endless.append(endless)
    configured(stream).info(
        "x",
        charge=Decimal("1E-7"),
        at=datetime(2026, 1, 2, tzinfo=UTC),
        state=State.PENDING,
        ids={7},
        nan=float("nan"),
        raw=b"\xff",
        text="Größe\nzwei",
        bad=Unprintable(),
        endless=endless,
    )
    (line,) = lines(stream)
    assert line["charge"] == "0.0000001"
    assert line["at"] == "2026-01-02T00:00:00+00:00"
    assert line["state"] == "pending"
    assert line["ids"] == [7]
    assert line["nan"] == "nan"
    assert line["raw"] == "\\xff"
    assert line["text"] == "Größe\nzwei"
    assert line["bad"] == "<Unprintable that can't be shown: RuntimeError>"
    assert "..." in json.dumps(line["endless"])


def test_what_is_bound_to_the_context_is_in_the_line(stream: io.StringIO) -> None:
    log = configured(stream)
    with structlog.contextvars.bound_contextvars(panel="default"):
        log.info("x")
    assert lines(stream)[0]["panel"] == "default"


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_the_level_is_kept(stream: io.StringIO, level: str, heard: int) -> None:
    log = configured(stream, level=level)
    for say in (log.debug, log.info, log.warning, log.error):
        say("x")
    assert len(lines(stream)) == heard


def test_others_speak_through_the_same_lines_from_a_warning_on(stream: io.StringIO) -> None:
    configured(stream, level="debug")
    for name in (
        "apscheduler.scheduler",
        "sqlalchemy.engine",
        "alembic",
        "aiohttp.access",
        "asyncio",
        "httpx",
        "httpcore",
    ):
        logging.getLogger(name).info("quiet")
        logging.getLogger(name).warning("missed by %s", name)
    said = lines(stream)
    assert [line["event"] for line in said] == [f"missed by {line['logger']}" for line in said]
    assert len(said) == 7
    assert all(list(line)[:3] == ["timestamp", "level", "event"] for line in said)


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("level", ["debug", "error"])
def test_no_secret_is_ever_in_a_line(stream: io.StringIO, style: str, level: str) -> None:
    log = configured(stream, style, level)
    say = getattr(log, level)
    say(f"event {SECRET}", key=SECRET, nested={"headers": [("Authorization", f"Bearer {SECRET}")]})
    say("x", url=f"https://u:pw123@h/?key={SECRET.replace('/', '%2F')}", raw=SECRET.encode(), **{SECRET: 1})
    logging.getLogger("asyncio").error("foreign %s", SECRET)
    try:
        int(SECRET)
    except ValueError as error:
        error.__cause__ = OSError(f"postgresql://u:pw123@h/{SECRET}")
        say("failed", exc_info=True, error=error)
        logging.getLogger("asyncio").exception("foreign")
    text = stream.getvalue()
    assert text.count("[redacted]") >= 10
    assert "Traceback" in text
    assert "s3cret" not in text
    assert "pw123" not in text


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_password_that_is_a_word_of_ours_spoils_no_line(stream: io.StringIO, style: str) -> None:
    logs.configure(style, "info", ["info", "event", "level"], stream=stream)
    structlog.get_logger().info("x", hint="event info")
    assert "[redacted] [redacted]" in stream.getvalue()
    assert "info" in stream.getvalue().partition("hint")[0]
    if style == "json":
        assert list(lines(stream)[0]) == ["timestamp", "level", "event", "hint"]


def test_a_warning_of_python_is_a_line(stream: io.StringIO) -> None:
    configured(stream)
    # As warnings.showwarning would: pytest keeps warnings to itself.
    logging._showwarning(UserWarning(SECRET), UserWarning, "file.py", 1)  # type: ignore[attr-defined]
    (line,) = lines(stream)
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "UserWarning: [redacted]" in line["event"]


def test_auto_is_console_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal, pipe = Terminal(), io.StringIO()
    configured(terminal, "auto").info("order_submitted", order_id=42)
    assert "order_submitted" in terminal.getvalue()
    assert "\x1b[" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")
    configured(pipe, "auto").info("order_submitted")
    assert pipe.getvalue().startswith("{")


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    configured(terminal, "console").info("x", order_id=42)
    assert "\x1b" not in terminal.getvalue()


def test_a_panels_words_do_not_steer_the_terminal(stream: io.StringIO) -> None:
    configured(stream, "console").warning("odd \x1b[2J", error="\x1b]0;title\x07")
    assert "\x1b" not in stream.getvalue()
    assert "\\x1b[2J" in stream.getvalue()


def test_configured_again_everything_goes_to_the_new_place(stream: io.StringIO) -> None:
    log = configured(io.StringIO(), level="error")
    log.error("before")
    configured(stream, level="debug")
    log.debug("after")
    assert [line["event"] for line in lines(stream)] == ["after"]


def test_a_wrong_call_of_a_logger_is_told_without_its_values(stream: io.StringIO) -> None:
    configured(stream)
    logging.getLogger("asyncio").warning("%d", SECRET)
    (line,) = lines(stream)
    assert line["event"] == "log_failed"
    assert line["line"].startswith("test_logs.py:")


PROGRAM = """
import sys, warnings
import structlog
from worker.observe.logs import configure
configure("json", "info", ["s3cret"])
log = structlog.get_logger()
log.info("first")
sys.stdin.readline()
log.info("second")
log.info("third")
exec(sys.argv[1])
print("alive", flush=True)
"""


def program(last: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, last],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.mark.parametrize("last", ["pass", "sys.stderr.close(); log.info('fourth')"])
def test_a_closed_stderr_does_not_end_the_work(last: str) -> None:
    with program(last) as process:
        assert process.stderr is not None
        assert "first" in process.stderr.readline()
        process.stderr.close()
        process.stderr = None
        said, _ = process.communicate("\n")
    assert said == "alive\n"
    assert process.returncode == 0


def test_warnings_and_what_nobody_caught_are_lines_without_secrets() -> None:
    with program("warnings.warn('w s3cret'); raise RuntimeError('r s3cret')") as process:
        _, said = process.communicate("\n")
    assert process.returncode == 1
    *_, warning, crash = [json.loads(line) for line in said.splitlines()]
    assert warning["logger"] == "py.warnings"
    assert crash["event"] == "crashed"
    assert "RuntimeError: r [redacted]" in crash["exception"]
    assert "s3cret" not in said
