"""An audit names what is missing, double, different or foreign, and excuses what was set aside."""

from __future__ import annotations

from tradewarden.machines.audit import MOST_NAMED, Audit, Fingerprint, Stretch, stretches


def tick(price: int = 100, volume: int | None = 5, received_ns: int | None = 1) -> Fingerprint:
    return Fingerprint(408065, received_ns, price, volume)


def journal(*seqs: int) -> dict[int, Fingerprint]:
    return {seq: tick(100 + seq) for seq in seqs}


def audited(
    ours: dict[int, Fingerprint], theirs: list[tuple[int, Fingerprint]], excused: tuple[int, ...] = ()
) -> Audit:
    audit = Audit("redis")
    audit.compare(ours, theirs, excused)
    return audit


def test_a_store_that_has_everything_once_agrees() -> None:
    audit = audited(journal(1, 2, 3), list(journal(1, 2, 3).items()))
    assert audit.agrees
    assert audit.compared == 3


def test_what_is_missing_is_named_in_stretches() -> None:
    audit = audited(journal(1, 2, 3, 4, 5, 6), list(journal(1, 5).items()))
    assert not audit.agrees
    assert audit.missing == [Stretch(2, 4), Stretch(6, 6)]
    assert audit.counts["missing"] == 4


def test_a_stretch_that_goes_on_in_the_next_portion_is_one() -> None:
    audit = Audit("redis")
    audit.compare(journal(1, 2), [])
    audit.compare(journal(3, 4), [])
    assert audit.missing == [Stretch(1, 4)]


def test_what_is_there_twice_is_double() -> None:
    audit = audited(journal(1, 2), [(1, tick(101)), (2, tick(102)), (2, tick(102))])
    assert audit.double == [Stretch(2, 2)]
    assert not audit.agrees
    assert not audit.missing


def test_what_differs_in_any_field_is_different() -> None:
    for wrong in (tick(9), tick(101, volume=9), tick(101, received_ns=9), Fingerprint(1, 1, 101, 5)):
        audit = audited(journal(1), [(1, wrong)])
        assert audit.different == [Stretch(1, 1)], wrong


def test_what_a_store_does_not_keep_is_not_compared() -> None:
    assert audited(journal(1), [(1, tick(101, volume=None, received_ns=None))]).agrees
    assert audited({1: tick(101, volume=None)}, [(1, tick(101, volume=7))]).agrees


def test_what_the_journal_never_had_is_foreign() -> None:
    audit = audited(journal(1), [(1, tick(101)), (9, tick(1))])
    assert audit.foreign == [Stretch(9, 9)]
    assert not audit.agrees


def test_what_the_store_refused_for_good_is_excused_and_counted() -> None:
    audit = audited(journal(1, 2, 3), list(journal(1).items()), excused=(2,))
    assert audit.set_aside == 1
    assert audit.missing == [Stretch(3, 3)]
    assert audited(journal(1, 2), list(journal(1).items()), excused=(2,)).agrees


def test_a_record_that_is_late_does_not_agree() -> None:
    assert not Audit("redis", late=1).agrees
    assert Audit("redis", waiting=1, let_go=5).agrees


def test_only_so_many_stretches_are_named_and_all_are_counted() -> None:
    audit = audited(journal(*range(1, 101)), list(journal(*range(1, 101, 2)).items()))
    assert len(audit.missing) == MOST_NAMED
    assert audit.counts["missing"] == 50


def test_stretches_are_made_of_numbers_in_any_order() -> None:
    assert stretches([5, 1, 2, 9, 3]) == [Stretch(1, 3), Stretch(5, 5), Stretch(9, 9)]
    assert stretches([]) == []
    assert Stretch(1, 3).length == 3


def test_portions_add_up() -> None:
    audit = Audit("redis")
    assert (audit.compared, audit.waiting, audit.late, audit.let_go, audit.set_aside) == (0, 0, 0, 0, 0)
    for first in (1, 11):
        audit.compare(journal(first, first + 1, first + 2), [], excused=(first,))
    assert (audit.compared, audit.set_aside, audit.counts["missing"]) == (6, 2, 4)
    assert MOST_NAMED == 20


def test_what_comes_twice_and_then_otherwise_is_double() -> None:
    audit = audited(journal(1), [(1, tick(101)), (1, tick(7))])
    assert (audit.double, audit.different) == ([Stretch(1, 1)], [])
