"""Hypothesis searches small misleading worlds for a false verdict; `make evidence ARGS=adversary` does it for hours."""

import pytest
from hypothesis import given, settings

from tests.evidence.adversary import KINDS
from tests.evidence.misleading import PREMISES
from tests.evidence.runs import examined


@pytest.mark.parametrize("kind", KINDS)
def test_no_world_leads_to_a_false_verdict(kind):
    @settings(max_examples=80, derandomize=True, database=None)
    @given(KINDS[kind])
    def search(history):
        assert not examined(kind, history, PREMISES, watched=True).story

    search()
