"""What to stream: rules such as "NIFTY options, 20 strikes around the money" become instruments, each with its mode.

Rules: the broker's dump says what is listed, so nothing about steps, months or weekdays is assumed here.
- A contract counts up to and including the day it expires; the next day its successor takes its place.
- The money is the listed strike nearest to the spot; exactly between two it is the lower one.
- Strikes are counted along those that are listed, so an irregular ladder is no trouble.
- The window of strikes moves only when the spot is `recentre` steps away from its middle, not with every wiggle.
- What several rules ask for is streamed once, in the richest of their modes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from types import MappingProxyType
from typing import Literal, assert_never

MODES = ("ltp", "quote", "full")  # from the poorest to the richest
FUTURE = "future"  # a rule's spot: the underlying's nearest future
EXPIRIES = ("nearest", "next", "monthly")
CLASSES = ("index", "liquid", "illiquid", "unwatched")  # of freshness: from the one that may be silent least

Expiry = Literal["nearest", "next", "monthly"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """One line of the broker's dump."""

    token: int
    exchange: str
    symbol: str
    name: str  # of the underlying, where there is one
    kind: str  # EQ, FUT, CE, PE
    expiry: date | None = None
    strike: float = 0.0
    last_price: float = 0.0  # as the dump has it; 0 when it has none

    @property
    def key(self) -> str:
        """How people write it: NSE:INFY; a token that is in no dump has only its number."""
        return f"{self.exchange}:{self.symbol}" if self.exchange else self.symbol


@dataclass(frozen=True, slots=True)
class Futures:
    """The nearest contracts of each underlying: this month's, the next month's and so on."""

    name: str
    mode: str
    exchange: str
    underlyings: tuple[str, ...]
    contracts: int
    freshness: str | None = None

    @property
    def most(self) -> int:
        """How many instruments it can come to."""
        return len(self.underlyings) * self.contracts


@dataclass(frozen=True, slots=True)
class Options:
    """Calls and puts of one expiry, so many strikes to each side of the money."""

    name: str
    mode: str
    exchange: str
    underlying: str
    expiry: Expiry
    strikes: int
    spot: str = FUTURE  # or an instrument such as NSE:NIFTY 50
    recentre: float = 1.0
    freshness: str | None = None

    @property
    def most(self) -> int:
        """How many instruments it can come to."""
        return 2 * (2 * self.strikes + 1)


@dataclass(frozen=True, slots=True)
class Listed:
    """Instruments by their names or tokens."""

    name: str
    mode: str
    symbols: tuple[str, ...] = ()
    tokens: tuple[int, ...] = ()
    freshness: str | None = None

    @property
    def most(self) -> int:
        """How many instruments it can come to."""
        return len(self.symbols) + len(self.tokens)


Rule = Futures | Options | Listed


@dataclass(frozen=True, slots=True)
class Needs:
    """What of a dump the rules can ever ask for; everything else need not be kept."""

    underlyings: frozenset[tuple[str, str]]  # exchange and name
    symbols: frozenset[str]
    tokens: frozenset[int]

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Whose dumps must be read; a token alone needs none."""
        return tuple(
            sorted({exchange for exchange, _ in self.underlyings} | {s.partition(":")[0] for s in self.symbols})
        )


def needs(rules: Iterable[Rule]) -> Needs:
    """What these rules need of a dump."""
    underlyings: set[tuple[str, str]] = set()
    symbols: set[str] = set()
    tokens: set[int] = set()
    for rule in rules:
        match rule:
            case Futures():
                underlyings.update((rule.exchange, name) for name in rule.underlyings)
            case Options():
                underlyings.add((rule.exchange, rule.underlying))
                symbols.update({rule.spot} - {FUTURE})
            case Listed():
                symbols.update(rule.symbols)
                tokens.update(rule.tokens)
            case _:
                assert_never(rule)
    return Needs(frozenset(underlyings), frozenset(symbols), frozenset(tokens))


class Listing:
    """A dump that can be asked."""

    def __init__(self, instruments: Iterable[Instrument], day: date | None = None) -> None:
        self.day = day
        self._by_key: dict[str, Instrument] = {}
        self._by_token: dict[int, Instrument] = {}
        self._futures: defaultdict[tuple[str, str], list[Instrument]] = defaultdict(list)
        self._options: defaultdict[tuple[str, str], list[Instrument]] = defaultdict(list)
        for each in instruments:
            self._by_key[each.key] = self._by_token[each.token] = each
            if each.expiry is not None and each.kind == "FUT":
                self._futures[each.exchange, each.name].append(each)
            elif each.expiry is not None and each.kind in ("CE", "PE"):
                self._options[each.exchange, each.name].append(each)

    def find(self, key: str) -> Instrument | None:
        """The instrument of that name."""
        return self._by_key.get(key)

    def token(self, token: int) -> Instrument | None:
        """The instrument with that token."""
        return self._by_token.get(token)

    def futures(self, exchange: str, name: str, today: date) -> list[Instrument]:
        """The contracts that have not expired, the nearest first."""
        alive = [each for each in self._futures[exchange, name] if each.expiry is not None and each.expiry >= today]
        return sorted(alive, key=lambda each: (each.expiry, each.token))

    def expiries(self, exchange: str, name: str, today: date) -> list[date]:
        """When the options that are alive expire, the nearest first."""
        found = {each.expiry for each in self._options[exchange, name] if each.expiry is not None}
        return sorted(expiry for expiry in found if expiry >= today)

    def options(self, exchange: str, name: str, expiry: date) -> list[Instrument]:
        """The options of one expiry, by strike, each call before its put."""
        found = [each for each in self._options[exchange, name] if each.expiry == expiry]
        return sorted(found, key=lambda each: (each.strike, each.kind, each.token))


@dataclass(frozen=True, slots=True)
class Pick:
    """What one rule came to, and why."""

    rule: Rule
    instruments: tuple[Instrument, ...] = ()
    problem: str | None = None  # a sentence that names the rule
    waiting: bool = False  # for the first price of its spot
    spot: Instrument | None = None
    price: float | None = None
    centre: float | None = None  # the strike in the middle of the window
    step: tuple[float, float] | None = None  # down and up from there
    expiry: date | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """One instrument to stream: how richly, and which rules want it."""

    instrument: Instrument
    mode: str
    why: tuple[str, ...]
    freshness: str | None = None  # its class, when a rule names one: the strictest of them


@dataclass(frozen=True, slots=True)
class Resolution:
    """What all rules came to together."""

    picks: tuple[Pick, ...] = ()
    chosen: Mapping[int, Chosen] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def centres(self) -> dict[str, float]:
        """Each window's middle, by its rule's name."""
        return {pick.rule.name: pick.centre for pick in self.picks if pick.centre is not None}

    @property
    def spots(self) -> frozenset[int]:
        """Whose prices move a window."""
        return frozenset(pick.spot.token for pick in self.picks if pick.spot is not None)

    @property
    def problems(self) -> tuple[str, ...]:
        """What a person should know, one sentence a rule."""
        return tuple(pick.problem for pick in self.picks if pick.problem is not None)


def resolve(
    rules: Sequence[Rule],
    listing: Listing,
    *,
    today: date,
    prices: Mapping[int, float],
    centres: Mapping[str, float] = MappingProxyType({}),
) -> Resolution:
    """What the rules come to today; `prices` are the last ones by token, `centres` where the windows stood."""
    picks = tuple(_pick(rule, listing, today, prices, centres.get(rule.name)) for rule in rules)
    return Resolution(picks, MappingProxyType(_merge(picks)))


def is_off_centre(pick: Pick, price: float) -> bool:
    """Whether the window must move: the spot is a whole `recentre` away from its middle, or has its first price."""
    if not isinstance(pick.rule, Options) or pick.spot is None:
        return False
    if pick.centre is None or pick.step is None:
        return pick.waiting
    down, up = pick.step
    away = price - pick.centre
    return abs(away) >= pick.rule.recentre * (up if away > 0 else down)


def most(rules: Iterable[Rule]) -> int:
    """How many instruments the rules can come to at the very most: each window may need its spot besides."""
    return sum(rule.most + isinstance(rule, Options) for rule in rules)


def _pick(rule: Rule, listing: Listing, today: date, prices: Mapping[int, float], centre: float | None) -> Pick:
    match rule:
        case Futures():
            return _pick_futures(rule, listing, today)
        case Options():
            return _pick_options(rule, listing, today, prices, centre)
        case Listed():
            return _pick_listed(rule, listing)
        case _:
            assert_never(rule)


def _pick_futures(rule: Futures, listing: Listing, today: date) -> Pick:
    found = {name: listing.futures(rule.exchange, name, today)[: rule.contracts] for name in rule.underlyings}
    short = [
        f"{len(each)} of {rule.contracts} for {name}" for name, each in found.items() if len(each) < rule.contracts
    ]
    problem = f"finds only {', '.join(short)} among the futures of {rule.exchange}" if short else None
    return Pick(rule, tuple(chain.from_iterable(found.values())), _sentence(rule, listing, problem))


def _pick_listed(rule: Listed, listing: Listing) -> Pick:
    named = {symbol: listing.find(symbol) for symbol in rule.symbols}
    missing = [symbol for symbol, each in named.items() if each is None]
    problem = f"does not find {', '.join(missing)}" if missing else None
    by_token = (listing.token(token) or Instrument(token, "", str(token), "", "") for token in rule.tokens)
    found = (each for each in chain(named.values(), by_token) if each is not None)
    return Pick(rule, tuple(found), _sentence(rule, listing, problem))


def _pick_options(
    rule: Options, listing: Listing, today: date, prices: Mapping[int, float], centre: float | None
) -> Pick:
    expiry = _expiry(rule, listing, today)
    spot = _spot(rule, listing, today)
    if expiry is None:
        nothing = f"finds no {rule.underlying} options at {rule.exchange} that expire on {today} or later"
        if listing.expiries(rule.exchange, rule.underlying, today):
            nothing = f"finds only one expiry of {rule.underlying} options at {rule.exchange}"
        return Pick(rule, problem=_sentence(rule, listing, nothing), spot=spot)
    if spot is None:
        which = f"{rule.underlying} future at {rule.exchange}" if rule.spot == FUTURE else rule.spot
        return Pick(rule, problem=_sentence(rule, listing, f"does not find its spot, {which}"), expiry=expiry)
    # Without a price, as in the first minutes of a new contract, a window stays where it stood.
    price = prices.get(spot.token) or spot.last_price or centre or 0.0
    if price <= 0:
        text = f"{_who(rule)} waits for the first price of {spot.key}."
        return Pick(rule, problem=text, waiting=True, spot=spot, expiry=expiry)
    return _window(rule, listing, spot, price=price, centre=centre, expiry=expiry)


def _window(
    rule: Options, listing: Listing, spot: Instrument, *, price: float, centre: float | None, expiry: date
) -> Pick:
    options = listing.options(rule.exchange, rule.underlying, expiry)
    ladder = sorted({each.strike for each in options})
    place = at_the_money(ladder, price)
    if centre in ladder:
        before = ladder.index(centre)
        held = Pick(rule, spot=spot, centre=centre, step=_step(ladder, before))
        place = place if is_off_centre(held, price) else before
    strikes = ladder[max(0, place - rule.strikes) : place + rule.strikes + 1]
    low, high = strikes[0], strikes[-1]
    chosen = tuple(each for each in options if low <= each.strike <= high)
    problem = None
    if len(chosen) < rule.most:
        problem = f"finds only {len(chosen)} of {rule.most} options around {ladder[place]:g}"
    return Pick(
        rule,
        chosen,
        _sentence(rule, listing, problem),
        spot=spot,
        price=price,
        centre=ladder[place],
        step=_step(ladder, place),
        expiry=expiry,
    )


def at_the_money(ladder: Sequence[float], price: float) -> int:
    """The place of the strike nearest to the price; exactly between two, the lower one's."""
    above = bisect_left(ladder, price)
    if above == 0:
        return 0
    if above == len(ladder):
        return above - 1
    return above - 1 if price - ladder[above - 1] <= ladder[above] - price else above


def _step(ladder: Sequence[float], place: int) -> tuple[float, float]:
    """How far the next strikes are, down and up; at an end of the ladder there is no way on."""
    down = ladder[place] - ladder[place - 1] if place else float("inf")
    up = ladder[place + 1] - ladder[place] if place + 1 < len(ladder) else float("inf")
    return down, up


def _expiry(rule: Options, listing: Listing, today: date) -> date | None:
    expiries = listing.expiries(rule.exchange, rule.underlying, today)
    match rule.expiry:
        case "nearest":
            return expiries[0] if expiries else None
        case "next":
            return expiries[1] if len(expiries) > 1 else None
        case "monthly":
            return monthly(expiries)[0] if expiries else None
        case _:
            assert_never(rule.expiry)


def monthly(expiries: Sequence[date]) -> list[date]:
    """The last expiry of each calendar month: what exchanges call the monthly one, whatever its weekday."""
    return list({(expiry.year, expiry.month): expiry for expiry in sorted(expiries)}.values())


def _spot(rule: Options, listing: Listing, today: date) -> Instrument | None:
    if rule.spot != FUTURE:
        return listing.find(rule.spot)
    return next(iter(listing.futures(rule.exchange, rule.underlying, today)), None)


def _sentence(rule: Rule, listing: Listing, problem: str | None) -> str | None:
    if problem is None:
        return None
    dump = "there is no dump yet" if listing.day is None else f"by the dump of {listing.day}"
    return f"{_who(rule)} {problem} ({dump})."


def _who(rule: Rule) -> str:
    return f"rule {rule.name!r}"


def _merge(picks: Iterable[Pick]) -> dict[int, Chosen]:
    chosen: dict[int, Chosen] = {}
    for pick in picks:
        for each in pick.instruments:
            _add(chosen, each, pick.rule.mode, pick.rule.name, pick.rule.freshness)
    for pick in picks:
        if pick.spot is not None and pick.spot.token not in chosen:
            _add(chosen, pick.spot, "ltp", f"{pick.rule.name} (its spot)")
    return chosen


def _add(chosen: dict[int, Chosen], instrument: Instrument, mode: str, why: str, freshness: str | None = None) -> None:
    held = chosen.get(instrument.token)
    if held is None:
        chosen[instrument.token] = Chosen(instrument, mode, (why,), freshness)
    else:
        richest = max(held.mode, mode, key=MODES.index)
        named = [each for each in (held.freshness, freshness) if each is not None]
        strictest = min(named, key=CLASSES.index, default=None)
        chosen[instrument.token] = Chosen(held.instrument, richest, (*held.why, why), strictest)
