"""Plays the whole way of orders in any interleaving: calls, losses, take-overs, verdicts, news, cancels and operators.

The model is a panel that counts the orders that it took. Whatever happens, the rows must agree with it.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from worker.domain.evidence.settlement import evidence_noted, reconciled
from worker.domain.evidence.verdicts import Absent, Doubt, Linked, Undecided
from worker.domain.orders.add_request import AddRequest, OrderRequest, Refusal
from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.news import read_news
from worker.domain.orders.operator_actions import Declined, ResolvedAs, resolved, retried
from worker.domain.orders.outcomes import Accepted, AddOutcome, NotSent, Reason, Refused, Unknown
from worker.domain.orders.states import AWAITED, ON_PANEL, OrderState, may_follow
from worker.domain.orders.statuses import OrderReport
from worker.domain.orders.submission import Claimed, PendingOrder, canceled_here, settled, too_late, unconfirmed

REQUEST = AddRequest("1", {"link": "https://example.com/p"}, Decimal("0.9"), 100)

#: What became of a request on the panel, where it took none.
NOTHING = (NotSent("no connection"), *(Refused(reason, "the panel's words") for reason in Reason))

REPORTS = st.builds(
    OrderReport,
    status=st.sampled_from(["Pending", "In progress", "Completed", "Partial", "Canceled", "Paused", "Gibberish", None]),
    charge=st.sampled_from([None, Decimal("0.9"), Decimal("0.45"), Decimal(0)]),
    remains=st.sampled_from([None, 100, 50, 0, -3]),
)


@dataclass
class Call:
    """One `add` on its way. `fate` is the panel's order, or why there is none; None: it may still arrive."""

    attempt: int
    fate: str | AddOutcome | None = None
    is_back: bool = False


@dataclass
class Row:
    """A row, its calls in order, and its events."""

    order_id: int
    record: OrderRecord = field(default_factory=OrderRecord)
    calls: list[Call] = field(default_factory=list)
    events: list[Change] = field(default_factory=list)
    an_operator_spoke: bool = False

    def write(self, change: Change | None) -> None:
        if change is None:
            return
        self.events.append(change)
        self.record = change.after

    @property
    def state(self) -> OrderState:
        return self.record.state

    @property
    def bought(self) -> list[str]:
        return [call.fate for call in self.calls if isinstance(call.fate, str)]


class OrdersAndTheirPanel(RuleBasedStateMachine):
    rows = Bundle("rows")
    calls = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.all_rows: list[Row] = []
        self.next_number = 23501

    @rule(target=rows)
    def insert(self):
        row = Row(len(self.all_rows) + 1)
        self.all_rows.append(row)
        return row

    # Out to the panel.

    @rule(target=calls, row=rows)
    def claim(self, row):
        if row.state is not OrderState.PENDING:
            return multiple()
        attempts = len(row.calls)
        row.write(PendingOrder(row.order_id, OrderRequest("1"), attempts).intended(REQUEST))
        row.calls.append(Call(attempts + 1))
        return (row, row.calls[-1])

    @rule(row=rows)
    def refuse_ourselves(self, row):
        if row.state is OrderState.PENDING:
            pending = PendingOrder(row.order_id, OrderRequest("1"), len(row.calls))
            row.write(pending.refused(Refusal("unknown_service", "the catalogue has no service 1")))

    @rule(sent=calls)
    def the_panel_takes_it(self, sent):
        _, call = sent
        if call.fate is None:
            call.fate, self.next_number = str(self.next_number), self.next_number + 1

    @rule(sent=calls, outcome=st.sampled_from(NOTHING))
    def the_panel_takes_nothing(self, sent, outcome):
        _, call = sent
        if call.fate is None:
            call.fate = outcome

    @rule(sent=calls, is_lost=st.booleans())
    def a_reply(self, sent, is_lost):
        """It tells what became of the request, or is lost, whatever that is; it may come after the lease has ended."""
        row, call = sent
        if call.is_back:
            return
        call.is_back = True
        match call.fate:
            case None:
                outcome: AddOutcome = Unknown("timeout")
            case _ if is_lost:
                outcome = Unknown("timeout")
            case str():
                outcome = Accepted(call.fate)
            case _:
                outcome = call.fate
        if call is not row.calls[-1] or row.state not in AWAITED:
            row.write(too_late(row.order_id, outcome, row.record))
        elif row.state is OrderState.SUBMITTING or not isinstance(outcome, Unknown):
            row.write(settled(Claimed(row.order_id, 1, call.attempt, REQUEST), outcome, row.record))

    @rule(row=rows)
    def a_lease_ends(self, row):
        if row.state is OrderState.SUBMITTING:
            row.write(unconfirmed(row.order_id, row.record, "worker_lost", "the worker died during the call"))

    # What is found out.

    @rule(row=rows, is_enough=st.booleans())
    def a_verdict(self, row, is_enough):
        """It is the truth about the last call, or less than proof."""
        if row.state is not OrderState.UNCONFIRMED:
            return
        match row.calls[-1].fate:
            case str() as number if is_enough:
                row.write(reconciled(row.order_id, row.record, Linked(number)))
            case Refused() | NotSent() if is_enough:
                row.write(reconciled(row.order_id, row.record, Absent()))
            case _:
                verdict = Undecided(Doubt.AMBIGUOUS, (1, 2))
                assert reconciled(row.order_id, row.record, verdict) is None
                row.write(evidence_noted(row.order_id, row.record, verdict))

    @rule(row=rows, report=REPORTS)
    def news(self, row, report):
        row.write(read_news(row.order_id, row.record, report).change)

    # What people do.

    @rule(row=rows)
    def cancel_here(self, row):
        if row.state is OrderState.PENDING:
            row.write(canceled_here(row.order_id, row.record))

    @rule(
        row=rows,
        decision=st.sampled_from(
            [
                ResolvedAs(OrderState.SUBMITTED, "9000"),
                ResolvedAs(OrderState.PENDING),
                ResolvedAs(OrderState.REJECTED),
            ]
        ),
    )
    def an_operator_decides(self, row, decision):
        if row.state is OrderState.UNCONFIRMED:
            row.an_operator_spoke = True
            change = resolved(row.order_id, row.record, decision, who="ann", why="asked the panel")
            assert isinstance(change, Change)
            row.write(change)

    @rule(row=rows)
    def an_operator_retries(self, row):
        """A rejected row goes out again: nothing was bought, so that nobody takes a risk."""
        if row.state is OrderState.REJECTED:
            risky = row.an_operator_spoke
            change = retried(row.order_id, row.record, may_have_been_taken=risky, who="ann", why="mended")
            assert isinstance(change, Declined if risky else Change)
            if isinstance(change, Change):
                row.write(change)

    # What holds whatever happened.

    @invariant()
    def nothing_is_bought_twice(self):
        for row in self.all_rows:
            assert len(row.bought) <= 1 or row.an_operator_spoke

    @invariant()
    def nothing_bought_is_lost(self):
        """It is under its own id, or still asked about; it never goes out again, nor is it called refused."""
        for row in self.all_rows:
            if row.bought and not row.an_operator_spoke:
                assert row.state in ON_PANEL | AWAITED
                assert row.record.panel_order_id in {None, *row.bought}
                assert (row.record.panel_order_id is None) is (row.state in AWAITED)

    @invariant()
    def nothing_is_on_the_panel_that_was_not_bought(self):
        for row in self.all_rows:
            if not row.bought and not row.an_operator_spoke:
                assert row.record.panel_order_id is None
                assert row.state not in ON_PANEL or any(event.kind is EventKind.CANCELED for event in row.events)

    @invariant()
    def events_tell_the_whole_way(self):
        """Each begins where the one before ended; what a pending row tells of its last attempt doesn't matter."""
        for row in self.all_rows:
            known = OrderRecord()
            for event in row.events:
                assert event.order_id == row.order_id
                assert event.before.state is known.state
                assert event.before == known or known.state is OrderState.PENDING
                assert event.after.state is event.before.state or may_follow(event.before.state, event.after.state)
                known = event.after
            assert known == row.record

    @invariant()
    def an_open_order_has_no_error(self):
        for row in self.all_rows:
            if row.state in ON_PANEL:
                assert (row.record.error_code, row.record.error) == (None, None)
            if row.state is OrderState.UNCONFIRMED:
                assert row.record.error_code is not None


TestOrdersAndTheirPanel = OrdersAndTheirPanel.TestCase
