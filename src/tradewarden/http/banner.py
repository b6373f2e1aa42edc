"""The sentence for every headline code: what it is, what is being done about it, and what a person can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from tradewarden.http.account_words import BROKER, account_words, login_link
from tradewarden.http.moments import clock_time
from tradewarden.machines.account import FEEDING
from tradewarden.machines.conflict import STRANGE
from tradewarden.machines.headline import foremost, is_out
from tradewarden.machines.report import AccountReport, Picture, SegmentReport, Severity
from tradewarden.machines.sink import SinkState

# A glyph and a word beside every colour, so that nobody needs the colour.
_PASSING = ("auth.exchanging", "auth.checking", "feed.connecting")
_GLYPHS = MappingProxyType(
    {
        "market.unknown": "?",
        "market.live": "●",
        "market.pre_open": "◐",
        "market.closing_auction": "◐",
        **dict.fromkeys(_PASSING, "…"),
    }
)
_BY_SEVERITY = MappingProxyType({Severity.CRITICAL: "✕", Severity.WARNING: "!", Severity.OK: "■"})

_NEEDS_LOGIN = frozenset({"auth.required", "auth.configuration", "auth.expiring", "auth.account"})

_LOST = MappingProxyType(
    {
        "network": "The connection was cut.",
        "server": f"{BROKER} closed the connection.",
        "closed": f"{BROKER} closed the connection.",
        "rate_limited": f"{BROKER} asks for fewer connections, so the next try waits a minute.",
        "mute": "The connection went silent.",
        "stall": "Ticks stopped and subscribing again brought none.",
        "tls": f"The certificate of {BROKER}'s server could not be verified.",
        "configuration": f"{BROKER} does not understand the request: check kite.api_key.",
        "refused": f"{BROKER} refuses the connection although the token is good: key or account may be blocked.",
        "auth": f"{BROKER} refused the token.",
    }
)


_NOTHING_LOST = "Nothing is lost: it catches up from the journal."


@dataclass(frozen=True, slots=True)
class Banner:
    """One headline as people read it."""

    glyph: str
    text: str
    detail: str
    login: str | None  # the desk's own link to it, when a login is what helps


def banner(picture: Picture) -> Banner:
    """The banner of this picture."""
    line = picture.headline
    text, detail = _SENTENCES[line.code](picture)
    return Banner(glyph_of(line.code, line.severity), text, detail, _link(picture))


def _link(picture: Picture) -> str | None:
    code = picture.headline.code
    if code not in _NEEDS_LOGIN:
        return None
    return login_link(_out(picture)[0].name if code == "auth.account" else FEEDING)


def glyph_of(code: str, severity: Severity) -> str:
    """The sign of a headline: it tells the same as its colour."""
    if severity is Severity.CRITICAL:
        return _BY_SEVERITY[severity]
    return _GLYPHS.get(code, _BY_SEVERITY[severity])


def _at(picture: Picture) -> str:
    return clock_time(picture.headline.since, picture.now)


def _system_stopping(_: Picture) -> tuple[str, str]:
    return "Shutting down", "The feed is being closed in order."


def _system_stale(picture: Picture) -> tuple[str, str]:
    beat = clock_time(picture.headline.since, picture.now, seconds=True)
    return "tradewarden does not answer itself", f"Last heartbeat {beat}. Shown state may be wrong."


def _auth_required(picture: Picture) -> tuple[str, str]:
    since = clock_time(picture.auth.since, picture.now)
    if picture.auth.state == "expired":
        return (
            f"{BROKER} session expired",
            f"Expired {since}. No new connection until you log in; a stream that ticks goes on.",
        )
    match picture.auth.reason:
        case "refused":
            return "Login was refused", f"{BROKER} did not accept the login. Nothing was changed; try again."
        case "other_account":
            return "Login was refused", "It was made with another account than this desk's. Nothing was changed."
        case "unreachable":
            return "Login did not complete", f"{BROKER} did not answer. Nothing was changed; try again."
        case _:
            return "Login required", f"No {BROKER} session since {since}. {_by_when(picture)}"


def _by_when(picture: Picture) -> str:
    segment = foremost(picture.market.segments)
    if segment.state in ("live", "closing_auction", "post_close"):
        return "Log in to get ticks again."
    if segment.next_at is None:
        return "Log in to connect the feed."
    when = clock_time(segment.next_at, picture.now)
    today = segment.next_at.date() == picture.now.date()
    return f"Log in before {when} to trade today." if today else f"Log in before {when}."


def _auth_configuration(_: Picture) -> tuple[str, str]:
    return (
        f"{BROKER} refuses our api key or secret",
        "Check kite.api_key and kite.api_secret, then log in again. A login alone does not help.",
    )


def _auth_exchanging(_: Picture) -> tuple[str, str]:
    return "Logging in", f"{BROKER} is asked for the session."


def _auth_checking(_: Picture) -> tuple[str, str]:
    return "Checking login", f"Verifying the token with {BROKER}."


def _auth_unverified(picture: Picture) -> tuple[str, str]:
    retry = picture.auth.retry_at
    again = "" if retry is None else f" Asking again at {clock_time(retry, picture.now, seconds=True)}."
    return f"Cannot reach {BROKER} to check the login", f"Token kept.{again}"


def _auth_expiring(picture: Picture) -> tuple[str, str]:
    end = picture.auth.expires_at
    text = "Login expires soon" if end is None else f"Login expires at {clock_time(end, picture.now)}"
    return text, "A new login is needed then."


def _out(picture: Picture) -> list[AccountReport]:
    """The further accounts that the headline speaks of."""
    return [account for account in picture.accounts if is_out(account.auth)]


def _auth_account(picture: Picture) -> tuple[str, str]:
    first, *others = _out(picture)
    words = account_words(first, picture.now)
    if not others:
        return words.text, f"{words.detail} The feed does not depend on it."
    names = ", ".join(account.name for account in (first, *others))
    return f"Login required: {names}", f"{first.name} first: {words.detail} The feed does not depend on them."


def _feed_connecting(picture: Picture) -> tuple[str, str]:
    return "Connecting feed", _instruments(picture)


def _instruments(picture: Picture) -> str:
    count = picture.feed.instruments
    return "1 instrument." if count == 1 else f"{count:,} instruments."


def _last_tick(picture: Picture) -> str | None:
    last = picture.feed.last_tick_at
    return None if last is None else clock_time(last, picture.now, seconds=True)


def _feed_stale(picture: Picture) -> tuple[str, str]:
    # "Since", not "for": an age in the text would be wrong a second later, and nobody is told of ages.
    last = _last_tick(picture)
    text = "No ticks yet" if last is None else f"No ticks since {last}"
    return text, "The socket is open but silent. Subscribed again; reconnecting if that brings nothing."


def _feed_backing_off(picture: Picture) -> tuple[str, str]:
    retry, last = picture.feed.retry_at, _last_tick(picture)
    sentences = [
        _LOST.get(picture.feed.reason or "", "The connection was lost."),
        "" if retry is None else f"Next try at {clock_time(retry, picture.now, seconds=True)}.",
        "" if last is None else f"Last tick {last}.",
        "Tries go on until it works.",
    ]
    return "Feed reconnecting", " ".join(sentence for sentence in sentences if sentence)


def _feed_blocked(picture: Picture) -> tuple[str, str]:
    if picture.feed.reason == "configuration":
        return (
            f"{BROKER} does not understand our api key",
            "Check kite.api_key, then restart tradewarden; a reload (SIGHUP) or a new login dials once more.",
        )
    why = _LOST.get(picture.feed.reason or "", "The token is being looked into.")
    return "Feed waits for the login check", why


def _feed_unexpected(picture: Picture) -> tuple[str, str]:
    text = "Feed was not started" if picture.market.wanted else "Feed runs outside its hours"
    return text, "A fault of tradewarden: please report it."


def _journal_failed(_: Picture) -> tuple[str, str]:
    return "Ticks are not being recorded", "The feed goes on."


def _services_failed(picture: Picture) -> tuple[str, str]:
    """How many, and not which: everybody reads the headline, and names and errors are for those who may see them."""
    down = 0 if picture.desk is None else len(picture.desk.critical_down)
    text = f"{down} critical services are down" if down > 1 else "A critical service is down"
    if picture.desk is not None and picture.desk.state == "aborted":
        text = "The start of the desk was aborted"
    return text, "`tradewarden services` says which and why."


def _sinks_behind(picture: Picture) -> tuple[str, str]:
    late = [sink for sink in picture.sinks if sink.needs_a_look]
    if len(late) != 1:
        names = ", ".join(sink.name for sink in late)
        return f"{len(late)} stores are behind", f"{names}. Nothing is lost: they catch up from the journal."
    (sink,) = late
    since = clock_time(sink.since, picture.now, seconds=True)
    match sink.state:
        case SinkState.MISFIT:
            return f"{sink.name} needs a person", f"`tradewarden sinks` says what is wrong with it. {_NOTHING_LOST}"
        case SinkState.ABSENT:
            return f"No process carries {sink.name}", f"systemctl start tradewarden-sink@{sink.name}. {_NOTHING_LOST}"
        case SinkState.BACKING_OFF | SinkState.CONNECTING:
            return f"{sink.name} cannot be reached", f"Since {since}; tries go on. {_NOTHING_LOST}"
        case _:
            return f"{sink.name} is behind", _NOTHING_LOST


def _conflict(picture: Picture) -> tuple[str, str]:
    segments = picture.market.segments
    strange = [segment.segment for segment in segments if (segment.problem or "").startswith(STRANGE)]
    if not strange:
        what = "Silence everywhere while live"
    elif len(strange) == len(segments):
        what = "Ticks while closed"
    else:
        what = f"Ticks while {', '.join(strange)} {'is' if len(strange) == 1 else 'are'} closed"
    return "Ticks and calendar disagree", f"{what}. Is today a special session or a holiday?"


def _market_unknown(picture: Picture) -> tuple[str, str]:
    segment = foremost(picture.market.segments)
    until = f"{segment.segment} is covered until {segment.covered_until.isoformat()}."
    return "No calendar for today", f"{until} The feed runs in the default hours; silence is not judged."


def _market_pre_open(picture: Picture) -> tuple[str, str]:
    opens = _next(picture, "Market opens {}. ")
    return "Pre-open", f"{opens}Ready: login ✓ feed ✓."


def _market_live(picture: Picture) -> tuple[str, str]:
    return "Market live", f"{_instruments(picture)[:-1]} streaming." if picture.feed.instruments else "Ticks flow."


def _market_closing_auction(picture: Picture) -> tuple[str, str]:
    return "Closing auction", _next(picture, "Until {}.")


def _market_post_close(picture: Picture) -> tuple[str, str]:
    return "Post-close", _next(picture, "Until {}.")


def _next(picture: Picture, sentence: str) -> str:
    at = foremost(picture.market.segments).next_at
    return "" if at is None else sentence.format(clock_time(at, picture.now))


def holiday(segment: SegmentReport) -> str | None:
    """The holiday's name, when the market is closed because of one."""
    return None if segment.reason in (None, "weekend", "night") else segment.reason


def _market_closed(picture: Picture) -> tuple[str, str]:
    segment = foremost(picture.market.segments)
    name = holiday(segment)
    text = "Market closed" if name is None else f"Market holiday: {name}"
    begins = "Pre-open begins {} IST." if segment.next_state == "pre_open" else "Opens {} IST."
    return text, _next(picture, begins)


def _market_halted(picture: Picture) -> tuple[str, str]:
    reason = foremost(picture.market.segments).reason
    return "Trading halted", f"Since {_at(picture)}{'' if reason is None else f': {reason}'}."


_SENTENCES: MappingProxyType[str, Callable[[Picture], tuple[str, str]]] = MappingProxyType(
    {
        "system.stopping": _system_stopping,
        "system.stale": _system_stale,
        "auth.required": _auth_required,
        "auth.configuration": _auth_configuration,
        "auth.exchanging": _auth_exchanging,
        "auth.checking": _auth_checking,
        "auth.unverified": _auth_unverified,
        "auth.expiring": _auth_expiring,
        "auth.account": _auth_account,
        "feed.connecting": _feed_connecting,
        "feed.stale": _feed_stale,
        "feed.backing_off": _feed_backing_off,
        "feed.blocked_on_auth": _feed_blocked,
        "feed.unexpected": _feed_unexpected,
        "journal.failed": _journal_failed,
        "services.failed": _services_failed,
        "sinks.behind": _sinks_behind,
        "calendar.conflict": _conflict,
        "market.unknown": _market_unknown,
        "market.pre_open": _market_pre_open,
        "market.live": _market_live,
        "market.closing_auction": _market_closing_auction,
        "market.post_close": _market_post_close,
        "market.closed": _market_closed,
        "market.halted": _market_halted,
    }
)
