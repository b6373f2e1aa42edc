from __future__ import annotations

import os
import shutil

import pytest

from terminals import CODES, glass, paper
from tradewarden.screen import Line, Screen


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((20, 6)))


def test_what_is_shown_again_takes_the_place_of_what_was_shown() -> None:
    screen, out = glass()
    screen.show([Line("one", "●", "pass"), Line("two"), Line("three")])
    screen.show([Line("one", "✕", "fail"), Line("two and a half")])
    assert out.shown() == ["✕ one", "two and a half"]


def test_what_is_said_stays_and_the_next_is_shown_below_it() -> None:
    screen, out = glass()
    screen.show([Line("first")])
    screen.say("stays")
    screen.show([Line("second")])
    screen.show([Line("third")])
    assert out.shown() == ["first", "stays", "third"]


def test_lines_are_cut_to_the_terminal_in_both_directions() -> None:
    screen, out = glass()
    screen.show([Line("a long line of words", "●")] * 9)
    assert out.shown() == ["● a long line of w…"] * 4 + ["… and 5 more"]


def test_only_the_sign_is_coloured_and_nothing_where_colours_are_unwanted() -> None:
    line = Line("one", "●", "pass")
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
        screen, out = glass(**environment)
        screen.say(line)
        assert (out.getvalue() == "\x1b[32m●\x1b[0m one\n") is coloured
        assert CODES.sub("", out.getvalue()) == "● one\n"


def test_paper_and_a_dumb_terminal_get_plain_lines_one_below_the_other() -> None:
    screen, out = paper()
    screen.show([Line("one, uncut, however long it is", "●", "pass")])
    screen.show([Line("two")])
    assert out.getvalue() == "● one, uncut, however long it is\ntwo\n"
    assert not glass(TERM="dumb")[0].is_live
    assert not Screen(glass()[1], {}).is_live


def test_what_a_program_says_moves_no_cursor_and_writes_no_clipboard() -> None:
    said = "\x1b]52;c;ZXZpbA==\x07done\x9b2J\u202egnp\r\nnext"
    for screen, out in (glass(), paper()):
        screen.say(Line(said))
        assert out.getvalue() == "?]52;c;ZXZpbA==?done?2J?gnp??next\n"
