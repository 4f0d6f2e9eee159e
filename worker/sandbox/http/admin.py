"""The admin interface under /admin/: shows what the sandbox really did, and controls what it does next, in JSON."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from ipaddress import ip_address
from math import inf
from typing import Annotated, Literal, Protocol, TypeAlias, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from worker.sandbox.http.journal import Journal
from worker.sandbox.misbehaviour.faults import Fault, Faults, problems
from worker.sandbox.misbehaviour.quirks import Quirks
from worker.sandbox.options import SandboxOptions
from worker.sandbox.panel import ledger
from worker.sandbox.panel.catalogue import Listing
from worker.sandbox.panel.orders import Origin
from worker.sandbox.panel.panel import Panel
from worker.sandbox.panel.validate import RefusedError
from worker.sandbox.switches import Switches

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Body = TypeVar("_Body", bound=BaseModel)


class Controlled(Protocol):
    """What this interface controls. `reset` replaces the parts, so each request asks for them anew."""

    @property
    def options(self) -> SandboxOptions: ...

    @property
    def panel(self) -> Panel: ...

    @property
    def faults(self) -> Faults: ...

    @property
    def quirks(self) -> Quirks: ...

    @property
    def journal(self) -> Journal: ...

    @property
    def in_flight(self) -> int:
        """Requests that have arrived and aren't answered yet."""

    def reset(self) -> None:
        """Puts the sandbox back into its first state."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _OrderChange(_Strict):
    status: str | None = None
    charge: Decimal | None = None
    remains: int | None = None
    start_count: int | None = None


class _RefillChange(_Strict):
    status: str


class _BalanceChange(_Strict):
    top_up: Decimal | None = None
    set: Decimal | None = None


class _ServicesChange(_Strict):
    service: str | int | None = None
    name: str | None = None
    rate: Decimal | None = Field(default=None, ge=0)
    shown_after: Annotated[float, Field(ge=0)] | Literal["never"] | None = None
    min: int | None = Field(default=None, ge=1)
    max: int | None = Field(default=None, ge=1)
    removed: bool | None = None
    listing: Listing | None = None


class _OrderByHand(RootModel[dict[str, str | int]]):
    """The fields of an `add`, without key and action."""


class _IdsChange(_Strict):
    next: int = Field(ge=1)


class _OthersChange(_Strict):
    rate: float | None = Field(default=None, ge=0)
    by_day: bool | None = None
    quiet_nights: bool | None = None


class _SwitchesChange(_Strict):
    on: list[str] = Field(default_factory=list)
    off: list[str] = Field(default_factory=list)
    clear: bool = False


class _ClockChange(_Strict):
    advance: float | None = Field(default=None, ge=0)
    speed: float | None = Field(default=None, ge=0)


class Admin:
    """Handles requests about one sandbox. Answers HTTP 400 to a malformed request, and 404 for an unknown id."""

    def __init__(self, sandbox: Controlled) -> None:
        self._sandbox = sandbox

    def add_routes(self, router: web.UrlDispatcher) -> None:
        routes: list[tuple[str, str, Handler]] = [
            ("GET", "ledger", self._ledger),
            ("GET", "refills", self._refills),
            ("GET", "cancels", self._cancels),
            ("GET", "balance", self._balance),
            ("GET", "requests", self._requests),
            ("GET", "faults", self._list_faults),
            ("GET", "quirks", self._list(lambda: self._sandbox.quirks)),
            ("GET", "cheats", self._list(lambda: self._sandbox.panel.cheats)),
            ("GET", "clock", self._show_clock),
            ("GET", "ids", self._show_ids),
            ("POST", "orders", self._order_by_hand),
            ("POST", "orders/{id}", self._change_order),
            ("POST", "refills/{id}", self._change_refill),
            ("POST", "balance", self._change_balance),
            ("POST", "services", self._change_services),
            ("POST", "faults", self._add_fault),
            ("DELETE", "faults", self._clear_faults),
            ("DELETE", "faults/{id}", self._remove_fault),
            ("POST", "quirks", self._switch(lambda: self._sandbox.quirks)),
            ("POST", "cheats", self._switch(lambda: self._sandbox.panel.cheats)),
            ("POST", "clock", self._change_clock),
            ("POST", "ids", self._change_ids),
            ("POST", "others", self._change_others),
            ("POST", "reset", self._reset),
        ]
        for method, path, handler in routes:
            router.add_route(method, f"/admin/{path}", self._guarded(handler))

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if not (self._sandbox.options.admin_from_anywhere or _is_local(request)):
                return _problem(403, "only this machine may use /admin/")
            try:
                return await handler(request)
            except ValidationError as error:
                return _problem(400, problems(error))
            except KeyError as error:
                return _problem(404, f"there is no {error.args[0]}")
            except ValueError as error:
                return _problem(400, str(error))

        return guarded

    @staticmethod
    def _list(switches: Callable[[], Switches]) -> Handler:
        """Returns a handler. It calls `switches` each time, since a reset makes new ones."""

        async def listed(_: web.Request) -> web.Response:
            return web.json_response(switches().listing())

        return listed

    @staticmethod
    def _switch(switches: Callable[[], Switches]) -> Handler:
        async def switched(request: web.Request) -> web.Response:
            change = await _read(request, _SwitchesChange)
            if change.clear:
                switches().clear()
            switches().off(*change.off)
            switches().on(*change.on)
            return web.json_response(switches().listing())

        return switched

    async def _ledger(self, request: web.Request) -> web.Response:
        since_id = int(request.query.get("since_id", "0"))
        return web.json_response(ledger.orders(self._sandbox.panel, since_id))

    async def _refills(self, _: web.Request) -> web.Response:
        return web.json_response(ledger.refills(self._sandbox.panel))

    async def _cancels(self, _: web.Request) -> web.Response:
        return web.json_response(ledger.cancels(self._sandbox.panel))

    async def _balance(self, _: web.Request) -> web.Response:
        return web.json_response(ledger.balance(self._sandbox.panel))

    async def _requests(self, request: web.Request) -> web.Response:
        last = int(request.query.get("last", "0"))
        return web.json_response({**self._sandbox.journal.listing(last), "in_flight": self._sandbox.in_flight})

    async def _list_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._sandbox.faults.listing())

    async def _show_clock(self, _: web.Request) -> web.Response:
        clock = self._sandbox.panel.clock
        now = clock.now()
        return web.json_response({"now": now, "date": clock.date(now).isoformat(), "speed": clock.speed})

    async def _show_ids(self, _: web.Request) -> web.Response:
        numbering = self._sandbox.panel.book.numbering
        others = numbering.others
        of_others = {"rate": others.rate, "by_day": others.by_day, "quiet_nights": others.quiet_nights}
        return web.json_response({"last": numbering.given_out(), "others": of_others})

    async def _change_ids(self, request: web.Request) -> web.Response:
        change = await _read(request, _IdsChange)
        self._sandbox.panel.book.numbering.last = change.next - 1
        return await self._show_ids(request)

    async def _change_others(self, request: web.Request) -> web.Response:
        change = await _read(request, _OthersChange)
        self._sandbox.panel.book.numbering.change_others(**change.model_dump())
        return await self._show_ids(request)

    async def _order_by_hand(self, request: web.Request) -> web.Response:
        """Places an order that no call of `add` placed."""
        fields = (await _read(request, _OrderByHand)).root
        panel = self._sandbox.panel
        panel.book.settle()
        form = {name: str(value) for name, value in fields.items()}
        parsed = panel.validator.read(form | {"key": self._sandbox.options.key, "action": "add"})
        if parsed.wanted is None:
            raise ValueError(parsed.refused)
        try:
            order = panel.book.accept(parsed.wanted, Origin.HAND)
        except RefusedError as refused:
            raise ValueError(refused.text) from None
        return web.json_response(ledger.order(panel, str(order.id)))

    async def _change_order(self, request: web.Request) -> web.Response:
        change = await _read(request, _OrderChange)
        book = self._sandbox.panel.book
        book.settle()
        number = request.match_info["id"]
        order = book.find(number)
        if order is None:
            raise KeyError(f"order {number}")
        book.amend(
            order, status=change.status, charge=change.charge, remains=change.remains, start_count=change.start_count
        )
        return web.json_response(ledger.order(self._sandbox.panel, number))

    async def _change_refill(self, request: web.Request) -> web.Response:
        change = await _read(request, _RefillChange)
        number = request.match_info["id"]
        refill = self._sandbox.panel.refills.find(number)
        if refill is None:
            raise KeyError(f"refill {number}")
        refill.held = change.status
        return await self._refills(request)

    async def _change_balance(self, request: web.Request) -> web.Response:
        change = await _read(request, _BalanceChange)
        panel = self._sandbox.panel
        panel.book.settle()
        if change.set is not None:
            panel.account.set_balance(change.set)
        if change.top_up is not None:
            panel.account.top_up(change.top_up)
        return await self._balance(request)

    async def _change_services(self, request: web.Request) -> web.Response:
        change = await _read(request, _ServicesChange)
        catalogue = self._sandbox.panel.catalogue
        if change.service is not None:
            service = str(change.service)
            lag = inf if change.shown_after == "never" else change.shown_after
            catalogue.change(
                service, name=change.name, rate=change.rate, smallest=change.min, largest=change.max, lag=lag
            )
            if change.removed is not None:
                (catalogue.remove if change.removed else catalogue.restore)(service)
        if change.listing is not None:
            catalogue.listing = change.listing
        return web.json_response({"listing": catalogue.listing, "services": [s.service for s in catalogue.listed()]})

    async def _add_fault(self, request: web.Request) -> web.Response:
        return web.json_response({"id": self._sandbox.faults.add(await _read(request, Fault))})

    async def _remove_fault(self, request: web.Request) -> web.Response:
        self._sandbox.faults.remove(int(request.match_info["id"]))
        return await self._list_faults(request)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._sandbox.faults.clear()
        return await self._list_faults(request)

    async def _change_clock(self, request: web.Request) -> web.Response:
        change = await _read(request, _ClockChange)
        if change.speed is not None:
            self._sandbox.panel.clock.speed = change.speed
        if change.advance is not None:
            self._sandbox.panel.clock.advance(change.advance)
        return await self._show_clock(request)

    async def _reset(self, request: web.Request) -> web.Response:
        self._sandbox.reset()
        return await self._balance(request)


async def _read(request: web.Request, kind: type[_Body]) -> _Body:
    return kind.model_validate_json(await request.read() or b"{}")


def _problem(status: int, text: str) -> web.Response:
    return web.json_response({"error": text}, status=status)


def _is_local(request: web.Request) -> bool:
    return request.remote is not None and ip_address(request.remote).is_loopback
