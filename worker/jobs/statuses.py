"""The panel's word on the orders that it has: asked in batches, at each order's own pace."""

import structlog

from worker.domain.orders import News, read_news
from worker.domain.status import ItemError, OrderReading, Recognition
from worker.jobs.batches import BATCH, ask
from worker.jobs.gate import Pass
from worker.jobs.upstream import Upstream
from worker.store.polls import Look, Polls

_log = structlog.get_logger()


class Statuses:
    def __init__(self, upstream: Upstream, polls: Polls) -> None:
        self._upstream = upstream
        self._polls = polls

    async def run(self) -> None:
        while await self._polls.any_due(self._upstream.name):
            passes = await self._upstream.gate.enter()
            if not isinstance(passes, list):
                return
            looks = await self._polls.claim(self._upstream.name, BATCH)
            if not looks:
                await self._upstream.gate.give_back(passes)
                return
            self._upstream.in_flight.launch(self._look(passes[0], looks), panel=self._upstream.name, job="statuses")

    async def _look(self, leave: Pass, looks: list[Look]) -> None:
        ids = [look.panel_order_id for look in looks]
        answers = await ask(self._upstream.gate, leave, ids, self._upstream.client.statuses)
        readings = {order_id: answer for order_id, answer in answers.items() if isinstance(answer, OrderReading)}
        news = await self._polls.record(looks, readings, read_news)
        for item in news:
            self._tell(item)
        _log.info(
            "batch_polled",
            panel=self._upstream.name,
            asked=len(ids),
            answered=len(readings),
            errors=sum(isinstance(answer, ItemError) for answer in answers.values()),
            changed=sum(item.change is not None for item in news),
        )

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
