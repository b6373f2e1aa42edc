"""Who is told what, and when: one incident a layer, nothing twice, nothing that a person cannot act on.

The rules look at the desk whenever something has changed or a deadline of theirs has come. They know no clock and send
nothing; what they remember goes through `memory` into a file, so that a restart repeats nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from tradewarden.machines.report import NEEDS_LOGIN, Layer, Severity

HOLD = timedelta(seconds=15)  # a failure that passes sooner is told to nobody
CLEAR = timedelta(seconds=60)  # a failure is over when it has stayed away for so long
REMINDERS = (timedelta(minutes=15), timedelta(minutes=30), timedelta(minutes=60))
FLAPS = 4  # changes within the next span: from then on one message instead of many
FLAP_SPAN = timedelta(minutes=10)
FORGET = timedelta(hours=12)  # an incident of yesterday says nothing about today

LOGIN_CODES = frozenset({"auth.required", "auth.configuration"})  # only a person helps, so nobody waits
_PASSING = frozenset({"auth.exchanging", "auth.checking"})  # bounded; says neither that it is over nor that it is not
_GOOD = frozenset({"valid", "expiring"})
_DIES = frozenset({"dies_before", "dies_during"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The desk at one moment, as far as the rules care; `now` is in the exchange's zone."""

    now: datetime
    code: str
    layer: Layer
    severity: Severity
    text: str  # the headline in a person's words
    detail: str = ""
    wanted: bool = False
    auth: str = "valid"  # the state of the token's machine
    forecast: str | None = None
    session: tuple[datetime, datetime] | None = None  # today's, from the first data due to the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One thing to tell: morning, opened, changed, reminder, resolved or flapping."""

    kind: str
    title: str
    detail: str
    layer: Layer
    code: str
    at: datetime
    login: bool = False  # the link to the login belongs to it
    account: str | None = None  # whose login, when it is not the feeding account's

    def text(self, link: str) -> str:
        """All of it as plain text; the link is the desk's own, never the broker's."""
        last = [f"Log in: {link}"] if self.login else []
        return "\n".join([self.title, *([self.detail] if self.detail else []), *last])


@dataclass(frozen=True, slots=True)
class Trouble:
    """One layer: whether it fails, since when, and what was told of it."""

    failing: bool = False
    since: datetime | None = None
    code: str = ""
    text: str = ""
    detail: str = ""
    opened_at: datetime | None = None  # when an incident was told of; none while there is none
    told: tuple[str, ...] = ()  # the codes that were told in this incident
    reminders: int = 0
    flips: tuple[datetime, ...] = ()
    flapping: bool = False

    def turned(self, seen: Seen, *, failing: bool) -> Trouble:
        """The same layer as it is seen now."""
        words = replace(self, code=seen.code, text=seen.text, detail=seen.detail) if failing else self
        recent = tuple(flip for flip in words.flips if seen.now - flip < FLAP_SPAN)
        if failing == self.failing:
            return replace(words, flips=recent)
        return replace(words, failing=failing, since=seen.now, flips=(*recent, seen.now))

    def lasted(self, now: datetime) -> timedelta:
        """For how long it has been as it is."""
        return now - (self.since or now)

    @property
    def hold(self) -> timedelta:
        """How long it must last before anybody hears of it."""
        return timedelta() if self.code in LOGIN_CODES else HOLD

    @property
    def stable_at(self) -> datetime | None:
        """When it will have been quiet for long enough to be trusted again."""
        return self.flips[-1] + FLAP_SPAN if self.flips else None


@dataclass
class AlertRules:
    """The incidents of one desk; or those of one further account, which is told of by the same rules."""

    warn_at: time = time(8, 15)
    account: str | None = None
    warned_on: date | None = None
    troubles: dict[Layer, Trouble] = field(default_factory=dict)

    def observe(self, seen: Seen) -> list[Message]:
        """What to tell now."""
        if seen.code == "system.stopping":
            return []  # a restart is no incident, and what follows it is not the end of one
        self._follow(seen)
        told, over, covered = [], [], False
        for layer in Layer:
            trouble = self.troubles.get(layer)
            if trouble is None:
                continue
            message, trouble = _decide(layer, trouble, seen, covered=covered)
            if message is not None and message.kind == "resolved":
                over.append(message)
            elif message is not None:
                told.append(message)
            self._keep(layer, trouble, seen.now)
            covered = covered or trouble.opened_at is not None
        messages = [*self._morning(seen), *_together(over), *told]
        return [replace(message, account=self.account) for message in messages]

    def next_deadline(self, now: datetime) -> datetime | None:
        """When time alone may bring something to tell; none when only a change can."""
        moments = [moment for trouble in self.troubles.values() for moment in _deadlines(trouble)]
        today = datetime.combine(now.date(), self.warn_at, now.tzinfo)
        moments += [today, today + timedelta(days=1)]
        return min((moment for moment in moments if moment > now), default=None)

    def _follow(self, seen: Seen) -> None:
        """Note which layers fail. A failure hides the layers below it: of those, nothing new is known."""
        if seen.code in _PASSING:
            return
        failing = seen.layer if seen.severity is Severity.CRITICAL else None
        for layer in Layer:
            if layer is failing:
                self.troubles[layer] = self.troubles.get(layer, Trouble()).turned(seen, failing=True)
                return
            if layer in self.troubles:
                self.troubles[layer] = self.troubles[layer].turned(seen, failing=False)

    def _keep(self, layer: Layer, trouble: Trouble, now: datetime) -> None:
        stable = trouble.stable_at
        if trouble.failing or trouble.opened_at is not None or (stable is not None and now < stable):
            self.troubles[layer] = trouble
        else:
            del self.troubles[layer]

    def _morning(self, seen: Seen) -> list[Message]:
        """The warning before the open, once a day, when somebody must log in and there is time to."""
        session = seen.session
        if session is None or seen.now.date() == self.warned_on or not self._is_morning(seen.now, session):
            return []
        needed = seen.auth in NEEDS_LOGIN and not seen.wanted  # in a wanted window the headline's alert speaks
        dies = seen.auth in _GOOD and seen.forecast in _DIES  # of a token in doubt the broker's word comes first
        if not needed and not dies:
            return []
        self.warned_on = seen.now.date()
        begins = f"{session[0]:%H:%M}"
        whose = "" if self.account is None else f" {self.account}"
        title = (
            f"Log{whose} in before {begins}" if seen.now < session[0] else f"A new login is needed today{_of(whose)}"
        )
        return [
            Message(
                kind="morning",
                title=title,
                detail=_why(seen, begins),
                layer=Layer.AUTH,
                code="auth.required" if needed else "auth.expiring",
                at=seen.now,
                login=True,
            )
        ]

    def _is_morning(self, now: datetime, session: tuple[datetime, datetime]) -> bool:
        return datetime.combine(now.date(), self.warn_at, now.tzinfo) <= now < session[1]

    # Memory

    def memory(self) -> dict[str, Any]:
        """What a restart must not forget, as plain JSON."""
        return {
            "version": 1,
            "warned_on": self.warned_on and self.warned_on.isoformat(),
            "troubles": {str(layer): _plain(trouble) for layer, trouble in self.troubles.items()},
        }

    def told(self) -> object:
        """What, once it has changed, is worth a write of the memory; the words alone are not."""
        return self.warned_on, {
            layer: (t.failing, t.since, t.opened_at, t.told, t.reminders, t.flapping)
            for layer, t in self.troubles.items()
        }

    def remember(self, memory: Any, now: datetime) -> None:
        """Take up what was remembered; raises ValueError when it is no memory of ours."""
        try:
            if memory["version"] != 1:
                raise ValueError(f"version {memory['version']!r} is not known")
            warned_on = memory["warned_on"]
            troubles = {Layer(layer): _trouble(plain) for layer, plain in memory["troubles"].items()}
            self.warned_on = None if warned_on is None else date.fromisoformat(warned_on)
        except (KeyError, TypeError, AttributeError, OverflowError) as damage:
            raise ValueError(f"it is no memory of alerts ({type(damage).__name__})") from None
        self.troubles = {layer: trouble for layer, trouble in troubles.items() if _is_fresh(trouble, now)}


def _decide(layer: Layer, trouble: Trouble, seen: Seen, *, covered: bool) -> tuple[Message | None, Trouble]:
    """What to tell of one layer, and what is remembered then; `covered` by an incident of a more important layer."""
    now, speaks = seen.now, seen.wanted and not covered
    if trouble.flapping:
        return _calmed(layer, trouble, now, speaks=speaks)
    if len(trouble.flips) >= FLAPS and speaks:
        minutes = FLAP_SPAN // timedelta(minutes=1)
        title = f"Flapping: {trouble.text}"
        detail = f"{len(trouble.flips)} changes within {minutes} minutes. No more messages until it is stable."
        told = replace(trouble, flapping=True, opened_at=trouble.opened_at or now)
        return _message("flapping", title, detail, layer, told, now), told
    if not trouble.failing:
        is_over = trouble.opened_at is not None and trouble.lasted(now) >= CLEAR
        return _resolved(layer, trouble, now, speaks=speaks) if is_over else (None, trouble)
    if not speaks:
        return None, trouble
    if trouble.opened_at is None:
        return _opened(layer, trouble, now) if trouble.lasted(now) >= trouble.hold else (None, trouble)
    return _again(layer, trouble, now)


def _opened(layer: Layer, trouble: Trouble, now: datetime) -> tuple[Message, Trouble]:
    told = replace(trouble, opened_at=now, told=(trouble.code,), reminders=0)
    return _message("opened", trouble.text, trouble.detail, layer, told, now), told


def _again(layer: Layer, trouble: Trouble, now: datetime) -> tuple[Message | None, Trouble]:
    """An incident that goes on: tell when a login has become what helps, and remind now and then."""
    if trouble.code in LOGIN_CODES and trouble.code not in trouble.told:
        told = replace(trouble, told=(*trouble.told, trouble.code))
        return _message("changed", trouble.text, trouble.detail, layer, told, now), told
    age = now - (trouble.opened_at or now)
    due = sum(age >= after for after in REMINDERS)
    if due <= trouble.reminders:
        return None, trouble
    told = replace(trouble, reminders=due)
    return _message("reminder", f"Still: {trouble.text}", f"For {_for(age)}.", layer, told, now), told


def _resolved(layer: Layer, trouble: Trouble, now: datetime, *, speaks: bool) -> tuple[Message | None, Trouble]:
    rest = replace(trouble, opened_at=None, told=(), reminders=0)
    if not speaks:
        return None, rest
    age = (trouble.since or now) - (trouble.opened_at or now)
    return _message("resolved", f"Over: {trouble.text}", f"After {_for(age)}.", layer, trouble, now), rest


def _calmed(layer: Layer, trouble: Trouble, now: datetime, *, speaks: bool) -> tuple[Message | None, Trouble]:
    """Quiet while it flaps; once it is stable, say what came of it."""
    stable = trouble.stable_at
    if stable is not None and now < stable:
        return None, trouble
    calm = replace(trouble, flapping=False, flips=())
    if not calm.failing:
        return _resolved(layer, calm, now, speaks=speaks)
    return _opened(layer, calm, now) if speaks else (None, replace(calm, opened_at=None))


def _message(kind: str, title: str, detail: str, layer: Layer, trouble: Trouble, now: datetime) -> Message:  # noqa: PLR0917
    login = trouble.code in LOGIN_CODES and kind != "resolved"
    return Message(kind=kind, title=title, detail=detail, layer=layer, code=trouble.code, at=now, login=login)


def _together(over: list[Message]) -> list[Message]:
    """What ends at the same moment is told once."""
    if len(over) < 2:  # noqa: PLR2004 - nothing to put together
        return over
    rest = "; ".join(message.title.removeprefix("Over: ") for message in over[1:])
    return [replace(over[0], title=f"{over[0].title}; {rest}")]


def _deadlines(trouble: Trouble) -> Iterator[datetime]:
    since, stable = trouble.since, trouble.stable_at
    if stable is not None:
        yield stable
    if since is not None:
        yield since + (trouble.hold if trouble.failing else CLEAR)
    if trouble.opened_at is not None:
        yield from (trouble.opened_at + after for after in REMINDERS[trouble.reminders :])


def _of(whose: str) -> str:
    return f" for{whose}" if whose else ""


def _why(seen: Seen, begins: str) -> str:
    if seen.auth == "expired":
        return f"The broker's session has ended; data is due from {begins}."
    if seen.auth == "required":
        return f"There is no session with the broker; data is due from {begins}."
    when = "before the market opens" if seen.forecast == "dies_before" else "while the market is open"
    return f"The broker's session is expected to end {when}."


def _for(age: timedelta) -> str:
    minutes = max(0, age // timedelta(minutes=1))
    if minutes == 0:
        return "less than a minute"
    return f"{minutes} minute{'' if minutes == 1 else 's'}"


def _is_fresh(trouble: Trouble, now: datetime) -> bool:
    last = max((moment for moment in (trouble.since, trouble.opened_at) if moment is not None), default=None)
    return last is not None and now - last < FORGET


def _plain(trouble: Trouble) -> dict[str, Any]:
    return {
        "failing": trouble.failing,
        "since": trouble.since and trouble.since.isoformat(),
        "code": trouble.code,
        "text": trouble.text,
        "opened_at": trouble.opened_at and trouble.opened_at.isoformat(),
        "told": list(trouble.told),
        "reminders": trouble.reminders,
        "flips": [flip.isoformat() for flip in trouble.flips],
        "flapping": trouble.flapping,
    }


def _trouble(plain: Any) -> Trouble:
    return Trouble(
        failing=bool(plain["failing"]),
        since=_moment(plain["since"]),
        code=str(plain["code"]),
        text=str(plain["text"]),
        opened_at=_moment(plain["opened_at"]),
        told=tuple(str(code) for code in plain["told"]),
        reminders=int(plain["reminders"]),
        flips=tuple(flip for flip in map(_moment, plain["flips"]) if flip is not None),
        flapping=bool(plain["flapping"]),
    )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return moment
