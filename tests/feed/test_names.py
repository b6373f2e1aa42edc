import json
from pathlib import Path

from tradewarden.feed.names import Name, Names


def dump(path: Path, *rows: list[object], version: int = 1) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"version": version, "instruments": rows}))
    fresh.replace(path)


SHARE = [408065, "NSE", "INFY", "INFOSYS", "EQ", None, 0.0, 1500.0]
INDEX = [256265, "NSE", "NIFTY 50", "NIFTY 50", "EQ", None, 0.0, 0.0]
CALL = [12345602, "NFO", "NIFTY26NOV24000CE", "NIFTY", "CE", "2026-11-26", 24000.0, 0.0]
RUPEE = [412675, "CDS", "USDINR26NOVFUT", "USDINR", "FUT", "2026-11-26", 0.0, 0.0]


def test_an_instrument_has_the_name_of_the_kept_dump(tmp_path: Path) -> None:
    dump(tmp_path / "i.json", SHARE, INDEX, CALL, RUPEE)
    names = Names(tmp_path / "i.json")
    assert names.of(408065) == Name("NSE", "INFY", "NSE", 2)
    assert names.of(256265) == Name("NSE", "NIFTY 50", "INDICES", 2)
    assert names.of(12345602) == Name("NFO", "NIFTY26NOV24000CE", "NFO-OPT", 2)
    assert names.of(412675) == Name("CDS", "USDINR26NOVFUT", "CDS-FUT", 7)
    assert names.of(408065).key == "NSE:INFY"


def test_one_that_no_dump_knows_is_called_by_its_number(tmp_path: Path) -> None:
    names = Names(tmp_path / "none.json")
    assert names.of(408065) == Name("", "408065", "", 2)
    assert names.of(408065).key == "408065"
    assert names.of(256265).segment == "INDICES"
    assert names.of(6 + 256).scale == 4


def test_a_new_dump_is_read_when_the_file_has_changed_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "i.json"
    names = Names(path)
    assert names.of(408065).exchange == ""
    dump(path, SHARE)
    assert names.refresh()
    assert not names.refresh()
    assert names.of(408065).exchange == "NSE"
    assert names.version == 1


def test_a_file_that_makes_no_sense_leaves_the_names_that_were_known(tmp_path: Path) -> None:
    path = tmp_path / "i.json"
    dump(path, SHARE)
    names = Names(path)
    for text in ("{", "[]", '{"instruments": [[1]]}', '{"instruments": 5}'):
        path.write_text(text)
        assert not names.refresh()
        assert names.of(408065).symbol == "INFY"
    path.unlink()
    assert not names.refresh()
    assert names.of(408065).symbol == "INFY"
