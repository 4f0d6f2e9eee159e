"""What a sandbox can be told at its start."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """Money is in `currency`; shares and probabilities run from 0 to 1; times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 0  #: 0: any that is free
    key: str = "sandbox-key"
    balance: Decimal = Decimal(1000)
    currency: str = "USD"
    seed: int = 0
    speed: float = 1.0  #: simulated seconds in a real one; 0: time moves only by `clock.advance`
    epoch: datetime | None = None  #: the simulated date at the start, with its zone; None: the real one
    foreign: float = 0.0  #: mean number of other customers' orders between two of ours
    first_order_id: int = 23501
    max_ids: int = 100  #: ids in one call
    rate_limit: float | None = None  #: requests a second, real time; past it: HTTP 429 with Retry-After
    latency: float = 0.0  #: real time between carrying a request out and answering it
    partial: float = 0.05  #: share of orders that end Partial
    canceled: float = 0.03  #: share of orders that end Canceled
    late_changes: float = 0.0  #: share of Completed orders that become Partial or Canceled one to 48 hours later
    refills_rejected: float = 0.1  #: share of refills that end Rejected
    refuse_busy_links: bool = False  #: whether a link with an open order of the same service is refused
    keep_requests: int = 1000  #: how many requests are kept with their form
    keep_alive: float = 75.0  #: real time until an idle connection is closed
    admin_from_anywhere: bool = False  #: whether others than this machine may use /admin/
