"""What the demo desk says on its terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pictures import all_well, asks_for_a_login
from tradewarden.demo import Story


def test_a_line_is_told_when_it_says_something_new_and_not_once_for_each_change_behind_it() -> None:
    said: list[str] = []
    story = Story(said.append)
    picture = asks_for_a_login()
    for seconds in range(3):
        story.go_on(replace(picture, now=picture.now + timedelta(seconds=seconds)))
    story.go_on(all_well())
    story.go_on(picture)
    assert [line.split()[2] for line in said] == ["auth.required", "market.live", "auth.required"]
