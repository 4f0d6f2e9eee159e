"""What runs on a schedule reads what is open, however long the history behind it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql import dialect

from tests.databases import new_database
from worker import events
from worker.domain.evidence.questions import OpenQuestion, Premises
from worker.domain.orders.states import OrderState
from worker.store.evidence import asking, guards, money, prices, reading, settling
from worker.store.queue import (
    changes,
    claim,
    lookalikes,
    operator_actions,
    paces,
    pending,
    polls,
    refills_and_cancels,
    refusals,
    settle,
    submissions,
    take_over,
)
from worker.store.queue import prices as queue_prices
from worker.store.records import archive, audit, audit_results, catalogue
from worker.store.shared import accounts, blocking_sessions, budget, leases, pauses, periodic_work
from worker.store.views import catalogue_search, order_history, overview, recent, spending
from worker.store.views.catalogue_search import ServiceSearch
from worker.store.views.order_search import Search, ending, searching

#: Closed orders, each with three events, a submission, and a poll in the settlement window.
CLOSED = 100_000

#: Readings of a balance, audits, and changes of services.
OTHER = 20_000

#: Of each open kind.
OPEN = 100

#: Pending orders that are to be sent in a year, of higher priority than those that may be sent now.
LATER = 100_000

#: What a statement may read of a table: some multiple of what is open, and nowhere near what is closed.
MOST_ROWS = 10 * OPEN
MOST_PAGES = 4_000

#: What an index by time (BRIN) doesn't tell apart: rows on 128 pages, and the last of them are always read.
BY_TIME = {"audit.touched", "spending.bought", "catalogue_search.affected"}
MOST_ROWS_BY_TIME = 10_000

HISTORY = {
    *("orders", "order_events", "order_events_archive", "submissions", "submissions_archive"),
    *("polls", "refills", "cancels", "balances", "audits", "service_changes"),
    *("sightings", "asked_ids", "prices", "catalogue_readings"),
}

DEAD, LIVING = UUID(int=1), UUID(int=2)

FILL = f"""
    INSERT INTO workers (id, name, lease_until, ended_at)
    VALUES ('{DEAD}', 'dead', now(), now()), ('{LIVING}', 'living', now() + interval '1 day', NULL);
    INSERT INTO services (panel, service, raw) SELECT 'default', n, '{{}}' FROM generate_series(1, 2000) n;

    INSERT INTO orders (service, link, quantity, state, panel_order_id, charge, finished_at)
    SELECT n % 2000 + 1, 'https://example.com/' || n, 100,
        (ARRAY['completed', 'partial', 'canceled', 'completed'])[n % 4 + 1], n, 0.09, now()
    FROM generate_series(1, {CLOSED}) n;
    INSERT INTO order_events (order_id, kind, state_after)
    SELECT id, kind, state FROM orders, unnest(ARRAY['submitting', 'submitted', 'status']) kind;
    INSERT INTO submissions (order_id, panel, worker_id, ended_at, outcome, panel_order_id, is_parent)
    SELECT id, panel, '{DEAD}', now(), 'accepted', panel_order_id, id % 1000 = 0 FROM orders;
    INSERT INTO submissions (order_id, panel, worker_id, ended_at, outcome, panel_order_id, is_parent)
    SELECT id, 'few', '{DEAD}', now(), 'accepted', panel_order_id, false FROM orders WHERE id <= 10;
    INSERT INTO order_events_archive (id, order_id, at, kind, state_after, detail)
    SELECT -id, id, now(), 'submitting', 'submitting', '{{}}' FROM orders;
    INSERT INTO submissions_archive (id, order_id, panel, worker_id, began_at, ended_at, is_parent, replied, outcome)
    SELECT -id, id, panel, '{DEAD}', now(), now(), false, true, 'refused' FROM orders;
    INSERT INTO polls (order_id, panel, due_at, changed_at, settling)
    SELECT id, panel, now() + interval '1 day', now(), true FROM orders;
    INSERT INTO refills (order_id, state) SELECT id, 'completed' FROM orders WHERE id % 5 = 0;
    INSERT INTO cancels (order_id, state) SELECT id, 'accepted' FROM orders WHERE id % 5 = 0;

    INSERT INTO orders (service) SELECT n FROM generate_series(1, {OPEN}) n;
    INSERT INTO cancels (order_id) SELECT id FROM orders WHERE state = 'pending' AND id % 10 = 0;
    INSERT INTO orders (service, panel) SELECT n, 'unknown' FROM generate_series(1, {OPEN}) n;
    INSERT INTO orders (service, state, attempts) SELECT n, 'submitting', 1 FROM generate_series(1, {OPEN}) n;
    INSERT INTO submissions (order_id, panel, worker_id, is_parent)
    SELECT id, panel, CASE WHEN id % 2 = 0 THEN uuid '{DEAD}' ELSE '{LIVING}' END, false
    FROM orders WHERE state = 'submitting';
    INSERT INTO orders (service, state) SELECT n, 'unconfirmed' FROM generate_series(1, {OPEN}) n;
    INSERT INTO submissions (order_id, panel, worker_id, ended_at, outcome, is_parent)
    SELECT id, panel, '{DEAD}', now(), 'unknown', false FROM orders WHERE state = 'unconfirmed';
    INSERT INTO orders (service, state, panel_order_id)
    SELECT n, 'submitted', 'open ' || n FROM generate_series(1, {OPEN}) n;
    INSERT INTO polls SELECT id, panel, now(), now() FROM orders WHERE state = 'submitted';
    INSERT INTO refills (order_id) SELECT id FROM orders WHERE state = 'submitted';
    INSERT INTO refills (order_id, state, panel_refill_id) SELECT id, 'submitted', id FROM orders
    WHERE state = 'submitted';
    INSERT INTO cancels (order_id) SELECT id FROM orders WHERE state = 'submitted';
    INSERT INTO orders (service, state) SELECT n, 'rejected' FROM generate_series(1, 10) n;
    INSERT INTO refills (order_id) SELECT id FROM orders WHERE state = 'rejected';
    INSERT INTO cancels (order_id) SELECT id FROM orders WHERE state = 'rejected';
    INSERT INTO balances (panel, at, balance, currency)
    SELECT panel, now() - n * interval '5 min', n, 'USD'
    FROM generate_series({OTHER}, 1, -1) n, unnest(ARRAY['default', 'other']) panel;
    INSERT INTO service_changes (panel, service, kind, value_before, value_after)
    SELECT 'default', n % 2000 + 1, 'rate', '1', '2' FROM generate_series(1, {OTHER}) n;
    INSERT INTO audits (
        panel, opened_at, closed_at, opening, charges, refunds, top_ups, unexplained, closing, missing
    )
    SELECT 'default', now(), now() + n * interval '1 s', 0, 0, 0, 0, 0, 0, 0 FROM generate_series(1, {OTHER}) n;
    INSERT INTO sightings (panel, number, seen_at, explained, order_id)
    SELECT 'default', id, now() - interval '1 year', CASE WHEN id % 2 = 0 THEN 'known' END,
        CASE WHEN id % 2 = 1 THEN id END
    FROM orders WHERE id <= {CLOSED};
    INSERT INTO sightings (panel, number) SELECT 'default', 1000000 + n FROM generate_series(1, {OPEN}) n;
    INSERT INTO asked_ids SELECT 'default', n, now() FROM generate_series(1, {OTHER}) n;
    INSERT INTO prices
    SELECT 'default', n % 2000 + 1, t.at, t.at + interval '1 s', 1000, 0.9
    FROM generate_series(1, {CLOSED}) n CROSS JOIN LATERAL (SELECT now() - n * interval '1 minute' AS at) t;
    INSERT INTO catalogue_readings (panel, asked_at, read_at)
    SELECT 'default', t.at, t.at + interval '1 s'
    FROM generate_series(1, {OTHER}) n CROSS JOIN LATERAL (SELECT now() - n * interval '1 hour' AS at) t;
    INSERT INTO budgets VALUES ('default', now());
    INSERT INTO periodic_jobs VALUES ('default', 'services', now());
"""  # noqa: S608 - values of ours

QUEUE = f"""
    INSERT INTO services (panel, service, raw) SELECT 'default', n, '{{}}' FROM generate_series(1, 2000) n;
    INSERT INTO orders (service, priority, not_before)
    SELECT n % 2000 + 1, 10 + n % 3, now() + interval '1 year' FROM generate_series(1, {LATER}) n;
    INSERT INTO orders (service, priority) SELECT n, n % 3 FROM generate_series(1, {OPEN}) n;
"""  # noqa: S608 - values of ours

PANEL = {"panel": "default"}
CLAIM = PANEL | {"at_most": 50, "lease": 90.0}
OPEN_IDS = list(range(CLOSED + 1, CLOSED + 51))
CLOSED_IDS = list(range(1, 21))
SUBMITTED_IDS = list(range(CLOSED + 4 * OPEN + 1, CLOSED + 4 * OPEN + 51))
UNCONFIRMED_IDS = list(range(CLOSED + 3 * OPEN + 1, CLOSED + 3 * OPEN + 51))
TOKENS = {"token": OPEN_IDS}
POLLS = {"order_id": SUBMITTED_IDS, "token": [datetime.now(UTC)] * 50}
LONG_AGO, FAR_AHEAD = 0.0, 4e9

#: A time in which nothing happened, beside a long past in which much did.
LATER = datetime(2096, 1, 1, tzinfo=UTC)
PERIOD = PANEL | {"since": LATER, "until": LATER + timedelta(days=1)}
NAMES = {"panel": "default", "names": ["default"]}
AROUND = NAMES | {"every": [1], "at_most": 200, "newest": 200}

WRITE = {
    "order_id": OPEN_IDS,
    "kind": ["status"] * 50,
    "state_before": ["submitted"] * 50,
    "state": ["pending"] * 50,
    **{
        name: [None] * 50 for name in ("panel_order_id", "panel_status", "charge", "currency", "start_count", "remains")
    },
    **{name: [None] * 50 for name in ("error_code", "error", "retry_in")},
    "detail": ["{}"] * 50,
    "alters": [True] * 50,
}

#: So many rows may be looked through for one page.
WINDOW = 200

SEARCHES = {
    "the newest": Search(),
    "a page": Search(after=CLOSED // 2),
    "by reference": Search(reference="a"),
    "by link": Search(link="nowhere"),
    "by what no index knows": Search((OrderState.CANCELED,), "x", "y", error_code="z", after=CLOSED // 2),
    **{str(state): Search((state,)) for state in OrderState},
    "several states": Search((OrderState.REJECTED, OrderState.UNCONFIRMED, OrderState.PARTIAL)),
}


def _question(began_at: float) -> OpenQuestion:
    """A call that was lost at once."""
    return OpenQuestion(1, int(began_at), "1", None, None, False, began_at, began_at, replied=True)


STATEMENTS: dict[str, tuple[TextClause, Mapping[str, Any]]] = {
    "pending.count": (pending.COUNT, PANEL | {"at_most": 500}),
    "pending.panels_waiting": (pending.PANELS_WAITING, {}),
    "claim.claim": (claim.CLAIM, PANEL | {"at_most": 500, "worker_id": LIVING, "losing": 60.0, "distinct": False}),
    "claim.postpone": (claim.POSTPONE, {"order_id": OPEN_IDS, "seconds": [1.0] * 50}),
    "claim.open_claims": (claim.OPEN_CLAIMS, PANEL | {"worker_id": LIVING}),
    "lookalikes.in_flight": (lookalikes.IN_FLIGHT, PANEL | {"patience": 5.0, "settle": 300.0}),
    "refusals.judge": (refusals.JUDGE, TOKENS),
    "refusals.excuse": (refusals.EXCUSE, PANEL),
    "settle.as_claimed": (settle.AS_CLAIMED, TOKENS),
    "settle.submissions": (settle.SUBMISSIONS, TOKENS),
    "settle.all_submissions": (settle.ALL_SUBMISSIONS, TOKENS),
    "settle.holder": (settle.HOLDER, {"token": CLOSED + OPEN + 1, "panel_order_id": "1"}),
    "submissions.close": (
        submissions.CLOSE,
        TOKENS | {"outcome": ["unknown"] * 50, "panel_order_id": [None] * 50, "replied": [False] * 50},
    ),
    "take_over.expired_workers": (take_over.EXPIRED_WORKERS, {}),
    "take_over.orphaned": (take_over.ORPHANED, {}),
    "take_over.orphaned_of_none": (take_over.ORPHANED_OF_NONE, {}),
    "changes.write": (changes.WRITE, WRITE),
    "polls.watch": (polls.WATCH, {"order_id": OPEN_IDS, "first_poll": 30.0}),
    "polls.due": (polls.DUE, PANEL),
    "polls.claim": (polls.CLAIM, CLAIM),
    "polls.lock": (polls.LOCK, POLLS),
    "polls.reschedule": (
        polls.RESCHEDULE,
        POLLS
        | {
            "seconds": [30.0] * 50,
            **{name: [True] * 50 for name in ("seen", "changed", "settling")},
            "remains": [7] * 50,
            "lease": 90.0,
        },
    ),
    "paces.learn": (
        paces.LEARN,
        {"panel": ["default"] * 50, "service": [str(n) for n in range(50)]}
        | {name: [1.0] * 50 for name in ("closes", "log_sum", "log_squares")},
    ),
    "polls.forget": (polls.FORGET, POLLS),
    "refills.due": (refills_and_cancels.due("refills", "pending"), PANEL),
    "refills.due to poll": (refills_and_cancels.due("refills", "submitted"), PANEL),
    "refills.claim": (refills_and_cancels.claim("refills", "pending"), CLAIM),
    "refills.claim to poll": (refills_and_cancels.claim("refills", "submitted"), CLAIM),
    "refills.reject_pointless": (refills_and_cancels.reject_pointless("refills"), {"code": "c", "error": "e"}),
    "cancels.due": (refills_and_cancels.due("cancels", "pending"), PANEL),
    "cancels.claim": (refills_and_cancels.claim("cancels", "pending"), CLAIM),
    "cancels.reject_pointless": (refills_and_cancels.reject_pointless("cancels"), {"code": "c", "error": "e"}),
    "cancels.cancel_unsent": (refills_and_cancels.CANCELABLE_HERE, {}),
    "cancels.accept": (refills_and_cancels.ACCEPT, {"cancel_id": OPEN_IDS}),
    "reading.questions": (reading.QUESTIONS, NAMES),
    "reading.landmarks": (reading.LANDMARKS, AROUND | {"since": [FAR_AHEAD], "until": [FAR_AHEAD]}),
    "reading.landmarks of the first": (reading.LANDMARKS, AROUND | {"since": [LONG_AGO], "until": [LONG_AGO]}),
    "reading.landmarks on a panel with few orders": (
        reading.LANDMARKS,
        AROUND | {"names": ["few"], "since": [LONG_AGO], "until": [FAR_AHEAD]},
    ),
    "reading.sightings": (reading.SIGHTINGS, NAMES | {"since": FAR_AHEAD}),
    "reading.parents": (reading.PARENTS, NAMES | {"since": 0.0}),
    "reading.shapes": (reading.SHAPES, PANEL),
    "reading.clock": (reading._CLOCK, {}),
    "reading.in_doubt": (reading._IN_DOUBT, PANEL),
    "reading.needed": (reading.NEEDED, {"at_most": reading.NEIGHBOURS}),
    "asking.known": (asking.KNOWN, NAMES | {"numbers": [str(n) for n in range(200)]}),
    "asking.seen": (
        asking.SEEN,
        PANEL
        | {"number": OPEN_IDS, **{name: [None] * 50 for name in ("denied_at", "charge", "uncut_charge")}}
        | {"most_remains": [7] * 50, "is_parent": [False] * 50, "has_spawned": [False] * 50},
    ),
    "asking.asked": (asking.ASKED, PANEL | {"chunk": OPEN_IDS, "sent_at": [1.0] * len(OPEN_IDS)}),
    "asking.explain": (asking.EXPLAIN, PANEL | {"number": OPEN_IDS, "how": "spawned"}),
    "asking.explain_known": (asking.EXPLAIN_KNOWN, PANEL),
    "asking.own": (asking.OWN, PANEL),
    "asking.forget": (asking.FORGET, PANEL | {"chunk": 50}),
    "settling.lock": (
        settling.LOCK,
        {"order_id": UNCONFIRMED_IDS, "token": [CLOSED + OPEN + 1] * 50, "number": [CLOSED + OPEN + 1] * 50},
    ),
    "settling.on_record": (settling.ON_RECORD, {"order_id": UNCONFIRMED_IDS}),
    "settling.owned": (
        settling.OWNED,
        {"order_id": UNCONFIRMED_IDS, "panel": ["default"] * 50, "number": UNCONFIRMED_IDS},
    ),
    "prices.prices": (
        prices.PRICES,
        PANEL | {"services": ["1", "2", "3"], "since": [LONG_AGO, 2e9, FAR_AHEAD], "until": [60.0, 2e9, FAR_AHEAD]},
    ),
    "prices.charges": (prices.CHARGES, PANEL),
    "prices.readings": (prices.READINGS, PANEL | {"since": FAR_AHEAD}),
    "prices.changes": (prices.CHANGES, PANEL | {"since": FAR_AHEAD}),
    "prices.rates": (prices.RATES, PANEL | {"services": ["1", "2"]}),
    "prices.learn": (
        queue_prices.LEARN,
        {"order_id": CLOSED_IDS, "charge": [0.9] * 20, "often": 10.0, "package": 1000},
    ),
    "prices.thin_out": (queue_prices.THIN_OUT, {"order_id": CLOSED_IDS, "often": 10.0}),
    "money.unexplained": (
        money.UNEXPLAINED,
        PANEL
        | {"token": 1, "began_at": FAR_AHEAD, "last_at": FAR_AHEAD, "longest_call": 50.0}
        | {"too_many": money.TOO_MANY},
    ),
    "money.read": (money._READ, PANEL),
    "guards.take": (guards._TAKE, PANEL | {"worker_id": LIVING, "seconds": 50.0, "longest": 600.0}),
    "archive.walk": (archive.WALK, {"after": 0, "days": 0, "slice": 200}),
    "archive.walk from the middle": (archive.WALK, {"after": CLOSED, "days": 90, "slice": 200}),
    "archive.settled": (
        archive.SETTLED,
        {"order_ids": CLOSED_IDS, "before": "infinity", "panel": ["default"], "since": ["2026-01-01"]},
    ),
    "archive.move": (archive.MOVE, {"order_ids": CLOSED_IDS, "before": "infinity"}),
    "archive.workers": (archive.CLEARED["workers"], {"week": 1.0}),
    "archive.examinations": (archive.CLEARED["examinations"], {}),
    "accounts.newest_ids": (accounts.NEWEST_IDS, {"panels": ["default", "few"], "at_most": 100}),
    "accounts.some_ids": (accounts.SOME_IDS, {"panels": ["default", "few"], "at_most": 100}),
    "accounts.open_orders": (accounts.OPEN_ORDERS, {"panels": ["default", "few"]}),
    "budget.take": (
        budget._TAKE,
        PANEL | {"scopes": ["add", "all"], "want": 10, "gap": 0.1, "horizon": 0.1},
    ),
    "pauses.lock_standing": (pauses.LOCK_STANDING, PANEL | {"scopes": ["add", "all"]}),
    "periodic_work.claim": (periodic_work._CLAIM, PANEL | {"job": "services", "every": 60.0}),
    "blocking_sessions.end_blocking_sessions": (blocking_sessions.END_BLOCKING_SESSIONS, {"longest": 30.0}),
    "leases.renew": (leases._RENEW, {"id": LIVING, "lease": 30.0}),
    "catalogue.known": (catalogue._KNOWN, PANEL),
    "audit.readings": (audit.READINGS, PERIOD),
    "audit.touched": (audit.TOUCHED, PERIOD),
    "audit.calls": (audit.CALLS, {"order_id": OPEN_IDS}),
    "audit.told": (audit.TOLD, {"order_id": OPEN_IDS}),
    "audit_results.latest": (audit_results.LATEST, {"panels": ["default", "few"]}),
    "spending.recent": (spending.SPENDING, {"seconds": 0.0}),
    "spending.curve": (spending.CURVE, PERIOD | {"currency": "USD", "parts": 66, "seconds": 60.0}),
    "spending.days": (spending.DAYS, PERIOD | {"currency": "USD"}),
    "spending.bought": (spending.BOUGHT, PERIOD),
    "catalogue_search.affected": (catalogue_search.AFFECTED, {"service": ["1", "2"], "recent": timedelta(0)}),
    "catalogue_search.changes": catalogue_search.changes(ServiceSearch(), LATER, 50),
    "catalogue_search.dearer": catalogue_search.dearer(ServiceSearch(), LATER, 50),
    "overview.pending": (overview.PENDING, {}),
    "overview.unconfirmed": (overview.UNCONFIRMED, {}),
    "overview.on_the_way": (overview.ON_THE_WAY, {}),
    "overview.polls": (overview.POLLS, {}),
    "overview.longest_unconfirmed": (overview.LONGEST_UNCONFIRMED, {"at_most": 20}),
    "recent.reach": (recent.REACH, {"newest": 100}),
    "recent.happened": (recent.HAPPENED, {"newest": 100, "minute": 60.0, "hour": 3600.0}),
    "recent.errors": (recent.ERRORS, {"newest": 100, "at_most": 20}),
    "events.read": (text(re.sub(r"%\((\w+)\)s", r":\1", events._READ)), {"after": 3 * CLOSED // 2, "at_most": 100}),
    **{f"search.{name}": searching(search, 51, WINDOW) for name, search in SEARCHES.items()},
    **{f"search.the end of {name}": ending(search, WINDOW) for name, search in SEARCHES.items()},
    "operator_actions.calls": (operator_actions.CALLS, {"order_id": CLOSED_IDS}),
    "order_history.submissions": (order_history._SUBMISSIONS, {"order_id": 1}),
    "order_history.events": (order_history._EVENTS, {"order_id": 1, "at_most": order_history.MOST_EVENTS}),
}


@contextmanager
def filled(postgres: str, template: str, rows: str) -> Iterator["psycopg.Connection[Any]"]:
    with (
        new_database(postgres, f"{template}_{uuid4().hex[:12]}", template) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute("SET synchronous_commit = off")
        connection.execute(rows)
        connection.execute("VACUUM ANALYZE")
        yield connection


@pytest.fixture(scope="module")
def history(postgres: str, template_database: str) -> Iterator["psycopg.Connection[Any]"]:
    """A database with a long past and a little open."""
    with filled(postgres, template_database, FILL) as connection:
        yield connection


@pytest.fixture(scope="module")
def queue(postgres: str, template_database: str) -> Iterator["psycopg.Connection[Any]"]:
    """A database with little that may be sent now, behind much that may not."""
    with filled(postgres, template_database, QUEUE) as connection:
        yield connection


def prepared(statement: TextClause, parameters: Mapping[str, Any]) -> tuple[sql.Composed, sql.Composed]:
    """The statement as PREPARE and as EXECUTE, so that Postgres plans it with its values and without."""
    compiled = statement.compile(dialect=dialect(paramstyle="numeric_dollar"))
    names = list(compiled.positiontup or ())
    types = [sql.SQL(_TYPES.get(type(parameters[name]), "unknown")) for name in names]
    values = [sql.Literal(parameters[name]) for name in names]
    declared = sql.SQL("({})").format(sql.SQL(", ").join(types)) if names else sql.SQL("")
    given = sql.SQL("({})").format(sql.SQL(", ").join(values)) if names else sql.SQL("")
    return (
        sql.SQL("PREPARE statement{} AS {}").format(declared, sql.SQL(str(compiled))),
        sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE statement{}").format(given),
    )


#: As psycopg sends them.
_TYPES = {int: "bigint", float: "float8", UUID: "uuid", datetime: "timestamptz", timedelta: "interval"}


@pytest.mark.parametrize("planned", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_reads_no_history(history: "psycopg.Connection[Any]", name: str, planned: str) -> None:
    plan = plan_of(history, STATEMENTS[name], planned)
    read = [(node["Node Type"], node["Relation Name"], rows(node)) for node in walk(plan) if "Relation Name" in node]
    assert [node for node in read if node[0] == "Seq Scan" and node[1] in HISTORY] == []
    most = MOST_ROWS_BY_TIME if name in BY_TIME else MOST_ROWS
    assert [node for node in read if node[1] in HISTORY and node[2] > most] == []
    assert pages(plan) < MOST_PAGES


@pytest.mark.parametrize("planned", ["force_custom_plan", "force_generic_plan"])
def test_known_orders_around_many_times_cost_so_much_for_each(history: "psycopg.Connection[Any]", planned: str) -> None:
    times = [_question(2.0 * n) for n in range(2_000)]
    around = reading._around(times, Premises(1, 1), FAR_AHEAD, CLOSED)
    plan = plan_of(history, (reading.LANDMARKS, NAMES | around), planned)
    read = [rows(node) for node in walk(plan) if node.get("Relation Name") == "submissions"]
    assert sum(read) < 2 * reading._AROUND
    assert pages(plan) < 20 * len(times)


@pytest.mark.parametrize("planned", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("name", ["pending.count", "claim.claim"])
def test_a_claim_reads_nothing_that_is_to_be_sent_later(
    queue: "psycopg.Connection[Any]", name: str, planned: str
) -> None:
    """Up to Postgres 17 it is the statement that sees to it; later ones would do it for a simpler one too."""
    plan = plan_of(queue, STATEMENTS[name], planned)
    assert max(rows(node) for node in walk(plan) if node.get("Relation Name") == "orders") <= MOST_ROWS
    assert pages(plan) < 10 * OPEN


def plan_of(
    connection: "psycopg.Connection[Any]", statement: tuple[TextClause, Mapping[str, Any]], planned: str
) -> Mapping[str, Any]:
    prepare, explain = prepared(*statement)
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL plan_cache_mode = {planned}")
        connection.execute(prepare)
        (((plan,),),) = connection.execute(explain).fetchall()
        connection.execute("DEALLOCATE statement")
    found: Mapping[str, Any] = plan["Plan"]
    return found


def pages(plan: Mapping[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_reading_all_of_the_history_would_be_seen(history: "psycopg.Connection[Any]") -> None:
    (((plan,),),) = history.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT count(*) FROM orders WHERE link = 'x'"
    ).fetchall()
    (scan,) = [node for node in walk(plan["Plan"]) if node.get("Relation Name") == "orders"]
    assert scan["Node Type"] == "Seq Scan"
    assert rows(scan) > CLOSED


def walk(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from walk(child)


def rows(node: Mapping[str, Any]) -> float:
    """The rows that a scan looked at, whether it kept them or not."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])
