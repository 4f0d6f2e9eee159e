"""The options of a sandbox, set when it starts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """Options of one sandbox. Money is in `currency`, shares run from 0 to 1, and times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 0  #: 0: any free port
    key: str = "sandbox-key"
    balance: Decimal = Decimal(1000)
    currency: str = "USD"
    seed: int = 0
    speed: float = 1.0  #: simulated seconds in a real one; 0: only `clock.advance` moves time
    epoch: datetime | None = None  #: the simulated date at the start, with its zone; None: the real date
    foreign: float = 0.0  #: mean number of other customers' orders between two of this account's
    others: float = 0.0  #: orders of other customers in a simulated second, besides `foreign`
    others_by_day: bool = False  #: whether `others` is a mean that varies with the time of the simulated day
    quiet_nights: bool = False  #: whether other customers order nothing from midnight to six, UTC
    first_order_id: int = 23501
    rate_limit: float | None = None  #: requests a second, real time; more get HTTP 429 with Retry-After
    latency: float = 0.0  #: real time between carrying out a request and answering it
    starts_after: float = 40.0  #: median of the simulated time until an order begins
    lasts: float = 600.0  #: median of the simulated time from its beginning to its end
    partial: float = 0.05  #: share of orders that end Partial
    canceled: float = 0.03  #: share of orders that end Canceled
    late_changes: float = 0.0  #: share of Completed orders that become Partial or Canceled one to 48 hours later
    refills_rejected: float = 0.1  #: share of refills that end Rejected
    refuse_busy_links: bool = False  #: whether the panel refuses a link that has an open order of the same service
    keep_requests: int = 1000  #: number of latest requests that the journal keeps
    keep_alive: float = 75.0  #: real time until the server closes an idle connection
    admin_from_anywhere: bool = False  #: whether other machines may use /admin/
    quirks: tuple[str, ...] = ()  #: that are on at the start, each as NAME or NAME=VALUE
    cheats: tuple[str, ...] = ()  #: that are on at the start
    faults: tuple[str, ...] = ()  #: that are in force at the start, each as `faults.read_fault` reads it
