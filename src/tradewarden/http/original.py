"""The words of the original state-orchestration API for our picture: its clients keep working unchanged."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from tradewarden.http.banner import banner, holiday
from tradewarden.http.moments import (
    clock_time,
    hours_old,
    iso_or_none,
    minutes_up,
    seconds_ahead,
    tick_age,
)
from tradewarden.machines.headline import foremost
from tradewarden.machines.report import Layer, Picture, SegmentReport, Severity

_TITLES = MappingProxyType(
    {
        "PRE_OPEN": ("Pre-Open Session", "🔵", "blue"),
        "AUCTION_FREEZE": ("Auction Freeze", "🟡", "yellow"),
        "LIVE": ("Market Live", "🟢", "green"),
        "CLOSED": ("Market Closed", "🔴", "red"),
    }
)
_AUTH = MappingProxyType(
    {
        "valid": "valid",
        "expiring": "valid",
        "expired": "expired",
        "required": "login_required",
        "unknown": "refreshing",
        "verifying": "refreshing",
        "exchanging": "refreshing",
    }
)
_FEED = MappingProxyType(
    {
        "halted": "disconnected",
        "blocked_on_auth": "disconnected",
        "backing_off": "disconnected",
        "connecting": "connecting",
        "connected": "connecting",
        "streaming": "connected",
        "stale": "stale",
    }
)
_QUALITY = MappingProxyType({"connected": 100, "connecting": 50, "stale": 50, "disconnected": 0})
_FREE_RECONNECTS = 5  # in one window; each further one costs 5 points of quality, at most 30


def phase_of(segment: SegmentReport) -> str:
    """PRE_OPEN, AUCTION_FREEZE, LIVE or CLOSED."""
    if segment.session == "mock":
        return "CLOSED"
    match segment.state:
        case "pre_open":
            return "AUCTION_FREEZE" if segment.phase in ("match", "buffer") else "PRE_OPEN"
        case "live" | "closing_auction":
            return "LIVE"
        case _:
            return "CLOSED"


def market_words(picture: Picture) -> dict[str, Any]:
    """The `market` object; it follows the headline's segment."""
    segment = foremost(picture.market.segments)
    phase = phase_of(segment)
    title, icon, color = _TITLES[phase]
    left = None if segment.next_at is None else seconds_ahead(segment.next_at, picture.now)
    return {
        "phase": phase,
        "title": title,
        "description": _description(segment, phase, picture),
        "icon": icon,
        "color": color,
        "is_trading_hours": phase != "CLOSED",
        "data_flow_expected": segment.expected != "none",
        "seconds_to_next_phase": left,
        "next_phase_in_minutes": None if left is None else round(left / 60, 1),
    }


def _description(segment: SegmentReport, phase: str, picture: Picture) -> str:
    at = None if segment.next_at is None else clock_time(segment.next_at, picture.now)
    match phase:
        case "PRE_OPEN":
            return "Orders are collected" if at is None else f"Orders are collected until the market opens at {at}"
        case "AUCTION_FREEZE":
            return "Orders are matched" if at is None else f"Orders are matched; the market opens at {at}"
        case "LIVE":
            doing = "Closing auction" if segment.state == "closing_auction" else "Active trading"
            return doing if at is None else f"{doing} until {at}"
        case _:
            return _closed(segment, at)


def _closed(segment: SegmentReport, at: str | None) -> str:
    if segment.state == "unknown":
        return f"No calendar beyond {segment.covered_until.isoformat()}"
    why = holiday(segment) or ("Weekend" if segment.reason == "weekend" else "Market closed")
    if at is None:
        return why
    return f"{why}; next: {(segment.next_state or '').replace('_', '-')} {at}"


def auth_state(state: str) -> str:
    """The token's state in the original's words."""
    return _AUTH[state]


def auth_words(picture: Picture, *, private: bool) -> dict[str, Any]:
    """The `auth` object; what only the logged in may see is null for others."""
    auth = picture.auth
    state = _AUTH[auth.state]
    return {
        "state": state,
        "is_valid": state == "valid",
        "requires_login": state in ("login_required", "expired"),
        "token_age_hours": hours_old(auth.minted_at, picture.now) if private else None,
        "last_success": iso_or_none(auth.verified_at) if private else None,
        "consecutive_failures": auth.failures if private else None,
    }


def feed_words(picture: Picture, *, ticks: int) -> dict[str, Any]:
    """The `feed` object. Numbers that its clients format are never null."""
    feed = picture.feed
    state = _FEED[feed.state]
    penalty = min(30, 5 * max(0, feed.reconnects_in_window - _FREE_RECONNECTS))
    return {
        "state": state,
        "is_healthy": state == "connected",
        "is_stale": state == "stale",
        "requires_reconnect": state in ("disconnected", "stale"),
        "last_tick_seconds_ago": tick_age(feed.last_tick_at, picture.now),
        "uptime_minutes": minutes_up(feed.up_since, picture.now),
        "total_ticks": ticks,
        "total_reconnects": feed.reconnects_total,
        "connection_quality": float(max(0, _QUALITY[state] - penalty)),
    }


def priority(picture: Picture) -> dict[str, str]:
    """The `priority_*` pair: what a banner shows first."""
    line, text = picture.headline, banner(picture).text
    if line.code in ("auth.required", "auth.configuration"):
        status = "AUTH_REQUIRED"
    elif line.severity is Severity.CRITICAL and line.layer in (Layer.SYSTEM, Layer.AUTH, Layer.FEED):
        status = "FEED_DISCONNECTED"
    else:
        status = "MARKET_SESSION"
    calm = status == "MARKET_SESSION" and line.severity is Severity.OK
    return {
        "priority_status": status,
        "priority_message": market_words(picture)["description"] if calm else text,
    }
