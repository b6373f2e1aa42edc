"""From one subscription to the next with no word more than needed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewarden.machines.subscription import difference, shards

SUBSCRIPTIONS = st.dictionaries(st.integers(1, 40), st.sampled_from(["ltp", "quote", "full"]))


@given(held=SUBSCRIPTIONS, wanted=SUBSCRIPTIONS)
def test_the_difference_leads_from_the_one_to_the_other_and_touches_nothing_else(
    held: dict[int, str], wanted: dict[int, str]
) -> None:
    change = difference(held, wanted)
    after = {token: mode for token, mode in held.items() if token not in change.leave} | dict(change.add)
    assert after | dict(change.modes) == wanted
    assert len(change.leave) + len(change.add) + len(change.modes) == sum(
        held.get(token) != wanted.get(token) for token in held | wanted
    )


def test_nothing_to_change_is_nothing() -> None:
    change = difference({1: "full"}, {1: "full"})
    assert (change.leave, change.add, change.modes) == ((), {}, {})


@given(before=SUBSCRIPTIONS, wanted=SUBSCRIPTIONS)
def test_shards_hold_everything_once_none_too_much_and_move_nothing_that_stays(
    before: dict[int, str], wanted: dict[int, str]
) -> None:
    held = shards(({}, {}, {}), before, size=14)
    after = shards(held, wanted, size=14)
    assert {token: mode for shard in after for token, mode in shard.items()} == wanted
    assert sum(map(len, after)) == len(wanted)
    assert all(len(shard) <= 14 for shard in after)
    for old, new in zip(held, after, strict=True):
        assert all(token in new for token in old if token in wanted)


def test_what_does_not_fit_is_refused_with_the_figures() -> None:
    with pytest.raises(ValueError, match="7 instruments do not fit on 2 connections of 3"):
        shards(({}, {}), dict.fromkeys(range(7), "ltp"), size=3)


def test_what_fits_exactly_fits() -> None:
    assert shards(({}, {}), dict.fromkeys(range(6), "ltp"), size=3) == (
        dict.fromkeys(range(3), "ltp"),
        dict.fromkeys(range(3, 6), "ltp"),
    )
    with pytest.raises(ValueError, match=r"\A7 instruments do not fit on 2 connections of 3\Z"):
        shards(({}, {}), dict.fromkeys(range(7), "ltp"), size=3)
