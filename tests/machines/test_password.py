"""What a password may be."""

from __future__ import annotations

import pytest

from tradewarden.machines.password import LONGEST, SHORTEST, normal, why_not

LENGTH = "a password has 12 to 512 characters; four words that belong to no sentence are a good one"
CONTROL = "a password has no control characters: no tab, no line break, nothing that cannot be typed again"
DIFFERENT = "a password has at least 5 different characters"
WORN = "this is among the first that somebody would try: take words that nobody connects with you"


@pytest.mark.parametrize(
    "password",
    [
        "violet umbrella kettle",
        "correct horse battery",
        "ein schöner Tag im März",
        "मेरा पासवर्ड लंबा है",
        "🐘🦊🐝🌵🍉🎻🪁🧭🛶🧶🪴🎲",
        "abcdefghijkl",  # twelve
        "xy password zw",  # six of its own beside the word
        "a1b2c" * 102 + "zz",  # 512
    ],
)
def test_a_long_password_of_any_letters_is_good(password: str) -> None:
    assert why_not(password, "asha") is None


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("", LENGTH),
        ("abcdefghijk", LENGTH),
        ("abcdef" * 86, LENGTH),
        ("violet\tumbrella", CONTROL),
        ("violet\numbrella", CONTROL),
        ("violet\0umbrella", CONTROL),
        ("violet\ud800umbrella", CONTROL),
        ("aaaabbbbccccdddd", DIFFERENT),
        ("passwordpassword", WORN),
        ("Password12345678", WORN),
        ("tradewarden1", WORN),
        ("passwort-2026", WORN),
        ("qwertyuiop-12", WORN),
        ("asha1234567890", WORN),
        ("qwertyuiopasha!", WORN),
        ("x password zw", WORN),  # five of its own, with the blanks
        ("letmein-letmein", WORN),
        ("ashaashaashaasha!?", WORN),
    ],
)
def test_a_bad_one_is_refused_with_what_is_wrong(password: str, told: str) -> None:
    assert why_not(password, "asha") == told


def test_the_name_counts_in_whatever_case() -> None:
    assert why_not("ASHA-asha-Asha", "asha") is not None
    assert why_not("ASHA-asha-Asha", "ravi") is None


def test_a_letter_is_the_same_however_it_was_composed() -> None:
    assert normal("cafe\u0301") == normal("caf\u00e9")
    assert normal("\uff41\uff42\uff43") == "abc"
    assert normal("a b") != normal("ab")


def test_its_length_is_that_of_what_is_kept() -> None:
    wide = "\ufb03" * 4  # ffi in one sign: twelve letters
    assert len(normal(wide)) == SHORTEST
    assert why_not(wide, "asha") == DIFFERENT
    assert why_not("\ufb03x" * (LONGEST // 4) + "x", "asha") == LENGTH
