"""In which order services start, what is wrong with them together, and what a changed file changes."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewarden.machines.plan import CycleError, Plan, SelectionError, difference, plan, problems, selection
from tradewarden.machines.service import Kind, OnToken, Output, Ready, Restarts, Selection, Service, Tier

CRITICAL, IMPORTANT, OPTIONAL, UTILITY = Tier


def service(name: str, *needs: str, tier: Tier = IMPORTANT, **facts: Any) -> Service:
    return Service(name=name, command=(name,), needs=needs, tier=tier, **facts)


def phases(*services: Service) -> tuple[tuple[str, ...], ...]:
    return plan(services).phases


# Phases


def test_what_needs_nothing_starts_together_in_the_order_of_the_configuration() -> None:
    assert phases() == ()
    assert phases(service("b"), service("a"), service("c")) == (("b", "a", "c"),)


def test_whoever_needs_another_starts_after_it() -> None:
    assert phases(service("c", "b"), service("b", "a"), service("a"), service("d", "a")) == (("a",), ("b", "d"), ("c",))


def test_among_those_that_need_nothing_the_more_important_start_first() -> None:
    services = [service(tier.value, tier=tier) for tier in (UTILITY, OPTIONAL, CRITICAL, IMPORTANT)]
    assert phases(*services) == (("critical",), ("important",), ("optional",), ("utility",))


def test_what_a_critical_service_needs_counts_as_critical() -> None:
    assert phases(
        service("chart", tier=OPTIONAL),
        service("feed", "bus", tier=CRITICAL),
        service("bus", "disk", tier=UTILITY),
        service("disk", tier=OPTIONAL),
    ) == (("disk",), ("bus",), ("feed",), ("chart",))


def test_a_need_of_several_goes_with_the_most_important_of_them() -> None:
    for names in (("chart", "feed"), ("feed", "chart")):
        tiers = {"chart": OPTIONAL, "feed": CRITICAL}
        services = [service(name, "bus", tier=tiers[name]) for name in names]
        assert phases(*services, service("bus", tier=UTILITY)) == (("bus",), ("feed",), ("chart",))


def test_whoever_is_less_important_waits_for_no_phase_that_it_could_share() -> None:
    assert phases(
        service("feed", tier=CRITICAL),
        service("writer", "feed"),
        service("monitor"),
        service("chart", "writer", tier=OPTIONAL),
    ) == (("feed",), ("writer", "monitor"), ("chart",))


def test_who_waits_for_a_service_by_a_condition_comes_after_it() -> None:
    assert phases(service("a", conditions=("nonsense", "auth valid", "service b up")), service("b")) == (("b",), ("a",))


def test_a_need_that_is_not_defined_is_no_reason_to_fail_here() -> None:
    assert phases(service("a", "elsewhere")) == (("a",),)


def test_a_circle_is_named_from_the_first_of_the_configuration() -> None:
    services = [service("z", "c"), service("a", "b"), service("b", "c"), service("c", "a")]
    with pytest.raises(CycleError) as caught:
        plan(services)
    assert caught.value.names == ("a", "b", "c")
    assert str(caught.value) == "services need each other in a circle: a -> b -> c -> a; remove one need"
    with pytest.raises(CycleError, match="a -> a; remove"):
        plan([service("a", "a")])
    with pytest.raises(CycleError, match="a -> b -> a; remove"):
        plan([service("a", conditions=("service b up",)), service("b", "a")])


def test_a_circle_is_found_behind_what_is_none() -> None:
    services = [service("a", "b", "c"), service("b", "c"), service("c", "d", "e"), service("d"), service("e", "b")]
    with pytest.raises(CycleError) as caught:
        plan(services)
    assert caught.value.names == ("b", "c", "e")


def test_a_plan_knows_each_ones_phase_its_reverse_and_its_parts() -> None:
    found = Plan((("a",), ("b", "c"), ("d",)))
    assert [found.phase_of(name) for name in "abcdx"] == [1, 2, 2, 3, 0]
    assert found.reverse == Plan((("d",), ("b", "c"), ("a",)))
    assert found.only(["c", "a", "x"]) == Plan((("a",), ("c",)))
    assert found.only([]) == Plan() == Plan(())


NAMES = "abcdefgh"


@st.composite
def desks(draw: st.DrawFn) -> list[Service]:
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    found = []
    for place, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:place] or " "), max_size=3, unique=True)) if place else []
        found.append(service(name, *needs, tier=draw(st.sampled_from(list(Tier)))))
    return draw(st.permutations(found))


@given(desks())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_in_every_desk_each_has_one_phase_after_its_needs_and_nobody_is_held_up_by_the_less_important(
    services: list[Service],
) -> None:
    found = plan(services)
    assert sorted(name for phase in found.phases for name in phase) == sorted(each.name for each in services)
    assert all(found.phases)
    for each in services:
        assert all(found.phase_of(need) < found.phase_of(each.name) for need in each.needs)
    critical = {each.name for each in services if each.tier is CRITICAL}
    wanted = set(critical)
    for _ in services:
        wanted |= {need for each in services if each.name in wanted for need in each.needs}
    early = [name for phase in found.phases[: max(map(found.phase_of, critical), default=0)] for name in phase]
    assert set(early) == wanted
    assert plan(services) == found


# Problems


@pytest.mark.parametrize(
    ("services", "sentences"),
    [
        ([service("a"), service("b", "a")], []),
        ([service("a"), service("a"), service("a")], ["service 'a' is defined 3 times"]),
        (
            [service("writer", "feeed"), service("feed")],
            ["service 'writer' needs 'feeed', which is not defined; known: feed, writer"],
        ),
        ([service("a", "a")], ["service 'a' needs itself; remove that need"]),
        (
            [service("a", "b"), service("b", enabled=False)],
            ["service 'a' needs 'b', which is disabled; enable it, or disable both"],
        ),
        ([service("a", "b", enabled=False), service("b", enabled=False)], []),
        ([service("a", "b", enabled=False), service("b")], []),
        (
            [service("a", "b"), service("b", "c"), service("c", "b")],
            ["services need each other in a circle: b -> c -> b; remove one need"],
        ),
        (
            [service("a", conditions=("service x up",))],
            ["service 'a' needs 'x', which is not defined; known: a"],
        ),
        (
            [service("a", ports=(80, 80)), service("b", ports=(90, 80)), service("c", ports=(80,))],
            ["port 80 is used by a, b and c; only one of them can listen there"],
        ),
        (
            [service("a", ports=(80,)), service("b", ports=(80,))],
            ["port 80 is used by a and b; only one of them can listen there"],
        ),
        ([service("a", ports=(80,)), service("b", ports=(80,), enabled=False)], []),
        (
            [service("a", ready=Ready(kind="exit"))],
            ["service 'a' is ready with its exit, which only a step has: set kind = 'step'"],
        ),
        ([service("a", ready=Ready(kind="exit"), kind=Kind.STEP)], []),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_each(services: list[Service], sentences: list[str]) -> None:
    assert problems(services) == sentences


def test_a_condition_that_is_none_names_its_service() -> None:
    (sentence,) = problems([service("a", conditions=("market open", "auth valid"))])
    assert sentence.startswith("service 'a': 'market open' is no condition; allowed are `market in")


def test_all_faults_are_told_at_once() -> None:
    services = [
        service("a", "a", "x", ports=(1,)),
        service("a", ports=(1,)),
        service("b", "c", conditions=("nonsense",)),
        service("c", "b", ports=(1,)),
    ]
    found = problems(services)
    assert [sentence.split()[0] for sentence in found] == [
        "service",
        "service",
        "service",
        "service",
        "services",
        "port",
    ]


# Differences


@pytest.mark.parametrize(
    ("change", "needs_restart"),
    [
        ({"command": ("other",)}, True),
        ({"directory": "/srv"}, True),
        ({"environment": {"A": "1"}}, True),
        ({"user": "trader"}, True),
        ({"kind": Kind.STEP}, True),
        ({"ports": (80,)}, True),
        ({"description": "other"}, False),
        ({"enabled": False}, False),
        ({"tier": OPTIONAL}, False),
        ({"needs": ("b",)}, False),
        ({"ready": Ready(within=5)}, False),
        ({"restarts": Restarts(attempts=9)}, False),
        ({"stop_signal": "INT"}, False),
        ({"stop_seconds": 1.0}, False),
        ({"output": Output(files=9)}, False),
        ({"conditions": ("auth valid",)}, False),
        ({"on_token": OnToken.SIGNAL}, False),
        ({"token_signal": "USR1"}, False),
    ],
)
def test_only_what_the_program_sees_needs_a_restart(change: dict[str, Any], needs_restart: bool) -> None:  # noqa: FBT001 - drawn
    old = [service("a"), service("b")]
    found = difference(old, [replace(old[0], **change), old[1]])
    told = {"a": tuple(change)}
    assert (found.restarted, found.kept) == ((told, {}) if needs_restart else ({}, told))
    assert (found.added, found.removed, found.problems) == ((), (), ())


def test_every_word_of_a_service_is_compared() -> None:
    tried = {"command", "directory", "environment", "user", "kind", "ports", "description", "enabled", "tier", "needs"}
    tried |= {"ready", "restarts", "stop_signal", "stop_seconds", "output", "conditions", "on_token", "token_signal"}
    assert {each.name for each in fields(Service)} == tried | {"name"}


def test_a_change_of_both_kinds_is_a_restart_that_names_both() -> None:
    found = difference([service("a")], [replace(service("a"), description="x", command=("b",))])
    assert (found.restarted, found.kept) == ({"a": ("command", "description")}, {})


def test_services_come_and_go() -> None:
    found = difference([service("a"), service("b")], [service("b"), service("c")])
    assert (found.added, found.removed, found.restarted, found.kept) == (("c",), ("a",), {}, {})
    assert difference([service("a")], [service("a")]).is_empty


def test_the_faults_of_the_new_file_are_told_with_it() -> None:
    assert difference([], [service("a", "a")]).problems == ("service 'a' needs itself; remove that need",)


# Selections

DESK = [
    service("feed", tier=CRITICAL),
    service("chart", tier=OPTIONAL),
    service("writer"),
    service("clock", tier=UTILITY),
]


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (Selection(everything=True), "feed chart writer clock"),
        (Selection(names=("writer", "feed")), "feed writer"),
        (Selection(tiers=(OPTIONAL, CRITICAL)), "feed chart"),
        (Selection(names=("clock",), tiers=(CRITICAL,)), "feed clock"),
        (Selection(without=(OPTIONAL, UTILITY)), "feed writer"),
        (Selection(everything=True, without=(CRITICAL,)), "chart writer clock"),
        (Selection(names=("feed", "chart"), without=(OPTIONAL,)), "feed"),
        (Selection(tiers=(CRITICAL, OPTIONAL), without=(OPTIONAL,)), "feed"),
    ],
)
def test_the_chosen_come_in_the_order_of_the_configuration(chosen: Selection, names: str) -> None:
    assert selection(DESK, chosen) == tuple(names.split())


def test_a_name_that_nobody_knows_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SelectionError) as caught:
        selection(DESK, Selection(names=("feed", "fed")))
    assert str(caught.value) == "there is no service 'fed'; known: feed, chart, writer, clock"
    with pytest.raises(SelectionError, match="known: none"):
        selection([], Selection(names=("feed",)))


def test_nothing_is_no_choice() -> None:
    with pytest.raises(SelectionError) as caught:
        selection(DESK, Selection())
    assert str(caught.value) == "no service is named: name some, a tier, or all of them"
