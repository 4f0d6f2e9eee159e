"""The panel's word on the orders that it has: asked in batches, at each order's own pace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from worker.domain.orders import News, read_news
from worker.domain.status import ItemError, OrderReading, Recognition
from worker.jobs.batches import BATCH, ask
from worker.jobs.bunches import Bunches
from worker.jobs.gate import Pass
from worker.jobs.upstream import Upstream
from worker.store.polls import Look, Polls

_log = structlog.get_logger()


#: Batches that are claimed together, as far as there are passes for so many calls, and written together.
TOGETHER = 16


@dataclass(frozen=True, slots=True)
class _Looked:
    """One batch, and what the panel said of it."""

    looks: Sequence[Look]
    readings: Mapping[str, OrderReading]


class Statuses:
    def __init__(self, upstream: Upstream, polls: Polls) -> None:
        self._upstream = upstream
        self._polls = polls
        self._bunches = Bunches(self._record, TOGETHER)

    async def run(self) -> None:
        while await self._polls.any_due(self._upstream.name):
            passes = await self._upstream.gate.enter(TOGETHER)
            if not isinstance(passes, list):
                return
            if not await self._claim_and_look(passes):
                return

    async def _claim_and_look(self, passes: list[Pass]) -> bool:
        """Whether there was anything to claim."""
        used = 0
        try:
            looks = await self._polls.claim(self._upstream.name, BATCH * len(passes))
            for start in range(0, len(looks), BATCH):
                look = self._look(passes[used], looks[start : start + BATCH])
                self._upstream.in_flight.launch(look, panel=self._upstream.name, job="statuses")
                used += 1
        finally:
            await self._upstream.gate.give_back(passes[used:])
        return used > 0

    async def _look(self, leave: Pass, looks: list[Look]) -> None:
        ids = [look.panel_order_id for look in looks]
        answers = await ask(self._upstream.gate, leave, ids, self._upstream.client.statuses)
        readings = {order_id: answer for order_id, answer in answers.items() if isinstance(answer, OrderReading)}
        found = await self._bunches.put(_Looked(looks, readings))
        news = [found[look.order_id] for look in looks if look.order_id in found]
        for item in news:
            self._tell(item)
        _log.info(
            "batch_polled",
            panel=self._upstream.name,
            asked=len(ids),
            answered=len(readings),
            errors=sum(isinstance(answer, ItemError) for answer in answers.values()),
            changed=len(news),
        )

    async def _record(self, bunch: Sequence[_Looked]) -> Mapping[int, News]:
        looks = [look for looked in bunch for look in looked.looks]
        readings = {order_id: reading for looked in bunch for order_id, reading in looked.readings.items()}
        return await self._polls.record(looks, readings, read_news)

    def _tell(self, news: News) -> None:
        change = news.change
        if change is None:
            return
        about = {
            "order_id": change.order_id,
            "panel": self._upstream.name,
            "panel_order_id": change.after.panel_order_id,
            "state": change.after.state,
            "panel_status": change.after.panel_status,
        }
        _log.info(
            "order_changed",
            **about,
            state_before=change.before.state,
            charge=change.after.charge,
            currency=change.after.currency,
            remains=change.after.remains,
        )
        if news.recognition is not Recognition.KNOWN and change.after.panel_status != change.before.panel_status:
            event = "status_unrecognized" if news.recognition is Recognition.UNKNOWN else "order_troubled"
            _log.warning(event, **about)
