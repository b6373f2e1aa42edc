"""The health answer's members that clients of the original API read."""

from __future__ import annotations

from typing import Literal

from tradewarden.http.models.document import Plain

Phase = Literal["PRE_OPEN", "AUCTION_FREEZE", "LIVE", "CLOSED"]
TokenState = Literal["valid", "expired", "login_required", "refreshing"]
StreamState = Literal["disconnected", "connecting", "connected", "stale"]


class OriginalMarket(Plain):
    """The market as the original API tells it."""

    phase: Phase
    title: str
    description: str
    icon: str
    color: str
    is_trading_hours: bool
    data_flow_expected: bool
    seconds_to_next_phase: int | None
    next_phase_in_minutes: float | None


class OriginalAuth(Plain):
    """The token as the original API tells it; the last three are null for the public."""

    state: TokenState
    is_valid: bool
    requires_login: bool
    token_age_hours: float | None
    last_success: str | None
    consecutive_failures: int | None


class OriginalFeed(Plain):
    """The feed as the original API tells it."""

    state: StreamState
    is_healthy: bool
    is_stale: bool
    requires_reconnect: bool
    last_tick_seconds_ago: float | None
    uptime_minutes: float
    total_ticks: int
    total_reconnects: int
    connection_quality: float
