"""Makes replies for the readers."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from worker.domain.redaction import Redactor
from worker.panel.document import read_document
from worker.panel.replies import Received

KEY = "k3y/secret+0123456789"


@pytest.fixture
def received() -> Callable[..., Received]:
    """A reply as the transport hands it over: bytes as they are, all else as JSON."""

    def make(body: Any, status: int = 200, retry_after: float | None = None) -> Received:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Received(status, read_document(raw, Redactor([KEY]).text), retry_after)

    return make
