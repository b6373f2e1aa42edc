"""What is sent becomes what the door's model says, or every fault of it is told with its place."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from tradewarden.http.member import Member
from tradewarden.http.model import MisfitError, read
from tradewarden.machines.service import Tier

Short = Annotated[str, Member("a short name is expected", 1, 3)]


@dataclass(frozen=True)
class Order:
    """An order of some things."""

    what: Annotated[str, Member("the name of a thing is expected", 1, 8)]
    count: Annotated[int, Member("allowed is 1 to 10", 1, 10)] = 1
    note: Annotated[str | None, Member("at most 3 characters", None, 3)] = None
    tiers: tuple[Tier, ...] = ()
    by: Literal["hand", "post"] = "hand"
    dry: bool = False


def faults(given: dict[str, Any], *, strict: bool = True) -> list[tuple[str, str]]:
    with pytest.raises(MisfitError) as misfit:
        read(Order, given, strict=strict)
    return misfit.value.faults


def test_what_fits_is_taken_and_what_is_left_out_is_as_usual() -> None:
    assert read(Order, {"what": "tea"}) == Order("tea")
    sent = {"what": "tea", "count": 10, "note": None, "tiers": ["critical"], "by": "post", "dry": True}
    assert read(Order, sent) == Order("tea", 10, None, (Tier.CRITICAL,), "post", dry=True)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("what", "", "the name of a thing is expected"),
        ("what", 7, "the name of a thing is expected"),
        ("count", 11, "allowed is 1 to 10"),
        ("count", 0, "allowed is 1 to 10"),
        ("count", True, "allowed is 1 to 10"),
        ("count", "3", "allowed is 1 to 10"),
        ("count", 10**30, "allowed is 1 to 10"),
        ("note", "long", "at most 3 characters"),
        ("by", "air", "Invalid enum value 'air'"),
        ("dry", 1, "Expected bool, got int"),
    ],
)
def test_what_does_not_fit_is_told_in_the_words_of_its_place(key: str, value: object, said: str) -> None:
    assert faults({"what": "tea", key: value}) == [(key, said)]


def test_every_fault_is_told_at_once() -> None:
    assert faults({"count": "x", "odd": 1, "tiers": ["critical", "z"]}) == [
        ("odd", "not known; allowed are what, count, note, tiers, by, dry"),
        ("what", "the name of a thing is expected"),
        ("count", "allowed is 1 to 10"),
        ("tiers/1", "Invalid enum value 'z'"),
    ]


def test_a_hundred_strange_members_are_not_a_hundred_lines() -> None:
    assert len(faults({f"odd{number}" * 30: 1 for number in range(100)})) <= 20
    assert all(len(place) <= 64 for place, _ in faults({f"odd{number}" * 30: 1 for number in range(100)}))


def test_a_query_brings_numbers_and_flags_as_text() -> None:
    assert read(Order, {"what": "tea", "count": "3", "dry": "true"}, strict=False) == Order("tea", 3, dry=True)
    assert faults({"what": "tea", "count": "3.5"}, strict=False) == [("count", "allowed is 1 to 10")]


def test_each_entry_of_a_list_has_limits_of_its_own() -> None:
    @dataclass(frozen=True)
    class Names:
        """Some names."""

        names: Annotated[tuple[Short, ...], Member("one or two short names are expected", 1, 2)]

    assert read(Names, {"names": ["a", "bcd"]}) == Names(("a", "bcd"))
    for names in ([], ["a", "b", "c"], ["long"], [""]):
        with pytest.raises(MisfitError, match="one or two short names"):
            read(Names, {"names": names})


def test_a_model_of_nothing_expects_nothing() -> None:
    @dataclass(frozen=True)
    class Nothing:
        """Nothing."""

    assert read(Nothing, {}) == Nothing()
    with pytest.raises(MisfitError, match="a: not known; nothing is expected"):
        read(Nothing, {"a": 1})


def test_a_daemon_that_nobody_sends_anything_to_does_not_hold_what_reads_it() -> None:
    script = "import sys, tradewarden.daemon; print('msgspec' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, check=True, timeout=30)
    assert done.stdout == "False\n"
