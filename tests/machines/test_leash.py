"""What a keeper is told, and that a second one is never asked for while one is there or on its way."""

from __future__ import annotations

from service_scenes import SERVICE, exited, gone, lost, started
from tradewarden.machines.deed import Command, Deed, Keep
from tradewarden.machines.leash import Leash


def told(leash: Leash) -> list[Deed]:
    deeds, leash.deeds = leash.deeds, []
    return deeds


def held() -> Leash:
    leash = Leash(SERVICE)
    leash.seen()
    return leash


def test_at_first_nobody_is_there_and_nothing_was_told() -> None:
    leash = Leash(SERVICE)
    assert (leash.held, leash.asked, leash.leaving, leash.again, leash.deeds) == (False, False, False, False, [])


def test_a_keeper_is_asked_for_once() -> None:
    leash = Leash(SERVICE)
    leash.start(None)
    assert told(leash) == [Keep()]
    assert leash.asked
    leash.start(None)
    assert told(leash) == []
    leash.seen()
    assert (leash.held, leash.asked) == (True, False)
    leash.start(None)
    assert told(leash) == [Command("start")]


def test_a_keeper_that_is_there_hears_its_permission_before_the_start() -> None:
    leash = held()
    leash.start(1763870400.4)
    assert told(leash) == [Command("policy until=1763870400"), Command("start")]
    leash.start(1763870400.4)
    assert told(leash) == [Command("start")]
    leash.tell_policy(0.0)
    leash.tell_policy(None)
    assert told(leash) == [Command("policy never"), Command("policy always")]


def test_a_keeper_that_is_asked_for_is_given_its_permission_with_it() -> None:
    leash = Leash(SERVICE)
    leash.start(0.0)
    leash.seen()
    told(leash)
    leash.tell_policy(0.0)
    assert told(leash) == []


def test_without_a_keeper_nobody_is_told_anything() -> None:
    leash = Leash(SERVICE)
    leash.tell_policy(None)
    leash.stop()
    assert (told(leash), leash.leaving) == ([], False)


def test_a_stop_is_told_once_until_the_next_start() -> None:
    leash = held()
    leash.stop()
    leash.stop()
    assert (told(leash), leash.leaving) == ([Command("stop 15 10")], True)
    leash.start(None)
    assert not leash.leaving
    told(leash)
    leash.stop()
    assert told(leash) == [Command("stop 15 10")]


def test_a_stop_and_a_kill_and_a_start_call_off_a_restart() -> None:
    for call_off in (Leash.stop, Leash.kill, lambda leash: leash.start(None)):
        leash = held()
        leash.renew()
        assert (told(leash), leash.again) == ([Command("stop 15 10")], True)
        call_off(leash)
        assert not leash.again
    leash = held()
    leash.kill()
    assert (told(leash), leash.leaving) == ([Command("stop 9 0")], True)


def test_what_did_not_reach_it_does_not_count() -> None:
    leash = held()
    leash.tell_policy(None)
    leash.stop()
    leash.renew()
    leash.unheard()
    assert (leash.held, leash.leaving, leash.again) == (True, False, True)
    told(leash)
    leash.tell_policy(None)
    assert told(leash) == [Command("policy always")]


def test_the_next_keeper_knows_nothing_of_what_this_one_was_told() -> None:
    leash = held()
    leash.tell_policy(None)
    leash.stop()
    leash.lost(100)
    assert (leash.held, leash.asked, leash.leaving) == (False, False, False)
    leash.seen()
    told(leash)
    leash.tell_policy(None)
    assert told(leash) == [Command("policy always")]
    leash = Leash(SERVICE)
    leash.start(None)
    leash.lost(100)
    assert not leash.asked


def test_the_last_words_of_the_keeper_before_are_history() -> None:
    leash = held()
    assert not leash.is_history(gone())
    leash.lost(100)
    assert leash.is_history(gone())
    leash.start(None)
    assert leash.is_history(gone())
    assert leash.is_history(exited(1))
    assert not leash.is_history(started())
    assert not leash.is_history(lost()), "what was lost is lost, whoever says so"
    assert not leash.is_history(gone(keeper=101))
    leash.seen()
    assert not leash.is_history(gone())
