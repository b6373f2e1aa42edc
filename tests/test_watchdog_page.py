"""The page on the watchdog's reasons has a section for each word that the code can give, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tradewarden.feed.doubt import Doubt
from tradewarden.http.banner import _LOST
from tradewarden.machines import gap
from tradewarden.machines.instruments import CLASSES
from tradewarden.orchestrator.freshness import REASON

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "tradewarden"
TEXT = (ROOT / "docs" / "watchdog.md").read_text()
SECTIONS: dict[str, str] = dict(re.findall(r"(?ms)^### ([^\n]+)\n(.*?)(?=^##|\Z)", TEXT))
CAUSES = {gap.SESSION_ENDED, gap.INSTRUMENT_SILENCE, gap.LEFT, gap.STOPPED}


def said_in(path: str, pattern: str) -> set[str]:
    return set(re.findall(pattern, (SOURCE / path).read_text()))


def test_the_page_tells_every_reason_and_no_other() -> None:
    assert set(SECTIONS) == {*_LOST, REASON, *CAUSES}


def test_no_reason_is_given_that_the_page_lacks() -> None:
    endings = said_in("feed/brokers/ending.py", r'Ending\("(\w+)"') | {"mute", "closed"}
    machine = said_in("machines/feed.py", r'reason(?:: str)? ?=(?: self\.reason =)? ?"(\w+)"')
    assert {"network", "server", "rate_limited", "tls", "configuration", "refused"} <= endings
    assert {"stall", "network", "refused"} <= machine
    assert endings | machine <= set(SECTIONS)


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_says_what_it_means_what_is_done_and_what_proves_it(title: str) -> None:
    for word in ("**Means** ", "**The desk** ", "**You**: ", "**Proven by** "):
        assert SECTIONS[title].count(word) == 1, word
    proof = SECTIONS[title].partition("**Proven by** ")[2]
    assert re.search(r"\]\(\.\./tests/(days/\w+\.jsonl|[\w/]+\.py)\)", proof)


def test_every_class_and_every_doubt_is_told() -> None:
    told = set(re.findall(r"(?m)^\| `(\w+)` \|", TEXT))
    assert told == {*CLASSES, "learned", *(doubt.value for doubt in Doubt)}
