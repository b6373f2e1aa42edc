"""Rules become instruments: what a trader means by this month, the money and twenty strikes to each side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewarden.machines.instruments import (
    CLASSES,
    Futures,
    Instrument,
    Listed,
    Listing,
    Needs,
    Options,
    Resolution,
    Rule,
    at_the_money,
    is_off_centre,
    monthly,
    most,
    needs,
    resolve,
)
from tradewarden.machines.rule_file import parse
from tradewarden.orchestrator.rule_files import load_rules
from tradewarden.simulator.instruments import listed

TODAY = date(2026, 11, 23)  # a Monday
WEEK, NEXT_WEEK, MONTH = date(2026, 12, 1), date(2026, 12, 8), date(2026, 12, 29)
FUTURE = Instrument(1, "NFO", "NIFTY26DECFUT", "NIFTY", "FUT", MONTH)
RULE = Options("N", "quote", "NFO", "NIFTY", "nearest", 2)


def chain(expiry: date, strikes: list[float], *, first: int = 1000, name: str = "NIFTY") -> list[Instrument]:
    return [
        Instrument(
            first + 2 * place + (kind == "PE"), "NFO", f"{name}{expiry}{strike:g}{kind}", name, kind, expiry, strike
        )
        for place, strike in enumerate(strikes)
        for kind in ("CE", "PE")
    ]


LADDER = [float(strike) for strike in range(25_000, 26_050, 50)]
LISTING = Listing([FUTURE, *chain(WEEK, LADDER), *chain(MONTH, LADDER, first=5000)], TODAY)


def resolved(
    rule: Options = RULE, price: float = 25_500, centre: float | None = None, listing: Listing = LISTING
) -> Resolution:
    centres = {} if centre is None else {rule.name: centre}
    return resolve([rule], listing, today=TODAY, prices={FUTURE.token: price}, centres=centres)


def strikes(resolution: Resolution) -> list[float]:
    return sorted({each.strike for each in resolution.picks[0].instruments})


def simulated(day: date, *, without_prices: bool = False) -> Listing:
    return Listing(
        [
            Instrument(
                i.token,
                i.exchange,
                i.symbol,
                i.name,
                i.option or ("FUT" if i.expiry else "EQ"),
                i.expiry,
                i.strike,
                0.0 if without_prices else i.price,
            )
            for i in listed(day)
        ],
        day,
    )


# The shipped rules


@pytest.mark.parametrize("ahead", range(0, 120, 7))
def test_the_originals_rules_come_to_exactly_128_on_any_day(ahead: int) -> None:
    day = TODAY + timedelta(days=ahead)
    resolution = resolve(load_rules(["original-128"]), simulated(day), today=day, prices={})
    assert resolution.problems == ()
    assert len(resolution.chosen) == 128
    assert [len(pick.instruments) for pick in resolution.picks] == [4, 82, 42]
    kinds = Counter((each.instrument.name, each.instrument.kind) for each in resolution.chosen.values())
    assert kinds == {
        ("NIFTY", "FUT"): 2,
        ("BANKNIFTY", "FUT"): 2,
        ("NIFTY", "CE"): 41,
        ("NIFTY", "PE"): 41,
        ("BANKNIFTY", "CE"): 21,
        ("BANKNIFTY", "PE"): 21,
    }


def test_the_originals_windows_reach_1000_points_to_each_side() -> None:
    resolution = resolve(load_rules(["original-128"]), simulated(TODAY), today=TODAY, prices={})
    for pick in resolution.picks[1:]:
        assert pick.centre is not None
        ladder = {each.strike for each in pick.instruments}
        assert (min(ladder), max(ladder)) == (pick.centre - 1000, pick.centre + 1000)


def test_gold_crude_silver_and_natural_gas_are_one_contract_each() -> None:
    resolution = resolve(load_rules(["commodities"]), simulated(TODAY), today=TODAY, prices={})
    names = [each.instrument.name for each in resolution.chosen.values()]
    assert names == ["GOLD", "CRUDEOIL", "SILVER", "NATURALGAS"]
    assert resolution.problems == ()


def test_all_shipped_rules_together_stay_within_what_they_announce() -> None:
    rules = load_rules(["original-128", "commodities", "indices"])
    resolution = resolve(rules, simulated(TODAY), today=TODAY, prices={})
    assert resolution.problems == ()
    assert len(resolution.chosen) == 135
    assert most(rules) == 137  # the two spots are in the rules already


# Expiries


def test_a_contract_counts_on_the_day_it_expires_and_is_replaced_the_day_after() -> None:
    rule = Futures("F", "full", "NFO", ("NIFTY",), 1)
    days = [date(2026, 11, 24), date(2026, 12, 29)]
    listing = Listing([replace(FUTURE, token=n, symbol=f"F{n}", expiry=day) for n, day in enumerate(days, 1)])
    for today, symbol in ((days[0], "F1"), (days[0] + timedelta(days=1), "F2"), (days[1], "F2")):
        found = resolve([rule], listing, today=today, prices={}).picks[0]
        assert [each.symbol for each in found.instruments] == [symbol]
        assert found.problem is None


@pytest.mark.parametrize(("expiry", "expected"), [("nearest", WEEK), ("next", NEXT_WEEK), ("monthly", MONTH)])
def test_the_nearest_the_next_and_the_monthly_expiry(expiry: str, expected: date) -> None:
    rule = parse({"f": f'[[rules]]\nname="N"\nmode="ltp"\noptions="NIFTY"\nexpiry="{expiry}"\nstrikes=1\n'})
    listing = Listing(
        [
            FUTURE,
            *(each for n, day in enumerate((MONTH, WEEK, NEXT_WEEK)) for each in chain(day, LADDER, first=n * 999 + 9)),
        ]
    )
    pick = resolve(rule, listing, today=TODAY, prices={1: 25_500}).picks[0]
    assert pick.expiry == expected
    assert {each.expiry for each in pick.instruments} == {expected}


def test_the_monthly_expiry_is_the_last_of_its_month_whatever_its_weekday() -> None:
    days = [date(2026, 11, 24), date(2026, 12, 1), date(2026, 12, 28), date(2027, 1, 5)]
    assert monthly(days) == [date(2026, 11, 24), date(2026, 12, 28), date(2027, 1, 5)]
    assert monthly([]) == []


def test_after_the_expiry_the_window_opens_in_the_next_one_around_the_same_money() -> None:
    before = resolved(price=25_510)
    after = resolve(
        [RULE], LISTING, today=WEEK + timedelta(days=1), prices={FUTURE.token: 25_510}, centres=before.centres
    )
    assert before.picks[0].expiry == WEEK
    assert after.picks[0].expiry == MONTH
    assert strikes(before) == strikes(after)
    assert set(before.chosen) & set(after.chosen) == {FUTURE.token}


# The money


@pytest.mark.parametrize(
    ("price", "strike"),
    [
        (25_500.0, 25_500),
        (25_524.95, 25_500),
        (25_525.0, 25_500),  # exactly between two: the lower one
        (25_525.05, 25_550),
        (1.0, 25_000),
        (99_999.0, 26_000),
    ],
)
def test_the_money_is_the_nearest_strike_and_the_lower_of_two(price: float, strike: float) -> None:
    assert LADDER[at_the_money(LADDER, price)] == strike


def test_strikes_are_counted_along_the_ladder_however_irregular_it_is() -> None:
    listing = Listing([FUTURE, *chain(WEEK, [100.0, 150.0, 200.0, 225.0, 250.0, 400.0, 1000.0])])
    assert strikes(resolved(price=230.0, listing=listing)) == [150.0, 200.0, 225.0, 250.0, 400.0]


def test_what_is_neither_call_nor_put_is_no_option_although_it_expires() -> None:
    odd = Instrument(77, "NFO", "NIFTYSPREAD", "NIFTY", "SPD", WEEK, 25_520.0)
    listing = Listing([FUTURE, odd, *chain(WEEK, LADDER)])
    assert 25_520.0 not in strikes(resolved(price=25_520, listing=listing))


def test_at_the_end_of_the_ladder_the_window_is_shorter_and_the_rule_says_so() -> None:
    resolution = resolved(price=25_960)
    assert strikes(resolution) == [25_850, 25_900, 25_950, 26_000]
    assert resolution.problems == ("rule 'N' finds only 8 of 10 options around 25950 (by the dump of 2026-11-23).",)


@given(price=st.floats(24_000, 27_000), width=st.integers(0, 30))
@settings(max_examples=200)
def test_a_window_is_whole_and_holds_its_middle_at_any_price(price: float, width: int) -> None:
    pick = resolved(replace(RULE, strikes=width), price).picks[0]
    assert pick.centre is not None
    place = LADDER.index(pick.centre)
    wanted = LADDER[max(0, place - width) : place + width + 1]
    assert [each.strike for each in pick.instruments] == [strike for strike in wanted for _ in range(2)]
    assert abs(pick.centre - price) <= 25 or pick.centre in (LADDER[0], LADDER[-1])


# Re-centring


def test_a_window_stays_while_the_spot_is_less_than_a_strike_from_its_middle() -> None:
    for price in (25_450.05, 25_475.0, 25_525.0, 25_549.95):
        assert resolved(price=price, centre=25_500).centres == {"N": 25_500}
    assert resolved(price=25_550.0, centre=25_500).centres == {"N": 25_550}
    assert resolved(price=25_450.0, centre=25_500).centres == {"N": 25_450}
    assert resolved(price=25_730.0, centre=25_500).centres == {"N": 25_750}


def test_a_spot_that_wiggles_around_the_point_between_two_strikes_moves_nothing() -> None:
    centres: Mapping[str, float] = {}
    seen = set()
    for step in range(200):
        price = 25_525 + (20 if step % 2 else -20)
        resolution = resolve([RULE], LISTING, today=TODAY, prices={1: price}, centres=centres)
        centres = resolution.centres
        seen.add(centres["N"])
    assert len(seen) == 1


def test_how_far_the_spot_may_stray_is_the_rules_choice() -> None:
    patient = replace(RULE, recentre=4.0)
    assert resolved(patient, 25_699.0, centre=25_500).centres == {"N": 25_500}
    assert resolved(patient, 25_700.0, centre=25_500).centres == {"N": 25_700}


def test_a_pick_knows_when_its_spot_has_left_the_middle() -> None:
    pick = resolved(price=25_510).picks[0]
    assert not is_off_centre(pick, 25_549.0)
    assert is_off_centre(pick, 25_550.0)
    assert is_off_centre(pick, 25_450.0)
    at_the_top = resolved(price=26_000).picks[0]
    assert not is_off_centre(at_the_top, 30_000.0)  # there is nothing above
    assert is_off_centre(at_the_top, 25_950.0)
    assert not is_off_centre(resolve([Listed("L", "ltp", (), (7,))], LISTING, today=TODAY, prices={}).picks[0], 1.0)


def test_without_a_price_of_a_new_contract_the_window_stays_where_it_stood() -> None:
    pick = resolve([RULE], LISTING, today=TODAY, prices={}, centres={"N": 25_600.0}).picks[0]
    assert (pick.centre, pick.problem) == (25_600, None)


# Spots


def test_the_first_price_of_the_spot_is_waited_for_and_the_spot_is_streamed_meanwhile() -> None:
    resolution = resolve([RULE], LISTING, today=TODAY, prices={})
    pick = resolution.picks[0]
    assert pick.waiting
    assert pick.problem == "rule 'N' waits for the first price of NFO:NIFTY26DECFUT."
    assert is_off_centre(pick, 25_500.0)
    assert {token: (each.mode, each.why) for token, each in resolution.chosen.items()} == {
        1: ("ltp", ("N (its spot)",))
    }
    assert resolution.spots == {1}


def test_an_index_can_be_the_spot_and_is_streamed_for_it() -> None:
    rule = replace(RULE, spot="NSE:NIFTY 50")
    index = Instrument(256265, "NSE", "NIFTY 50", "NIFTY 50", "EQ", last_price=25_480.0)
    listing = Listing([FUTURE, index, *chain(WEEK, LADDER)])
    resolution = resolve([rule], listing, today=TODAY, prices={})
    assert resolution.centres == {"N": 25_500}
    assert resolution.chosen[256265].mode == "ltp"
    assert len(resolution.chosen) == most([rule]) == 11
    assert resolve([rule], listing, today=TODAY, prices={256265: 25_700.0}).centres == {"N": 25_700}


def test_a_spot_that_another_rule_streams_keeps_that_rules_mode() -> None:
    rules: list[Rule] = [Futures("F", "full", "NFO", ("NIFTY",), 1), RULE]
    chosen = resolve(rules, LISTING, today=TODAY, prices={1: 25_500.0}).chosen[1]
    assert (chosen.mode, chosen.why) == ("full", ("F",))


# What is not there


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (
            Futures("F", "ltp", "MCX", ("GOLD", "TIN"), 1),
            "rule 'F' finds only 0 of 1 for GOLD, 0 of 1 for TIN among the futures of MCX (by the dump of 2026-11-23).",
        ),
        (
            Futures("F", "ltp", "NFO", ("NIFTY",), 2),
            "rule 'F' finds only 1 of 2 for NIFTY among the futures of NFO (by the dump of 2026-11-23).",
        ),
        (
            replace(RULE, underlying="NIFTIES"),
            "rule 'N' finds no NIFTIES options at NFO that expire on 2026-11-23 or later (by the dump of 2026-11-23).",
        ),
        (
            replace(RULE, spot="NSE:NIFTY 5O"),
            "rule 'N' does not find its spot, NSE:NIFTY 5O (by the dump of 2026-11-23).",
        ),
        (
            Listed("L", "ltp", ("NSE:INFFY", "NSE:TCS")),
            "rule 'L' does not find NSE:INFFY, NSE:TCS (by the dump of 2026-11-23).",
        ),
    ],
)
def test_a_rule_that_finds_too_little_is_named_with_what_it_lacks(
    rule: Futures | Options | Listed, problem: str
) -> None:
    assert resolve([rule], LISTING, today=TODAY, prices={1: 25_500.0}).problems == (problem,)


def test_a_next_expiry_that_is_not_listed_is_told() -> None:
    listing = Listing([FUTURE, *chain(WEEK, LADDER)], TODAY)
    pick = resolved(replace(RULE, expiry="next"), listing=listing).picks[0]
    assert pick.problem == "rule 'N' finds only one expiry of NIFTY options at NFO (by the dump of 2026-11-23)."


def test_options_whose_underlying_has_no_future_say_so() -> None:
    pick = resolved(listing=Listing(chain(WEEK, LADDER))).picks[0]
    assert pick.problem is not None
    assert "does not find its spot, NIFTY future at NFO" in pick.problem


def test_without_any_dump_every_rule_says_that_and_tokens_are_streamed_all_the_same() -> None:
    rules: list[Rule] = [RULE, Listed("L", "full", (), (408065,))]
    resolution = resolve(rules, Listing(()), today=TODAY, prices={})
    assert len(resolution.problems) == 1
    assert "there is no dump yet" in resolution.problems[0]
    assert [each.instrument.key for each in resolution.chosen.values()] == ["408065"]


# Together


def test_what_the_rules_can_come_to_at_most_counts_a_spot_for_each_window() -> None:
    rules: list[Rule] = [
        Futures("F", "ltp", "MCX", ("GOLD", "SILVER"), 3),
        replace(RULE, strikes=20),
        Listed("L", "ltp", ("BSE:RELIANCE", "BSE:INFY"), (5, 6, 7)),
    ]
    assert [rule.most for rule in rules] == [6, 82, 5]
    assert most(rules) == 94


def test_what_several_rules_want_is_streamed_once_in_the_richest_mode_with_all_their_names() -> None:
    rules = [Listed(mode, mode, (), (9,)) for mode in ("quote", "full", "ltp")]
    chosen = resolve(rules, LISTING, today=TODAY, prices={}).chosen
    assert {token: (each.mode, each.why) for token, each in chosen.items()} == {9: ("full", ("quote", "full", "ltp"))}


def test_what_the_rules_need_of_a_dump_and_of_which_exchanges() -> None:
    rules: list[Rule] = [
        Futures("F", "ltp", "MCX", ("GOLD",), 1),
        replace(RULE, spot="NSE:NIFTY 50"),
        Listed("L", "ltp", ("BSE:RELIANCE",), (5,)),
    ]
    found = needs(rules)
    assert found == Needs(
        frozenset({("MCX", "GOLD"), ("NFO", "NIFTY")}), frozenset({"NSE:NIFTY 50", "BSE:RELIANCE"}), frozenset({5})
    )
    assert found.exchanges == ("BSE", "MCX", "NFO", "NSE")
    assert needs([Listed("L", "ltp", (), (5,))]).exchanges == ()


def test_of_several_classes_the_strictest_counts() -> None:
    rules = [
        Listed("A", "ltp", tokens=(1, 2, 3, 4), freshness="illiquid"),
        Listed("B", "ltp", tokens=(2,), freshness="index"),
        Listed("C", "ltp", tokens=(2, 3, 5), freshness="unwatched"),
        Listed("D", "ltp", tokens=(4, 6)),
    ]
    chosen = resolve(rules, Listing(()), today=TODAY, prices={}).chosen
    assert {token: each.freshness for token, each in chosen.items()} == {
        1: "illiquid",
        2: "index",
        3: "illiquid",
        4: "illiquid",
        5: "unwatched",
        6: None,
    }


def test_what_is_listed_by_token_is_named_by_the_dump_or_by_its_number() -> None:
    picks = resolve([Listed("L", "ltp", (), (FUTURE.token, 7))], LISTING, today=TODAY, prices={}).picks
    assert [(each.key, each.name, each.kind) for each in picks[0].instruments] == [
        ("NFO:NIFTY26DECFUT", "NIFTY", "FUT"),
        ("7", "", ""),
    ]
    assert LISTING.token(FUTURE.token) == FUTURE
    assert LISTING.token(7) is None
    assert FUTURE.strike == 0


def test_only_a_window_with_a_spot_can_leave_its_middle() -> None:
    pick = resolved(price=25_510).picks[0]
    assert not is_off_centre(replace(pick, spot=None), 30_000.0)
    assert not is_off_centre(replace(pick, rule=Futures("F", "ltp", "NFO", ("NIFTY",), 1)), 30_000.0)
    assert not is_off_centre(replace(pick, step=None), 30_000.0)
    assert is_off_centre(replace(pick, centre=None, waiting=True), 25_500.0)


def test_one_rupee_above_the_middle_is_above_it() -> None:
    narrow = replace(resolved(price=25_510).picks[0], step=(1.0, 50.0))
    assert not is_off_centre(narrow, 25_501.0)
    assert is_off_centre(narrow, 25_499.0)


def test_the_classes_of_freshness_are_the_agreed_ones() -> None:
    assert CLASSES == ("index", "liquid", "illiquid", "unwatched")
