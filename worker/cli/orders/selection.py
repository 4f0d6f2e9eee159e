"""Which orders a command is about: the options of `orders list`, and of the changes that are made to many."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from worker.cli.frame.parameters import ago, moment, words
from worker.domain.orders.states import OrderState
from worker.store.views.order_search import Search

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--panel", type=words, metavar="NAME"),
    click.option("--service", type=words, metavar="ID"),
    click.option(
        "--since", type=moment, metavar="WHEN", help="Created since then (UTC), or within: 90s, 15m, 2h, 7d, 1w."
    ),
    click.option(
        "--error-code", type=words, metavar="CODE", help="link_refused, no_answer, ... (README, error codes)."
    ),
    click.option("--link", type=words, metavar="PART", help="A part of the link."),
)


def filters(states: Iterable[OrderState]) -> Callable[[Command], Command]:
    """The options; `selected` makes a search of their values."""

    def decorate(command: Command) -> Command:
        for option in reversed(_OPTIONS):
            command = option(command)
        choices = [str(state) for state in states]
        text = f"One of {', '.join(choices)}; may be given several times." if choices[1:] else f"Only {choices[0]}."
        return click.option("--state", "states", multiple=True, type=click.Choice(choices), metavar="STATE", help=text)(
            command
        )

    return decorate


def selected(values: Mapping[str, Any], **more: Any) -> Search:
    """What the options say, and more of the search's own."""
    return Search(**{**values, "states": tuple(map(OrderState, values["states"])), **more})


def as_options(search: Search) -> list[str]:
    """The same search, as it is typed."""
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
