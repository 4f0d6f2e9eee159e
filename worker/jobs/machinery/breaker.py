"""The circuit breaker of one panel: pauses the panel when it is in trouble, and resumes it when the trouble is over."""

from collections.abc import Awaitable, Callable

import structlog

from worker.domain.orders.outcomes import Accepted, AddOutcome, Answered, Outcome, Reason, Refused
from worker.domain.orders.refusals import Blame, RefusedInARow, Subject
from worker.domain.orders.trouble import (
    Pause,
    PauseReason,
    PauseScope,
    Unanswered,
    met_again,
    proven_over,
    refusing,
    trouble_of,
)
from worker.store.shared.pauses import Pauses, StandingPause

_log = structlog.get_logger()


class Breaker:
    """Judges the outcomes of calls to one panel, and keeps the panel's pauses, which hold for all workers.

    A pause that has run its time lets one call through, the probe. If the probe fails, the pause is prolonged.
    """

    def __init__(self, panel: str, pauses: Pauses, excuse: Callable[[], Awaitable[None]] | None = None) -> None:
        """`excuse` takes back what unknown words have cost orders, once they are the panel's trouble."""
        self._panel = panel
        self._pauses = pauses
        self._excuse = excuse
        self._unanswered = Unanswered()
        self._refused = RefusedInARow()
        self._blame = Blame()

    def judge(self, subject: Subject, outcome: AddOutcome) -> AddOutcome:
        """Returns the outcome of an `add` as it is to be taken: words about the panel may be refuted."""
        return self._blame.judge(subject, outcome)

    async def report(self, outcome: Outcome, *, adding: bool, probe: bool, subject: Subject | None = None) -> None:
        """Pauses the panel if the outcome of a call is trouble of the whole panel; resumes it if a probe was answered.

        `adding`: the call was an `add`, and `subject` what it was for. `probe`: it was let through a pause.
        """
        pause = self._trouble(outcome, adding=adding, probe=probe, subject=subject)
        if probe:
            await self.resume(probed_by(adding=adding), proven_over(outcome, adding=adding))
        if pause is not None:
            await self.pause(pause, probe=probe)
        if probe:
            failed = await self._met_again(outcome) if pause is None and adding else pause
            await self.end_probe(adding=adding, failed=None if failed is None else failed.reason)

    async def standing(self) -> list[tuple[StandingPause, float]]:
        """Returns the pauses in force, each with the seconds for which it lasts; below 0: one call may probe."""
        return await self._pauses.standing()

    async def pause(self, pause: Pause, *, probe: bool = False) -> None:
        """Begins a pause for all workers. A pause that is in force already is prolonged by a `probe` alone."""
        if await self._pauses.begin(pause, probe=probe):
            _log.warning("panel_paused", panel=self._panel, reason=pause.reason, scope=pause.scope, error=pause.detail)
        if pause.reason is PauseReason.REFUSING:
            await self._excuse_orders()

    async def resume(self, scope: PauseScope, reasons: tuple[PauseReason, ...]) -> None:
        """Ends the pauses of this scope that have one of these reasons."""
        for pause in await self._pauses.end(scope, reasons):
            _log.info("panel_resumed", panel=self._panel, reason=pause.reason, paused_for=round(pause.lasted, 1))
            if pause.reason == PauseReason.REFUSING:
                await self._excuse_orders()  # an outcome may have been written just before the pause was

    async def end_probe(self, *, adding: bool, failed: PauseReason | None = None) -> None:
        """Lets the next probe through at once, save for the pause whose trouble this probe has met (`failed`)."""
        await self._pauses.give_back_probe(probed_by(adding=adding), failed)

    def _trouble(self, outcome: Outcome, *, adding: bool, probe: bool, subject: Subject | None) -> Pause | None:
        """Returns the pause that the outcome calls for, and counts what repeats."""
        self._unanswered = self._unanswered.after(outcome, adding=adding)
        if subject is not None:
            self._refused = self._refused.after(subject, outcome)
        match outcome:
            case Answered():
                self._blame.answered()
                return None
            case Accepted():
                return None
            case Refused(Reason.REFUSED, text) if self._refused.is_the_panels:
                self._refused = RefusedInARow()
                return refusing(text)
            case failure:
                return trouble_of(failure, self._unanswered, adding=adding, probe=probe)

    async def _met_again(self, outcome: Outcome) -> Pause | None:
        """Prolongs the pause whose trouble a probing `add` has met again; returns it, if it stands."""
        match outcome:
            case Accepted() | Answered():
                return None
            case failure:
                trouble = met_again(failure)
        return trouble if trouble is not None and await self._pauses.prolong(trouble) else None

    async def _excuse_orders(self) -> None:
        if self._excuse is not None:
            await self._excuse()


def held_back_by(*, adding: bool) -> tuple[PauseScope, ...]:
    """Returns the scopes of the pauses that hold a call back."""
    return (PauseScope.ADD, PauseScope.ALL) if adding else (PauseScope.ALL,)


def probed_by(*, adding: bool) -> PauseScope:
    """Returns the scope of the pauses that a call can probe."""
    return PauseScope.ADD if adding else PauseScope.ALL
