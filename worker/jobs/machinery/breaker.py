"""The circuit breaker of one panel: pauses the panel when it is in trouble, and resumes it when the trouble is over."""

from typing import Any

import structlog

from worker.domain.orders.outcomes import Accepted, Answered, NotSent, Refused, Unknown
from worker.domain.orders.trouble import OUTAGE_AFTER, Pause, PauseReason, PauseScope, proven_over, trouble_of
from worker.store.shared.pauses import Pauses, StandingPause

_log = structlog.get_logger()

Outcome = Accepted | Answered[Any] | Refused | NotSent | Unknown


class Breaker:
    """Judges the outcomes of calls to one panel, and keeps the panel's pauses, which hold for all workers.

    A pause that has run its time lets one call through, the probe. If the probe fails, the pause is prolonged.
    """

    def __init__(self, panel: str, pauses: Pauses) -> None:
        self._panel = panel
        self._pauses = pauses
        self._failures_in_a_row = 0

    async def report(self, outcome: Outcome, *, adding: bool, probe: bool) -> None:
        """Pauses the panel if the outcome of a call is trouble of the whole panel; resumes it if a probe was answered.

        `adding`: the call was an `add`. `probe`: it was let through a pause.
        """
        pause = self._trouble(outcome, adding=adding, probe=probe)
        if probe:
            await self.resume(probed_by(adding=adding), proven_over(outcome))
        if pause is not None:
            await self.pause(pause, probe=probe)
        if probe:
            await self.end_probe(adding=adding, failed=None if pause is None else pause.reason)

    async def standing(self) -> list[tuple[StandingPause, float]]:
        """Returns the pauses in force, each with the seconds for which it lasts; below 0: one call may probe."""
        return await self._pauses.standing()

    async def pause(self, pause: Pause, *, probe: bool = False) -> None:
        """Begins a pause for all workers. A pause that is in force already is prolonged by a `probe` alone."""
        if await self._pauses.begin(pause, probe=probe):
            _log.warning("panel_paused", panel=self._panel, reason=pause.reason, scope=pause.scope, error=pause.detail)

    async def resume(self, scope: PauseScope, reasons: tuple[PauseReason, ...]) -> None:
        """Ends the pauses of this scope that have one of these reasons."""
        for pause in await self._pauses.end(scope, reasons):
            _log.info("panel_resumed", panel=self._panel, reason=pause.reason, paused_for=round(pause.lasted, 1))

    async def end_probe(self, *, adding: bool, failed: PauseReason | None = None) -> None:
        """Lets the next probe through at once, save for the pause whose trouble this probe has met (`failed`)."""
        await self._pauses.give_back_probe(probed_by(adding=adding), failed)

    def _trouble(self, outcome: Outcome, *, adding: bool, probe: bool) -> Pause | None:
        """Returns the pause that the outcome calls for, and counts failures in a row."""
        match outcome:
            case Accepted() | Answered():
                self._failures_in_a_row = 0
                return None
            case Refused():
                self._failures_in_a_row = 0
                return trouble_of(outcome, 0, adding=adding)
            case NotSent() | Unknown():
                self._failures_in_a_row += 1
                # One failed probe of a pause of all calls is enough to prolong an outage.
                in_a_row = OUTAGE_AFTER if probe and not adding else self._failures_in_a_row
                return trouble_of(outcome, in_a_row, adding=adding)


def held_back_by(*, adding: bool) -> tuple[PauseScope, ...]:
    """Returns the scopes of the pauses that hold a call back."""
    return (PauseScope.ADD, PauseScope.ALL) if adding else (PauseScope.ALL,)


def probed_by(*, adding: bool) -> PauseScope:
    """Returns the scope of the pauses that a call can probe."""
    return PauseScope.ADD if adding else PauseScope.ALL
