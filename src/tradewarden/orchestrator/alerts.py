"""Tells people what the rules decide, by every way out that is configured, and remembers what was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import structlog

from tradewarden.machines.alert import AlertRules, Message, Seen
from tradewarden.machines.forecast import Session
from tradewarden.machines.job import kept_as
from tradewarden.machines.report import AccountReport, DeliveryReport, Layer, Picture, Severity
from tradewarden.machines.run import Run
from tradewarden.orchestrator.clock import IST, Clock
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.senders.delivery import DeliveryError, Sender
from tradewarden.orchestrator.token_file import put

PAUSES = (2.0, 10.0, 30.0)  # seconds before each further try
LONGEST_WAIT = 120.0  # seconds that another side may ask for
LARGEST = 256 * 1024
JOB_EVERY = timedelta(minutes=10)  # people hear of the same job no more often

log = structlog.get_logger()


class Words(Protocol):
    """A headline as people read it."""

    @property
    def text(self) -> str:
        """What it is."""
        ...

    @property
    def detail(self) -> str:
        """What is being done about it, or what a person can do."""
        ...


class Alerts:
    """The desk's alarm: looks after each change and at its one deadline."""

    def __init__(
        self,
        rules: AlertRules,
        clock: Clock,
        spawn: Spawn,
        *,
        senders: Sequence[Sender],
        words: Callable[[Picture], Words],
        accounts: Mapping[str, AlertRules],
        account_words: Callable[[AccountReport, datetime], Words],
        session: Callable[[], Session | None],
        link: str,
        path: Path,
    ) -> None:
        self._rules = rules
        self._accounts = dict(accounts)
        self._clock = clock
        self._spawn = spawn
        self._senders = {sender.name: sender for sender in senders}
        self._turn = {name: asyncio.Lock() for name in self._senders}
        self._failing: dict[str, datetime] = {}
        self._jobs: dict[str, datetime] = {}  # when people were told last of one
        self._counts = {(name, outcome): 0 for name in self._senders for outcome in ("sent", "failed")}
        self._words = words
        self._account_words = account_words
        self._session = session
        self._link = link
        self._path = path
        self._kept: object = self._told()
        self._picture: Picture | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Take up what was told before the restart."""
        now = self._clock.now().astimezone(IST)
        try:
            with self._path.open(encoding="utf-8") as file:
                self._remember(json.loads(file.read(LARGEST)), now)
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as trouble:
            why = trouble.strerror if isinstance(trouble, OSError) else type(trouble).__name__
            log.warning("alert.memory_lost", path=str(self._path), why=why)

    def look(self, picture: Picture) -> None:
        """Tell what is to be told of this picture."""
        if picture.stopping:
            return
        self._picture = picture
        now = self._clock.now().astimezone(IST)
        words = self._words(picture)
        seen = Seen(
            now=now,
            code=picture.headline.code,
            layer=picture.headline.layer,
            severity=picture.headline.severity,
            text=words.text,
            detail=words.detail,
            wanted=picture.market.wanted,
            auth=picture.auth.state,
            forecast=picture.forecast,
            session=self._session(),
        )
        messages = self._rules.observe(seen)
        for account in picture.accounts:
            messages += self._accounts[account.name].observe(self._seen_of(account, seen))
        self._keep()  # before anything is sent: rather a message lost in a crash than one twice
        for message in messages:
            whose = {} if message.account is None else {"account": message.account}
            log.info("alert.told", **whose, kind=message.kind, code=message.code, ways=len(self._senders))
            for name in self._senders:
                self._spawn(self._deliver(name, message), name=f"alert.{name}")
        self._arm(now)

    def _seen_of(self, account: AccountReport, desk: Seen) -> Seen:
        """A further account as the rules look at one: a login that it needs is a failure while the desk works."""
        words, auth = self._account_words(account, desk.now), account.auth
        if account.needs_login:
            code = "auth.configuration" if auth.reason == "configuration" else "auth.required"
            severity = Severity.CRITICAL if desk.wanted else Severity.WARNING
        elif auth.state in ("valid", "expiring"):
            code, severity = f"auth.{auth.state}", Severity.OK
        else:
            code, severity = "auth.checking", Severity.WARNING  # neither good nor bad yet
        return replace(
            desk,
            code=code,
            layer=Layer.AUTH,
            severity=severity,
            text=words.text,
            detail=words.detail,
            auth=auth.state,
            forecast=account.forecast,
        )

    def job(self, run: Run) -> None:
        """A job that people want to hear of has failed, or was missed; of one that fails at once again, not each."""
        now, name = self._clock.now(), kept_as(run.job, run.user)
        if now - self._jobs.get(name, now - JOB_EVERY) < JOB_EVERY:
            return
        self._jobs[name] = now
        title, code = f"{name}: {run.outcome}, due at {run.due.astimezone(IST):%H:%M:%S}", f"jobs.{run.outcome}"
        message = Message(
            kind="job",
            title=title,
            detail=run.reason or "",
            layer=Layer.SERVICES,
            code=code,
            at=now.astimezone(IST),
        )
        log.info("alert.told", kind=message.kind, code=message.code, ways=len(self._senders))
        for way in self._senders:
            self._spawn(self._deliver(way, message), name=f"alert.{way}")

    def look_again(self) -> None:
        """A deadline has come, or the clock has jumped."""
        if self._picture is not None:
            self.look(self._picture)

    def _arm(self, now: datetime) -> None:
        self.disarm()
        deadlines = [rules.next_deadline(now) for rules in (self._rules, *self._accounts.values())]
        deadline = min((each for each in deadlines if each is not None), default=None)
        if deadline is not None:
            wait = max(0.0, (deadline - self._clock.now()).total_seconds())
            self._timer = asyncio.get_running_loop().call_later(wait, self.look_again)

    def disarm(self) -> None:
        """Forget the timer; the daemon stops or the deadline has moved."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    async def _deliver(self, name: str, message: Message) -> None:
        """Try a few times, one message after the other; an incident that goes on is told again by its reminders."""
        text = message.text(self._link if message.account is None else f"{self._link}?account={message.account}")
        async with self._turn[name]:
            for pause in (*PAUSES, None):
                try:
                    await self._senders[name].send(message, text)
                except DeliveryError as trouble:
                    self._failing.setdefault(name, self._clock.now())
                    self._counts[name, "failed"] += 1
                    log.warning("alert.not_delivered", way=name, kind=message.kind, why=str(trouble))
                    if trouble.final or pause is None:
                        return
                    await asyncio.sleep(min(LONGEST_WAIT, max(pause, trouble.wait or 0.0)))
                else:
                    self._failing.pop(name, None)
                    self._counts[name, "sent"] += 1
                    log.info("alert.sent", way=name, kind=message.kind, code=message.code)
                    return

    def report(self) -> DeliveryReport:
        """Whether what was told last also arrived, way by way."""
        return DeliveryReport(ways=tuple(self._senders), failing=dict(self._failing), counts=dict(self._counts))

    # Memory

    def _told(self) -> object:
        return self._rules.told(), {name: rules.told() for name, rules in self._accounts.items()}

    def _memory(self) -> dict[str, Any]:
        memory = self._rules.memory()
        accounts = {name: rules.memory() for name, rules in self._accounts.items()}
        return memory | {"accounts": accounts} if accounts else memory

    def _remember(self, memory: Any, now: datetime) -> None:
        self._rules.remember(memory, now)
        accounts = memory.get("accounts", {})
        for name, rules in self._accounts.items():
            if name in accounts:
                rules.remember(accounts[name], now)

    def _keep(self) -> None:
        told = self._told()
        if told == self._kept:
            return
        memory = json.dumps(self._memory(), indent=1) + "\n"
        try:
            put(self._path, memory, 0o600)
        except OSError as trouble:
            log.error("alert.memory_not_kept", path=str(self._path), why=trouble.strerror)  # noqa: TRY400 - no more to say
            return
        self._kept = told
