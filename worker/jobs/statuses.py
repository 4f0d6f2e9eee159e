"""Polls the status of orders that the panel has: in batches, each order at its own pace."""

from functools import partial
from itertools import islice

import structlog

from worker.domain.orders.news import News, read_news
from worker.domain.orders.statuses import ItemError, OrderReport, Recognition
from worker.jobs.machinery.batches import STATUSES, ask, sizes
from worker.jobs.machinery.gate import Permit
from worker.jobs.machinery.group_commit import GroupWriter
from worker.jobs.machinery.upstream import Upstream
from worker.observe.liveness import at_rest
from worker.store.queue.polls import PollClaim, Polled, Polls

_log = structlog.get_logger()


#: Most batches of one claim, and of one group commit.
TOGETHER = 16

#: Most batches that may wait to be written while the job claims more. Without any waiting, polls would take a sixth
#: longer; without a limit, answers that a slow database hasn't taken yet would fill the memory.
AHEAD = 4 * TOGETHER


class Statuses:
    """Polls all orders that are due. The calls go on after a run has ended."""

    def __init__(self, upstream: Upstream, polls: Polls) -> None:
        self._upstream = upstream
        self._polls = polls
        self._writer = GroupWriter(partial(polls.record, read_news=read_news), TOGETHER)

    async def run(self) -> None:
        due = await self._polls.any_due(self._upstream.name)
        while due:
            with at_rest():
                await self._writer.caught_up(AHEAD)
            permits = await self._upstream.gate.enter(TOGETHER)
            if not isinstance(permits, list):
                return
            found, is_full = await self._claim_and_poll(permits)
            # A full claim means that more polls are due: no need to ask again.
            due = is_full or (found and await self._polls.any_due(self._upstream.name))

    async def _claim_and_poll(self, permits: list[Permit]) -> tuple[bool, bool]:
        """Claims polls that are due and starts a call for each batch.

        Returns whether it claimed any, and whether as many as it could.
        """
        used = 0
        try:
            batches = await sizes(self._upstream, STATUSES.action, len(permits))
            polls = await self._polls.claim(self._upstream.name, sum(batches))
            unpolled = iter(polls)
            for size in batches:
                if not (batch := list(islice(unpolled, size))):
                    break
                self._upstream.in_flight.launch(
                    self._poll(permits[used], batch), panel=self._upstream.name, job="statuses", items=len(batch)
                )
                used += 1
        finally:
            await self._upstream.gate.give_back(permits[used:])
        return bool(polls), len(polls) == sum(batches)

    async def _poll(self, permit: Permit, batch: list[PollClaim]) -> None:
        ids = [poll.panel_order_id for poll in batch]
        answers = await ask(self._upstream, STATUSES, permit, ids)
        readings = {order_id: answer for order_id, answer in answers.items() if isinstance(answer, OrderReport)}
        found = await self._writer.write(Polled(batch, readings))
        news = [found[poll] for poll in batch if poll in found]
        for item in news:
            self._log_change(item)
        _log.info(
            "batch_polled",
            panel=self._upstream.name,
            asked=len(ids),
            answered=len(readings),
            errors=sum(isinstance(answer, ItemError) for answer in answers.values()),
            changed=len(news),
        )

    def _log_change(self, news: News) -> None:
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
