"""Settles the last order before a quiet night: no later order tells where the ids ended (rule C).

Two witnesses have to agree. No id answers up to a frontier that the panel can't have passed unless it was three times
faster than ever seen; and the balance fell by exactly what known orders cost. Either alone has a hole.
"""

from worker.domain.evidence.landmarks import Landmarks

#: How much faster than in its fastest ten minutes a panel may be, and how many ids more it may have given out.
_FASTER, _OVER, _MORE = 3.0, 600.0, 300


def frontier(low: int, last_at: float, landmarks: Landmarks) -> int:
    """Returns an id that the panel hadn't given out by `last_at`, when `low` was known to be given out before."""
    seconds = max(last_at - landmarks.time_at(low), 0.0)
    return low + int(_FASTER * landmarks.fastest_pace(_OVER) * seconds) + _MORE
