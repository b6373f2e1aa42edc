"""The daily dump: read line by line, sifted to what is needed, refused when it is not whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewarden.machines.dump import COLUMNS, DumpError, Sieve, from_row, to_row
from tradewarden.machines.instruments import Instrument, Needs
from tradewarden.simulator.instruments import dump, listed

TODAY = date(2026, 11, 23)
NEEDS = Needs(frozenset({("NFO", "NIFTY")}), frozenset({"NSE:NIFTY 50"}), frozenset({408065}))
HEADER = ",".join(COLUMNS) + "\n"
INFY = "408065,INFY,INFOSYS,1544.5,,0,EQ,NSE\n"


def simulated(exchange: str, day: date = TODAY) -> list[str]:
    text = dump((i, i.price) for i in listed(day) if i.exchange == exchange).decode()
    return text.splitlines(keepends=True)


def refused(lines: Iterable[str], *, before: int = 0) -> str:
    with pytest.raises(DumpError) as caught:
        Sieve(NEEDS, {"NSE": before}).read("NSE", lines)
    return str(caught.value)


def test_only_what_the_rules_need_is_kept_of_it() -> None:
    sieve = Sieve(NEEDS)
    sieve.read("NFO", simulated("NFO"))
    sieve.read("NSE", simulated("NSE"))
    kept = sieve.finish(TODAY)
    assert {each.key for each in kept if each.expiry is None} == {"NSE:NIFTY 50", "NSE:INFY"}
    assert {each.name for each in kept if each.expiry} == {"NIFTY"}
    assert sieve.lines == {"NFO": len(simulated("NFO")) - 1, "NSE": len(simulated("NSE")) - 1}
    assert sieve.late(TODAY) is None
    future = next(each for each in kept if each.kind == "FUT")
    assert (future.key, future.expiry, future.last_price) == ("NFO:NIFTY26NOVFUT", date(2026, 11, 24), 26110)
    option = next(each for each in kept if each.symbol == "NIFTY26D0126050PE")
    assert (option.kind, option.strike, option.expiry) == ("PE", 26050, date(2026, 12, 1))


def test_of_options_the_four_nearest_expiries_and_two_monthly_ones_are_kept() -> None:
    days = [date(2026, 12, 1) + timedelta(weeks=week) for week in range(30)]
    lines = [f"{n},O{n},NIFTY,0,{day},100,CE,NFO\n" for n, day in enumerate(days, 1)]
    sieve = Sieve(NEEDS)
    sieve.read("NFO", [HEADER, *lines])
    kept = [each.expiry for each in sieve.finish(TODAY)]
    assert kept == [*days[:4], date(2026, 12, 29), date(2027, 1, 26)]


def test_an_option_without_an_expiry_is_kept_only_when_it_was_asked_for() -> None:
    sieve = Sieve(NEEDS)
    sieve.read("NSE", [HEADER, "256265,NIFTY 50,NIFTY,0,,100,CE,NSE\n", INFY])
    assert [each.key for each in sieve.finish(TODAY)] == ["NSE:NIFTY 50", "NSE:INFY"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "it is empty"),
        ([HEADER], "it is empty: a header and no instruments"),
        (["<html>\n", "busy\n"], "it is no dump of instruments: its first line has no instrument_token, "),
        (['{"status": "error"}\n'], "it is no dump of instruments"),
        ([HEADER, INFY[:-2]], "it is cut off in the middle of its last line"),
        ([HEADER, INFY, INFY[:9]], "it is cut off in the middle of its last line"),
        ([HEADER, INFY, "5,X\n"], "line 3 has 2 columns, not 8"),
        ([HEADER, INFY, "\n", INFY], "line 3 has 0 columns, not 8"),
        ([HEADER, INFY, '5,"X\n'], "line 3 is not CSV"),
        ([HEADER, INFY.replace("1544.5", "dear")], "line 2 (INFY) has a value that cannot be read"),
        ([HEADER, INFY.replace("1544.5", "nan")], "line 2 (INFY) has a value that cannot be read"),
        ([HEADER, INFY.replace(",,0", ",tomorrow,0")], "line 2 (INFY) has a value that cannot be read"),
    ],
)
def test_what_is_no_whole_dump_is_refused_with_the_reason(lines: list[str], why: str) -> None:
    assert refused(lines).startswith(why)


def test_a_dump_that_lost_more_than_half_of_its_lines_is_taken_for_a_torso() -> None:
    sieve = Sieve(NEEDS, {"NSE": 4})
    sieve.read("NSE", [HEADER, INFY, INFY])
    assert refused([HEADER, INFY], before=3) == "it is cut off: 1 instruments where the last good one had 3"


def test_a_last_line_without_an_end_is_whole_when_it_ends_with_its_exchange() -> None:
    sieve = Sieve(NEEDS)
    sieve.read("NSE", [HEADER, INFY.rstrip()])
    assert sieve.lines == {"NSE": 1}


def test_a_value_that_nobody_needs_may_be_anything() -> None:
    sieve = Sieve(replace(NEEDS, tokens=frozenset({1, 408065})))
    sieve.read("NSE", [HEADER, "?,TCS,TATA,?,?,?,EQ,NSE\n", INFY])
    assert [each.symbol for each in sieve.finish(TODAY)] == ["INFY"]


def test_new_columns_and_another_order_are_no_trouble() -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, [*reversed(COLUMNS), "isin"], lineterminator="\n")
    writer.writeheader()
    writer.writerow(dict(zip(COLUMNS, INFY.strip().split(","), strict=True)) | {"isin": "INE009A01021"})
    sieve = Sieve(NEEDS)
    sieve.read("NSE", out.getvalue().splitlines(keepends=True))
    assert [each.token for each in sieve.finish(TODAY)] == [408065]


def test_a_dump_that_still_lists_what_has_expired_is_an_earlier_days() -> None:
    sieve = Sieve(NEEDS)
    sieve.read("NFO", simulated("NFO", TODAY))
    assert sieve.late(date(2026, 11, 24)) is None
    told = sieve.late(date(2026, 11, 25))
    assert told == "it is not of 2026-11-25: it still lists NIFTY26NOVFUT, which expired on 2026-11-24"
    assert all(each.expiry is None or each.expiry >= date(2026, 11, 25) for each in sieve.finish(date(2026, 11, 25)))


def test_an_instrument_comes_back_from_its_row_as_it_was() -> None:
    plain = Instrument(408065, "NSE", "INFY", "INFOSYS", "EQ", None, 0.0, 1544.5)
    for each in (plain, replace(plain, kind="CE", expiry=TODAY, strike=26050.0)):
        assert from_row(to_row(each)) == each


@pytest.mark.parametrize("row", [None, [], [1], [1, "NSE", "A", "A", "EQ", "soon", 0, 0], ["1"] * 8, {}])
def test_a_row_that_is_none_is_refused(row: object) -> None:
    with pytest.raises(ValueError, match=r"soon|is no instrument"):
        from_row(row)


@given(cut=st.integers(0, 4000))
@settings(max_examples=300)
def test_a_dump_cut_anywhere_is_whole_at_the_end_of_a_line_or_refused(cut: int) -> None:
    text = "".join(simulated("NSE"))[:cut]
    sieve = Sieve(NEEDS, {"NSE": 0})
    try:
        sieve.read("NSE", text.splitlines(keepends=True))
    except DumpError:
        return
    assert text.endswith(("\n", ",NSE"))
    assert text.count("NSE") >= 1


@given(noise=st.text(max_size=300))
@settings(max_examples=300)
def test_noise_never_raises_anything_but_a_refusal(noise: str) -> None:
    sieve = Sieve(NEEDS)
    for lines in ([noise], [HEADER, noise + "\n"], (HEADER + noise).splitlines(keepends=True)):
        try:
            sieve.read("NSE", lines)
        except DumpError as refusal:
            assert str(refusal)  # noqa: PT017 - any other error fails the test


def test_the_first_line_may_be_no_csv_at_all() -> None:
    assert refused(['"instrument_token\n']).startswith(
        "it is no dump of instruments: its first line has no instrument_"
    )


def test_a_value_that_cannot_be_read_is_told_with_its_symbol_or_that_it_has_none() -> None:
    assert refused([HEADER, "408065,,INFOSYS,dear,,0,EQ,NSE\n"]) == (
        "line 2 (no symbol) has a value that cannot be read"
    )


def test_what_expires_today_is_kept_calls_and_puts_alike() -> None:
    lines = [f"{n},O{n},NIFTY,,{TODAY},100,{kind},NFO\n" for n, kind in enumerate(("CE", "PE", "FUT"), 1)]
    sieve = Sieve(NEEDS)
    sieve.read("NFO", [HEADER, *lines])
    kept = sieve.finish(TODAY)
    assert [(each.kind, each.expiry, each.last_price) for each in kept] == [
        ("CE", TODAY, 0),
        ("PE", TODAY, 0),
        ("FUT", TODAY, 0),
    ]


def test_of_puts_too_only_the_nearest_expiries_are_kept() -> None:
    days = [date(2026, 12, 8) + timedelta(weeks=week) for week in range(30)]
    sieve = Sieve(NEEDS)
    sieve.read("NFO", [HEADER, *(f"{n},O{n},NIFTY,0,{day},100,PE,NFO\n" for n, day in enumerate(days, 1))])
    kept = [each.expiry for each in sieve.finish(TODAY)]
    assert kept == [*days[:4], date(2027, 1, 26)]  # the fourth ends December


def test_a_single_expired_instrument_is_enough_to_tell_an_earlier_day() -> None:
    sieve = Sieve(NEEDS)
    sieve.read("NFO", [HEADER, "1,OLD,NIFTY,0,2026-11-17,100,CE,NFO\n"])
    assert sieve.late(TODAY) == f"it is not of {TODAY}: it still lists OLD, which expired on 2026-11-17"


def test_an_exchange_that_is_read_for_the_first_time_may_be_small() -> None:
    sieve = Sieve(NEEDS)
    sieve.read("NSE", [HEADER, INFY])
    assert sieve.lines == {"NSE": 1}


def test_a_row_that_is_none_is_quoted() -> None:
    with pytest.raises(ValueError, match=r"\A\[1\] is no instrument\Z"):
        from_row([1])
