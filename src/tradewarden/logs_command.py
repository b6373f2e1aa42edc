"""What the desk's programs say, for a person at a terminal: of one, of several, of all together."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tradewarden.control import Control, RefusedError, UnreachableError
from tradewarden.http.logs import MOMENTS
from tradewarden.logs_away import LogsAway
from tradewarden.screen import Screen
from tradewarden.service_words import clock

UNAVAILABLE: Final = 69
MOST: Final = "10000"  # lines that are asked for after the daemon was away
OVERLAP: Final = timedelta(seconds=2)
AGAIN: Final = 1.0  # seconds between two tries to find the daemon again
_PATIENCE: Final = 40.0  # seconds; a search may take 30, and a stream gives a sign of life every 15
_NAMES: Final = ("36", "35", "34", "96", "95", "94", "92", "93")  # colours of services' names
_LEVELS: Final = {"error": "fail", "warning": "warn", "debug": "soft"}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which lines are wanted."""

    names: Sequence[str] = ()
    lines: int = 100
    grep: str | None = None
    since: str | None = None
    level: str | None = None

    def query(self, **changes: str) -> list[tuple[str, str]]:
        """As the API takes it."""
        told = {"lines": str(self.lines), "grep": self.grep, "since": self.since, "level": self.level} | changes
        return [("service", name) for name in self.names] + [(k, v) for k, v in told.items() if v is not None]


class Logs:
    """Tells the lines; on a terminal with India's time and in colours, else as the keeper wrote them."""

    def __init__(
        self,
        control: Control,
        screen: Screen,
        complain: Say,
        *,
        as_json: bool = False,
        away: Callable[[], LogsAway | None] = lambda: None,
    ) -> None:
        self._control, self._screen, self._complain, self._as_json = control, screen, complain, as_json
        self._away = away
        self._width, self._first = 0, ""
        self._recent: deque[tuple[str, str, str]] = deque(maxlen=int(MOST))  # what was told last

    async def tail(self, question: Question) -> int:
        """The last lines; exit status 0, 1 when the question was wrong, 69 when no daemon answers."""
        try:
            async with self._control:
                async for raw in self._control.lines("/api/logs", question.query(), patience=_PATIENCE):
                    self._tell(json.loads(raw))
        except RefusedError as error:
            self._complain(str(error))
            return 1
        except UnreachableError as error:
            return await self._without_daemon(question, error, follow=False)
        return 0

    async def follow(self, question: Question) -> int:
        """The last lines, then each new one, also over a restart of the daemon; it ends when it is cancelled."""
        async with self._control:
            query, again, away = question.query(), Counter[tuple[str, str, str]](), False
            while True:
                try:
                    async for kind, line in self._events(query):
                        away = False
                        if again[key := _key(line)]:
                            again[key] -= 1
                        else:
                            self._tell(line, kind)
                except UnreachableError as error:  # or one that stops just now, and refuses
                    if not self._recent and not away:
                        return await self._without_daemon(question, error, follow=True)
                if not away:
                    self._complain("the daemon is away; what it keeps runs on, and the lines follow once it is back.")
                if self._recent:  # lines of several services come almost in order: look back a little
                    query, again = question.query(since=self._back_to(), lines=MOST), Counter(self._recent)
                away = True
                await asyncio.sleep(AGAIN)

    async def _without_daemon(self, question: Question, error: UnreachableError, *, follow: bool) -> int:
        """From the files, where they can be read; else the daemon's absence is all there is to tell."""
        files = None if isinstance(error, RefusedError) else self._away()
        strange = [] if files is None else [name for name in question.names if name not in files.known]
        if files is None or not files.known:
            self._complain(str(error))
            return 1 if isinstance(error, RefusedError) else UNAVAILABLE
        if strange:
            self._complain(f"no service called {strange[0]!r} has a log; there are {', '.join(files.known)}.")
            return 1
        self._complain("no daemon answers: these lines are from the files.")
        return await self._from_files(files, question, follow=follow)

    async def _from_files(self, files: LogsAway, question: Question, *, follow: bool) -> int:
        try:
            async for kind, line in files.lines(
                question.names,
                count=question.lines,
                grep=question.grep,
                since=question.since,
                level=question.level,
                follow=follow,
                now=datetime.now(UTC),
            ):
                self._tell(line, kind)
        except (ValueError, OverflowError):
            self._complain(f"--since: {question.since!r} is no moment; allowed is {MOMENTS}.")
            return 1
        return 0

    def _back_to(self) -> str:
        """From when on lines may have been missed."""
        newest, first = (datetime.fromisoformat(stamp) for stamp in (max(self._recent)[0], self._first))
        return max(newest - OVERLAP, first).isoformat()

    async def _events(self, query: list[tuple[str, str]]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        kind = ""
        async for raw in self._control.lines("/api/logs/stream", query, patience=_PATIENCE):
            field, _, value = raw.decode().rstrip("\n").partition(": ")
            if field == "event":
                kind = value
            elif field == "data":
                yield kind, json.loads(value)

    def _tell(self, line: dict[str, Any], kind: str = "line") -> None:
        if kind == "skipped":
            self._complain(f"{line['service']} said too much at once: {line['bytes']} bytes were passed over.")
        elif "at" not in line:
            self._complain(str(line.get("trouble") or line.get("text")))
        else:
            self._first = self._first or line["at"]
            self._recent.append(_key(line))
            self._screen.say(self._shown(line))

    def _shown(self, line: dict[str, Any]) -> str:
        if self._as_json:
            return json.dumps(line)
        name, text = line["service"], line["text"]
        if not self._screen.is_live:
            return f"{line['at']} {name} {text}"
        self._width = max(self._width, len(name))
        tint, colour = self._screen.tint, _NAMES[zlib.crc32(name.encode()) % len(_NAMES)]
        told = tint(text, _LEVELS.get(line["level"] or "", ""))
        return f"{tint(clock(line['at']), 'soft')} {tint(f'{name:<{self._width}}', colour)} {told}"


def _key(line: dict[str, Any]) -> tuple[str, str, str]:
    return str(line.get("at")), str(line.get("service")), str(line.get("text"))
