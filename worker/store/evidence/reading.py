"""Reads what evidence knows of one account: open questions, known orders around them, and ids that were asked about."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.domain.evidence.landmarks import Landmark
from worker.domain.evidence.questions import OpenQuestion, Premises
from worker.domain.evidence.sightings import Sighting
from worker.domain.evidence.verdicts import KnownParent
from worker.domain.words import whole_number
from worker.store.db.loose_index_scan import distinct_values
from worker.store.db.transactions import Transactions
from worker.store.evidence.names import Names
from worker.store.queue.submissions import ACCEPTED_LATE

#: The number of known orders before the open questions, after them, and at the end, from which evidence takes bounds.
NEIGHBOURS = 200

#: Between those, about so many known orders are enough, however many there are. Where the open questions lie in many
#: stretches of time, so many are enough around all of them.
_BETWEEN = 5_000
_AROUND = 10_000

#: So many known orders before a stretch, and after it, are needed all the same: calls overlap.
_LEAST = 5

#: Seconds before the oldest open question since which ids that answered, and are explained, are landmarks.
_DAY = 86_400.0

_SECONDS = "extract(epoch FROM {})::float8"
_BEGAN, _ENDED = _SECONDS.format("s.began_at"), _SECONDS.format("s.ended_at")
_OF_A_CALL = f"""
    s.id AS token, o.service, s.expected_charge, s.units, s.is_parent, s.replied,
    {_BEGAN} AS began_at, {_ENDED} AS ended_at, CASE WHEN o.runs IS NOT NULL THEN o.quantity END AS child_units
"""

#: The calls that may have bought something, and those that are in flight.
QUESTIONS = text(f"""
    SELECT o.id, {_OF_A_CALL}
    FROM orders o
    CROSS JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
    WHERE o.panel = ANY(CAST(:names AS text[])) AND o.state = 'unconfirmed' AND s.outcome IS NOT NULL
    UNION ALL
    SELECT s.order_id, {_OF_A_CALL}
    FROM submissions s LEFT JOIN orders o ON o.id = s.order_id
    WHERE s.panel = ANY(CAST(:names AS text[])) AND s.outcome IS NULL
    ORDER BY token
""")  # noqa: S608 - columns of ours

_KNOWN_CALL = f"SELECT s.panel_order_id, {_BEGAN} AS began_at, {_ENDED} AS ended_at FROM submissions s"  # noqa: S608 - columns of ours

#: The known orders around each stretch of open questions, and the newest ones.
LANDMARKS = text(f"""
    SELECT k.*
    FROM unnest(CAST(:names AS text[])) AS n(panel)
    CROSS JOIN unnest(CAST(:since AS float8[]), CAST(:until AS float8[]), CAST(:every AS bigint[]))
        AS g(since, until, every)
    CROSS JOIN LATERAL (
        ({_KNOWN_CALL}
            WHERE s.panel = n.panel AND s.outcome = 'accepted' AND s.began_at < to_timestamp(g.since)
            ORDER BY s.began_at DESC LIMIT :at_most)
        UNION ALL
        ({_KNOWN_CALL}
            WHERE s.panel = n.panel AND s.outcome = 'accepted' AND s.id % g.every = 0
                AND s.began_at BETWEEN to_timestamp(g.since) AND to_timestamp(g.until))
        UNION ALL
        ({_KNOWN_CALL}
            WHERE s.panel = n.panel AND s.outcome = 'accepted' AND s.began_at > to_timestamp(g.until)
            ORDER BY s.began_at LIMIT :at_most)
    ) k
    UNION
    SELECT k.*
    FROM unnest(CAST(:names AS text[])) AS n(panel)
    CROSS JOIN LATERAL (
        {_KNOWN_CALL} WHERE s.panel = n.panel AND s.outcome = 'accepted' ORDER BY s.began_at DESC LIMIT :newest
    ) k
""")  # noqa: S608 - columns of ours

#: The ids that answered. `live`: they belong to no order that is known, and nothing else explains them. What is known
#: is read from its indexes; Postgres might answer NOT EXISTS by reading the whole history.
SIGHTINGS = text(f"""
    SELECT t.number, {_SECONDS.format("t.seen_at")} AS seen_at, {_SECONDS.format("t.denied_at")} AS denied_at,
        t.charge, t.uncut_charge, t.most_remains, t.is_parent, t.has_spawned, t.order_id,
        (
            SELECT {_BEGAN} FROM submissions s WHERE s.order_id = t.order_id ORDER BY s.id DESC LIMIT 1
        ) AS began_at,
        t.explained IS NULL AND t.order_id IS NULL
            AND (
                SELECT o.id FROM orders o
                WHERE o.panel = ANY(CAST(:names AS text[])) AND o.panel_order_id = t.number::text LIMIT 1
            ) IS NULL
            AND (
                SELECT k.id FROM submissions k
                WHERE k.panel = ANY(CAST(:names AS text[])) AND k.panel_order_id = t.number::text
                    AND k.outcome IN ('accepted', '{ACCEPTED_LATE}')
                LIMIT 1
            ) IS NULL AS live
    FROM (
        SELECT * FROM sightings
        WHERE panel = ANY(CAST(:names AS text[])) AND explained IS NULL AND order_id IS NULL
        UNION ALL
        SELECT * FROM sightings
        WHERE panel = ANY(CAST(:names AS text[])) AND seen_at > to_timestamp(:since)
            AND (explained IS NOT NULL OR order_id IS NOT NULL)
    ) t
""")  # noqa: S608 - columns of ours

ASKED = text(f"""
    SELECT a.chunk, {_SECONDS.format("a.sent_at")} AS sent_at
    FROM asked_ids a WHERE a.panel = :panel
""")  # noqa: S608 - columns of ours

PARENTS = text(f"""
    SELECT DISTINCT ON (o.panel_order_id) o.panel_order_id, o.service, {_BEGAN} AS began_at,
        CASE WHEN o.runs IS NOT NULL THEN o.quantity END AS child_units
    FROM submissions s JOIN orders o ON o.id = s.order_id
    WHERE s.panel = ANY(CAST(:names AS text[])) AND s.is_parent AND o.panel_order_id IS NOT NULL
        AND (o.finished_at IS NULL OR o.finished_at > to_timestamp(:since))
    ORDER BY o.panel_order_id, s.id DESC
""")  # noqa: S608 - columns of ours

#: The number of parents, and of others, that were read; and whether every one of them answered in its own shape.
SHAPES = text("""
    SELECT
        count(*) FILTER (WHERE k.is_parent) AS parents,
        count(*) FILTER (WHERE NOT k.is_parent) AS others,
        bool_and(k.is_parent = (o.charge IS NULL AND o.remains IS NULL AND o.start_count IS NULL)) AS told
    FROM (
        SELECT s.order_id, s.is_parent FROM submissions s
        WHERE s.panel = :panel AND s.outcome = 'accepted' AND s.began_at < now() - interval '1 minute'
        ORDER BY s.began_at DESC LIMIT 400
    ) k JOIN orders o ON o.id = k.order_id
    WHERE o.checked_at IS NOT NULL
""")

_CLOCK = text(f"""
    SELECT {_SECONDS.format("clock_timestamp()")} AS now, (SELECT max(id) FROM submissions) AS newest
""")  # noqa: S608 - a column of ours

#: Of open orders: how many there are, and when one of them last changed.
_IN_DOUBT = text("""
    SELECT count(*) AS number, max(updated_at) AS changed_at FROM orders WHERE panel = :panel AND state = 'unconfirmed'
""")

#: Since when evidence may need the calls of each panel: it reads `at_most` known orders that were sent a day or more
#: before the oldest open question (before now, if there is no question). Null: it may need all calls.
NEEDED = text(f"""
    WITH RECURSIVE {distinct_values("known", "submissions", "panel", "outcome = 'accepted'")}
    SELECT k.panel, (
        SELECT s.began_at FROM submissions s
        WHERE s.panel = k.panel AND s.outcome = 'accepted' AND s.began_at < q.oldest - interval '1 day'
        ORDER BY s.began_at DESC OFFSET :at_most - 1 LIMIT 1
    ) AS since
    FROM known k
    CROSS JOIN LATERAL (
        SELECT least(clock_timestamp(), min(s.began_at)) AS oldest
        FROM orders o
        CROSS JOIN LATERAL (SELECT * FROM submissions n WHERE n.order_id = o.id ORDER BY n.id DESC LIMIT 1) s
        WHERE o.panel = k.panel AND o.state = 'unconfirmed'
    ) q
    WHERE k.panel IS NOT NULL
""")  # noqa: S608 - names of ours


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the database knows of one account. Times are seconds of its clock.

    `sightings` are the live ones. `landmarks` are known orders and ids that answered. `are_numbers`: the panel's ids
    are whole numbers. `parents` are the known drip-feeds and subscriptions that may have spawned one of the sightings,
    as far as their own times tell; none of them is read.
    """

    now: float
    questions: Sequence[OpenQuestion]
    landmarks: Sequence[Landmark]
    are_numbers: bool
    sightings: Sequence[Sighting]
    asked: Mapping[int, float]
    parents: Sequence[KnownParent]


class Reading:
    """Reads the knowledge about one account, of which the panel is one name."""

    def __init__(self, engine: AsyncEngine, panel: str, premises: Premises) -> None:
        self._engine = engine
        self._transactions = Transactions(engine)
        self._panel = panel
        self._names = Names(engine, panel)
        self._premises = premises

    async def now(self) -> float:
        async with self._engine.connect() as connection:
            return float((await connection.execute(_CLOCK)).scalar_one())

    async def in_doubt(self) -> tuple[int, object]:
        """Returns how many orders are in doubt, and a mark that changes whenever one of them changes or comes in."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(_IN_DOUBT, {"panel": self._panel})).one()
            return row.number, row.changed_at

    async def snapshot(self) -> Snapshot:
        """Reads everything as it is at one instant.

        So of each id that answered, the call that it may come from is among the open questions, or told it.
        """
        names = await self._names.all()
        about = {"panel": self._panel, "names": names}
        async with self._transactions.begin(of_one_instant=True) as transaction:
            clock = await transaction.execute(_CLOCK)
            questions = [_question(row) for row in await transaction.fetch(QUESTIONS, about)]
            (at,) = await clock.fetchall()
            since = {"since": min((question.began_at for question in questions), default=at.now) - _DAY}
            around = _around(questions, self._premises, at.now, at.newest or 0)
            known = await transaction.execute(LANDMARKS, {"names": names, **around})
            seen = await transaction.execute(SIGHTINGS, about | since)
            asked = await transaction.execute(ASKED, about)
            known_orders, seen_ids = await known.fetchall(), await seen.fetchall()
            landmarks = [*_known(known_orders), *map(_seen, seen_ids)]
            sightings = [_sighting(one) for one in seen_ids if one.live]
            placed_since = _placed_since(sightings, landmarks)
            parents = await transaction.fetch(PARENTS, about | {"since": placed_since}) if sightings else []
            return Snapshot(
                at.now,
                questions,
                landmarks,
                all(_number(one.panel_order_id) is not None for one in known_orders),
                sightings,
                {one.chunk: one.sent_at for one in await asked.fetchall()},
                [*_parents(parents)],
            )

    async def shapes_tell(self) -> bool:
        """Says whether this panel was seen to answer for parents in one shape, and for all others in another."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(SHAPES, {"panel": self._panel})).one()
            return bool(row.told) and min(row.parents, row.others) >= self._premises.shapes


def _around(
    questions: Sequence[OpenQuestion], premises: Premises, now: float, newest: int
) -> dict[str, list[float] | list[int] | int]:
    """Returns the times around which known orders matter, and how many of them: of those in between, one of so many.

    `newest` is the token of the newest call.
    """
    stretches: list[tuple[float, float]] = []
    for question in sorted(questions, key=attrgetter("began_at")):
        until = min(question.last_at(premises), now)
        if stretches and question.began_at <= stretches[-1][1]:
            stretches[-1] = stretches[-1][0], max(stretches[-1][1], until)
        else:
            stretches.append((question.began_at, until))
    oldest = min(questions, key=attrgetter("began_at"), default=None)
    calls_a_second = 0.0 if oldest is None else (newest - oldest.token) / max(now - oldest.began_at, 1.0)
    return {
        "since": [since for since, _ in stretches],
        "until": [until for _, until in stretches],
        "every": [max(int((until - since) * calls_a_second) // _BETWEEN, 1) for since, until in stretches],
        "at_most": max(min(NEIGHBOURS, _AROUND // max(2 * len(stretches), 1)), _LEAST),
        "newest": NEIGHBOURS,
    }


def _question(row: Any) -> OpenQuestion:
    return OpenQuestion(
        row.id,
        row.token,
        row.service or "",
        row.expected_charge,
        row.units,
        row.is_parent,
        row.began_at,
        row.ended_at,
        row.replied,
        row.child_units,
    )


def _number(panel_order_id: str) -> int | None:
    """Returns an id as the whole number that it is, written as we write it when we ask about it; None: it is none."""
    number = whole_number(panel_order_id)
    return number if str(number) == panel_order_id else None


def _known(rows: Iterable[Any]) -> Iterator[Landmark]:
    for row in rows:
        if (number := _number(row.panel_order_id)) is not None:
            yield Landmark(number, row.began_at, row.ended_at)


def _seen(row: Any) -> Landmark:
    return Landmark(row.number, -math.inf if row.began_at is None else row.began_at, row.seen_at)


def _placed_since(sightings: Iterable[Sighting], landmarks: Iterable[Landmark]) -> float:
    """Returns a time since which all of these ids were given out for certain; minus infinity where none tells.

    An id was given out after each lower one, so after the call of a lower one began.
    """
    lowest = min((sighting.number for sighting in sightings), default=0)
    return max((landmark.earliest for landmark in landmarks if landmark.number < lowest), default=-math.inf)


def _sighting(row: Any) -> Sighting:
    return Sighting(
        row.number,
        row.seen_at,
        row.denied_at,
        row.charge,
        row.uncut_charge,
        row.most_remains,
        row.is_parent,
        row.has_spawned,
    )


def _parents(rows: Iterable[Any]) -> Iterator[KnownParent]:
    for row in rows:
        if (number := _number(row.panel_order_id)) is not None:
            yield KnownParent(number, row.service, row.child_units, row.began_at)
