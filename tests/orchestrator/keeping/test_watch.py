"""The one wait of a keeper: words are heard at once, everything else ends it, and it looks around in step."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Iterator

import pytest

from tradewarden.orchestrator.keeping.life import Voice
from tradewarden.orchestrator.keeping.watch import Watch


class Desk:
    """A watch whose clock the test holds, and what was heard on it."""

    def __init__(self, voice: Voice) -> None:
        self.now, self.voice = 100.3, voice
        self.said: list[bytes] = []
        self.watch = Watch(voice, self._take, lambda: self.now)

    def _take(self, data: bytes) -> None:
        self.said.append(data)
        self.now += 0.1  # each word takes its time

    def say(self, words: bytes) -> None:
        os.write(self.voice.speaking, words)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with contextlib.closing(Voice()) as voice:
        yield Desk(voice)


@pytest.mark.parametrize(
    ("now", "at"), [(100.3, 102.0), (100.99, 102.0), (101.0, 104.0), (101.5, 104.0), (102.0, 104.0), (102.9, 104.0)]
)
def test_keepers_look_around_in_step_and_never_twice_within_a_second(desk: Desk, now: float, at: float) -> None:
    desk.watch.tick_next(now, 2.0)
    assert desk.watch.tick_at == at


def test_what_is_said_is_heard_until_it_is_time_to_look_around(desk: Desk) -> None:
    desk.watch.tick_next(desk.now, 2.0)
    desk.say(b"one\n")
    desk.now = 100.95  # with the next word it is time: at most half a step early
    assert desk.watch.listen() == []
    assert desk.said == [b"one\n"]
    assert desk.watch.tick_at <= desk.now


def test_a_word_long_before_that_does_not_hurry_it(desk: Desk) -> None:
    desk.watch.tick_next(desk.now, 2.0)
    desk.say(b"one\n")
    reading, writing = os.pipe()
    desk.watch.poll.register(reading, select.POLLIN)
    os.write(writing, b"an order")
    assert (reading, select.POLLIN) in desk.watch.listen()
    assert desk.watch.tick_at == 102.0
    for each in (reading, writing):
        os.close(each)


def test_a_moment_that_was_set_is_not_hurried_by_words(desk: Desk) -> None:
    desk.watch.tick_soon(desk.now + 0.15)
    desk.say(b"one\n")
    threading.Timer(0.02, desk.say, [b"two\n"]).start()
    assert desk.watch.listen() == []
    assert desk.said == [b"one\n", b"two\n"]


def test_it_waits_for_the_moment_and_no_longer_than_allowed(desk: Desk) -> None:
    assert desk.watch.wait(desk.now - 1, 60.0) == []
    assert desk.watch.wait(desk.now + 1000, 0.001) == []
    desk.say(b"one\n")
    assert desk.watch.wait(desk.now + 1000, 60.0) == [(desk.voice.hearing, select.POLLIN)]
