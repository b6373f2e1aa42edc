"""What a password may be."""

from __future__ import annotations

import pytest

from tradewarden.machines.password import LONGEST, SHORTEST, normal, why_not


@pytest.mark.parametrize(
    "password",
    [
        "violet umbrella kettle",
        "correct horse battery",
        "ein schöner Tag im März",
        "मेरा पासवर्ड लंबा है",
        "🐘🦊🐝🌵🍉🎻🪁🧭🛶🧶🪴🎲",
        "abcdefghijkl",  # twelve
        "xy password zwq",  # six of its own beside the word
        "a1b2c" * 102 + "zz",  # 512
    ],
)
def test_a_long_password_of_any_letters_is_good(password: str) -> None:
    assert why_not(password, "asha") is None


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("", "a password has 12 to 512 characters"),
        ("abcdefghijk", "a password has 12 to 512 characters"),
        ("abcdef" * 86, "a password has 12 to 512 characters"),
        ("violet\tumbrella", "no control characters"),
        ("violet\numbrella", "no control characters"),
        ("violet\0umbrella", "no control characters"),
        ("violet\ud800umbrella", "no control characters"),
        ("aaaabbbbccccdddd", "at least 5 different characters"),
        ("passwordpassword", "among the first"),
        ("Password12345678", "among the first"),
        ("tradewarden1", "among the first"),
        ("asha1234567890", "among the first"),
        ("qwertyuiopasha!", "among the first"),
        ("x password zw", "among the first"),  # five of its own, with the blanks
        ("letmein-letmein", "among the first"),
        ("ashaashaashaasha!?", "among the first"),
    ],
)
def test_a_bad_one_is_refused_with_what_is_wrong(password: str, told: str) -> None:
    assert told in (why_not(password, "asha") or "")


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
    assert "different" in (why_not(wide, "asha") or "")
    assert "12 to 512" in (why_not("\ufb03x" * (LONGEST // 4) + "x", "asha") or "")
