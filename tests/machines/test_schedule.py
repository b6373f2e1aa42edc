"""The kinds of schedules; how each says itself is tried with the words in test_schedule_words.py."""

from __future__ import annotations

from datetime import time
from typing import get_args

from schedules import written
from tradewarden.machines.schedule import AllDays, At, Days, Rule, Schedule, Window
from tradewarden.machines.schedule_words import ENDINGS, FORMS


def test_each_kind_has_a_form_that_is_offered() -> None:
    assert {type(written(form).rule) for form in FORMS} == set(get_args(Rule))
    assert {type(written(f"at 16:00 {ending}").days) for ending in ENDINGS} == set(get_args(Days))


def test_three_kinds_are_windows() -> None:
    windows = {type(written(form).rule) for form in FORMS if form.startswith(("always", "between", "from"))}
    assert windows == set(get_args(Window))


def test_a_schedule_that_nobody_wrote_has_no_text() -> None:
    assert Schedule(At(time(9)), AllDays(), "NSE_EQ", "UTC").text == ""
