"""What may go goes when it must; what nobody else has never does."""

from __future__ import annotations

import pytest

from tradewarden.machines.shelf import Leaving, Volume, leaving

DAY = 86_400.0


def volume(first: int, *, age: float = 1.0, read: bool = True, sealed: bool | None = True, size: int = 10) -> Volume:
    return Volume(first_seq=first, bytes=size, age=age, read=read, sealed=sealed)


def decide(*volumes: Volume, keep: int = 1000, kept: int | None = None, short: bool = False) -> Leaving:
    total = sum(each.bytes for each in volumes) + 5 if kept is None else kept
    return leaving(volumes, kept_bytes=total, keep_bytes=keep, keep_seconds=DAY, short=short)


def test_nothing_goes_while_there_is_room_and_it_is_young() -> None:
    assert decide(volume(1), volume(2)) == Leaving()


def test_what_is_done_goes_when_it_is_old() -> None:
    assert decide(volume(1, age=DAY + 1), volume(2)) == Leaving(done=(1,))


def test_what_is_done_goes_from_the_oldest_until_the_rest_fits() -> None:
    assert decide(volume(1), volume(2), volume(3), keep=25) == Leaving(done=(1,))
    assert decide(volume(1), volume(2), volume(3), keep=14) == Leaving(done=(1, 2, 3), too_much=False)


def test_what_is_done_goes_early_from_a_disk_that_is_nearly_full() -> None:
    assert decide(volume(1), volume(2, read=False), volume(3), short=True) == Leaving(done=(1, 3))


@pytest.mark.parametrize("sealed", [None, True])
def test_a_desk_that_seals_nothing_asks_the_stores_only(*, sealed: bool | None) -> None:
    assert decide(volume(1, age=DAY + 1, sealed=sealed)) == Leaving(done=(1,))
    assert decide(volume(1, age=DAY + 1, sealed=False)) == Leaving()


def test_what_a_store_has_not_read_goes_only_over_the_cap_and_only_when_it_is_in_parquet() -> None:
    assert decide(volume(1, read=False), volume(2, read=False)) == Leaving()
    assert decide(volume(1, read=False), volume(2, read=False), keep=20) == Leaving(unread=(1,))
    assert decide(volume(1, read=False, age=DAY + 1)) == Leaving(unread=(1,))
    assert decide(volume(1, read=False), short=True) == Leaving()


@pytest.mark.parametrize("sealed", [None, False])
def test_what_nobody_else_has_never_goes_and_is_told(*, sealed: bool | None) -> None:
    alone = volume(1, age=9 * DAY, read=False, sealed=sealed)
    assert decide(alone, keep=1, short=True) == Leaving(too_much=True)


def test_what_is_done_goes_before_what_a_store_still_wants() -> None:
    assert decide(volume(1, read=False), volume(2), keep=15) == Leaving(done=(2,))
    assert decide(volume(1, read=False), volume(2), keep=14) == Leaving(done=(2,), unread=(1,))


def test_what_is_exactly_old_enough_to_stay_stays() -> None:
    assert decide(volume(1, age=DAY), volume(2, age=DAY, read=False)) == Leaving()
    assert decide(volume(1, age=DAY + 1), volume(2, age=DAY + 1, read=False)) == Leaving(done=(1,), unread=(2,))


def test_what_nobody_read_goes_one_by_one_until_the_rest_fits() -> None:
    left = decide(*(volume(first, read=False) for first in (1, 2, 3)), keep=25)
    assert left == Leaving(unread=(1,))
    assert decide(*(volume(first, read=False, size=first) for first in (10, 20, 30)), keep=12, kept=61) == Leaving(
        unread=(10, 20, 30)
    )
