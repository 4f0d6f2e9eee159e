"""What `order-sync check` finds out."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"  #: the worker works all the same
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `mend` says how to repair it, unless the verdict is `ok`."""

    subject: str
    verdict: Verdict
    text: str
    mend: str = ""
