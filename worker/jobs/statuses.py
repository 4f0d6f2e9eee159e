"""The panel's word on the orders that it has: asked in batches, at each order's own pace."""

from functools import partial

import structlog

from worker.domain.orders.changes import News, read_news
from worker.domain.orders.statuses import ItemError, OrderReading, Recognition
from worker.jobs.machinery.batches import BATCH, ask
from worker.jobs.machinery.gate import Pass
from worker.jobs.machinery.group_commit import Bunches
from worker.jobs.machinery.upstream import Upstream
from worker.observe.liveness import at_rest
from worker.store.queue.polls import PollClaim, Polled, Polls

_log = structlog.get_logger()


#: Batches that are claimed together, as far as there are passes for so many calls, and written together.
TOGETHER = 16

#: Batches that may wait to be written while more are claimed. With none to wait, polls would take a sixth longer; with
#: no end to it, memory would fill with what a slow database hasn't taken yet.
AHEAD = 4 * TOGETHER


class Statuses:
    def __init__(self, upstream: Upstream, polls: Polls) -> None:
        self._upstream = upstream
        self._polls = polls
        self._bunches = Bunches(partial(polls.record, read_news=read_news), TOGETHER)

    async def run(self) -> None:
        due = await self._polls.any_due(self._upstream.name)
        while due:
            with at_rest():
                await self._bunches.caught_up(AHEAD)
            passes = await self._upstream.gate.enter(TOGETHER)
            if not isinstance(passes, list):
                return
            found = await self._claim_and_poll(passes)
            # Where a claim was filled, there is more: that needn't be asked again.
            due = found == BATCH * len(passes) or (found > 0 and await self._polls.any_due(self._upstream.name))

    async def _claim_and_poll(self, passes: list[Pass]) -> int:
        """Returns how many polls it claimed."""
        used = 0
        try:
            claims = await self._polls.claim(self._upstream.name, BATCH * len(passes))
            for start in range(0, len(claims), BATCH):
                poll = self._poll(passes[used], claims[start : start + BATCH])
                items = min(BATCH, len(claims) - start)
                self._upstream.in_flight.launch(poll, panel=self._upstream.name, job="statuses", items=items)
                used += 1
        finally:
            await self._upstream.gate.give_back(passes[used:])
        return len(claims)

    async def _poll(self, leave: Pass, claims: list[PollClaim]) -> None:
        ids = [claim.panel_order_id for claim in claims]
        answers = await ask(self._upstream.gate, leave, ids, self._upstream.client.statuses)
        readings = {order_id: answer for order_id, answer in answers.items() if isinstance(answer, OrderReading)}
        found = await self._bunches.put(Polled(claims, readings))
        news = [found[claim] for claim in claims if claim in found]
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
