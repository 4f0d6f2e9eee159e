"""Whatever happens on the panel and on the way to it, a verdict is the truth (docs/guarantees.md, promise 3)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.jobs.evidence_strategies import KINDS, PLAIN_SHOWS, rows, worlds
from tests.unit.jobs.evidence_world import THE_END, World, landmark

#: Kinds that are told apart by their charges, however roughly these are rounded.
DISTINCT = [KINDS[0], *KINDS[2:5]]


@settings(max_examples=300)
@given(world=worlds())
def test_a_verdict_is_the_truth(world: World):
    """Every order is linked to what came of it, or proven absent where nothing did: the world judges each verdict."""
    for at in world.runs_at:
        world.run(at)


@given(data=st.data(), count=st.integers(1, len(DISTINCT)), strangers=st.lists(st.integers(0, 60), max_size=3))
def test_where_charges_differ_and_all_is_answered_everything_is_settled(data: st.DataObject, count, strangers):
    ours = [data.draw(rows(st.just(kind), PLAIN_SHOWS)) for kind in DISTINCT[:count]]
    world = World(
        [landmark(-1.0 - 60), *ours, landmark(THE_END)],
        strangers=tuple((float(at), 1) for at in strangers),
    )
    world.run(THE_END + 10)
    assert world.open_rows == []
    assert len(world.verdicts) == sum(not row.heard for row in ours)
