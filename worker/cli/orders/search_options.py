"""Options that search orders, for `orders list` and for changes of many orders."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from worker.cli.frame.parameters import ago, nonblank, when
from worker.domain.orders.states import OrderState
from worker.store.views.order_search import Search

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--panel", type=nonblank, metavar="NAME"),
    click.option("--service", type=nonblank, metavar="ID"),
    click.option(
        "--since", type=when, metavar="WHEN", help="Created since then (UTC), or within: 90s, 15m, 2h, 7d, 1w."
    ),
    click.option(
        "--error-code",
        type=nonblank,
        metavar="CODE",
        help="link_refused, no_answer, ...: see docs/reference/states.md.",
    ),
    click.option("--link", type=nonblank, metavar="PART", help="A part of the link."),
)


def filters(states: Iterable[OrderState]) -> Callable[[Command], Command]:
    """Adds the options. `selected` makes a search from their values."""

    def decorate(command: Command) -> Command:
        for option in reversed(_OPTIONS):
            command = option(command)
        choices = [str(state) for state in states]
        text = f"One of {', '.join(choices)}; can be repeated." if choices[1:] else f"Only {choices[0]}."
        return click.option("--state", "states", multiple=True, type=click.Choice(choices), metavar="STATE", help=text)(
            command
        )

    return decorate


def selected(values: Mapping[str, Any], **more: Any) -> Search:
    """Returns the search for these values of the options, and `more` of its own fields."""
    return Search(**{**values, "states": tuple(map(OrderState, values["states"])), **more})


def as_options(search: Search) -> list[str]:
    """Returns the options that make this search, as a person types them."""
    since = search.since
    options = {
        "--panel": search.panel,
        "--service": search.service,
        "--since": ago(since) if isinstance(since, timedelta) else _written(since),
        "--reference": search.reference,
        "--error-code": search.error_code,
        "--link": search.link,
    }
    typed = [word for state in search.states for word in ("--state", str(state))]
    return typed + [word for name, value in options.items() if value is not None for word in (name, value)]


def _written(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
