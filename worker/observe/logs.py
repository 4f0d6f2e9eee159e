"""Writes logs to stderr, as JSON or as lines for a person, without secrets (docs/reference/log-events.md)."""

import json
import logging
import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from worker.domain.redaction import Redactor

#: The logger of all our events. Other loggers are heard from `warning` on.
_OURS = "worker"

#: Names and values that are the same in every line. A password that equals one of these words doesn't spoil the line.
_OUR_NAMES = frozenset({"timestamp", "level", "event", "logger", "exception"})
_OUR_VALUES = frozenset({"timestamp", "level"})

_DEEPEST = 20

#: Modules whose frames lie between a call that logs and this module.
_LOGGING = ("structlog.", __name__)

_ENCODER = json.JSONEncoder(ensure_ascii=False)


def configure(format: str, level: str, secrets: Iterable[str], *, stream: TextIO | None = None) -> None:  # noqa: A002 - the setting's name
    """Sends all logs of the process to `stream` (stderr). May be called again.

    `format` is `json`, `console` or `auto`, which is console on a terminal. `level` is one of logging's names, in upper
    or lower case. No line shows a text of `secrets`.
    """
    stream = stream or sys.stderr
    console = format == "console" or (format == "auto" and _is_terminal(stream))
    redactor = Redactor(secrets)
    name_of = lru_cache(maxsize=512)(redactor.text)  # the same few names of fields come again and again

    def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        return {
            key if key in _OUR_NAMES else name_of(key): value if key in _OUR_VALUES else redactor.value(value)
            for key, value in event.items()
        }

    rendering: list[Processor] = [
        structlog.processors.format_exc_info,
        _in_order,
        redact,
        *_renderers(console, stream),
    ]
    handler = _QuietHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    threshold = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(threshold, logging.WARNING))
    logging.getLogger(_OURS).setLevel(threshold)
    for loud in ("httpx", "httpcore"):  # they log addresses
        logging.getLogger(loud).setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(True)
    sys.excepthook = _log_crash
    _lines.handler = handler
    _OUR_CHAIN[:] = [
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        _unfailing(rendering),
    ]
    structlog.configure(
        processors=_OUR_CHAIN,
        logger_factory=lambda *_: _lines,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


class _Lines:
    """Writes our lines as structlog made them, without a LogRecord that nobody would read."""

    disabled = False
    getEffectiveLevel = logging.getLogger(_OURS).getEffectiveLevel  # noqa: N815 - logging's name

    handler: "_QuietHandler"

    def _write(self, line: str) -> None:
        self.handler.write(line)

    debug = info = warning = error = critical = exception = _write


_lines = _Lines()

#: Always the same list: loggers that were used before a second `configure` keep it.
_OUR_CHAIN: list[Processor] = []


def _unfailing(processors: Sequence[Processor]) -> Processor:
    def render(logger: WrappedLogger, name: str, event: EventDict) -> str:
        line: Any = event
        try:
            for processor in processors:
                line = processor(logger, name, line)
        except Exception:  # noqa: BLE001 - a mistake in a log call must not fail the work
            caller = _caller()
            return _failed(caller.f_code.co_filename, caller.f_lineno)
        return str(line)

    return render


def _caller() -> FrameType:
    """Returns the frame that logs."""
    frame = sys._getframe(1)  # noqa: SLF001 - logging itself finds it like this
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(_LOGGING):
        frame = frame.f_back
    return frame


def _failed(file: str, line: int) -> str:
    """Returns the line for a log call that failed, without its values: they weren't redacted."""
    return f'{{"level": "error", "event": "log_failed", "line": "{Path(file).name}:{line}"}}'


def _in_order(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Puts `timestamp`, `level` and `event` first, and turns all values into types of JSON."""
    level, name = event.pop("level"), event.pop("event")
    head = {"timestamp": datetime.now(UTC), "level": level, "event": name}
    return {key: _json_value(value) for key, value in {**head, **event}.items()}


def _json_value(value: object, depth: int = 0) -> object:
    """Returns the value in types of JSON; Decimals and times become text."""
    match value:
        case None | bool() | int() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return _json_value(value.value, depth)
        case float():
            return value if math.isfinite(value) else str(value)
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat()
        case _ if depth == _DEEPEST:
            return "..."
        case Mapping():
            return {str(key): _json_value(one, depth + 1) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_json_value(one, depth + 1) for one in value]
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case _:
            return _text_of(value)


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - no value may fail its log line
        return f"<{type(value).__name__} that can't be shown: {type(error).__name__}>"


def _renderers(console: bool, stream: TextIO) -> list[Processor]:
    if not console:
        return [_as_json]
    colors = _is_terminal(stream) and not os.environ.get("NO_COLOR")
    return [_without_control_characters, structlog.dev.ConsoleRenderer(colors=colors)]


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return _ENCODER.encode(event)


def _without_control_characters(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escapes control characters: a panel's words must not steer the terminal."""
    return {
        key: "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in value)
        if isinstance(value, str)
        else value
        for key, value in event.items()
    }


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


class _QuietHandler(logging.StreamHandler[TextIO]):
    """Ignores that a line can't be written: a broken log must not end the work."""

    def write(self, line: str) -> None:
        self.acquire()
        try:
            self.stream.write(line + self.terminator)
            self.flush()
        except (OSError, ValueError) as error:
            self._not_taken(error)
        finally:
            self.release()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exc_info()[1]
        if isinstance(error, OSError | ValueError):
            self._not_taken(error)
        else:  # a mistake in the log call
            self.write(_failed(record.pathname, record.lineno))

    def _not_taken(self, error: OSError | ValueError) -> None:
        if isinstance(error, BrokenPipeError):
            self._give_up()

    def _give_up(self) -> None:
        """Sends the stream to nowhere, so that flushing its buffer doesn't fail the end of the process."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger(_OURS).critical("crashed", exc_info=(kind, error, trace))
