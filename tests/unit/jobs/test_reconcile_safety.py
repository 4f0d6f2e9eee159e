"""Whatever happens on the panel and on the way to it, a verdict is the truth (contract, promise 3)."""

from hypothesis import given

from tests.unit.jobs.evidence_world import World, worlds


@given(world=worlds())
def test_a_verdict_is_the_truth(world: World):
    """Every order is linked to what came of it, or proven absent where nothing did: the world judges each verdict."""
    for at in world.runs_at:
        world.run(at)
