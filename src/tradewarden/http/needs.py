"""Who may use which path: one row each, and a path without one keeps the daemon from starting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from tradewarden.machines.role import Need, Scope


@dataclass(frozen=True, slots=True)
class Way:
    """What a path needs of whoever asks: a role, and of a token the scope."""

    need: Need
    scope: Scope = Scope.READ
    unchanged: bool = False  # also for a person who must change the password first
    costly: bool = False  # to tell: nobody may ask for it without end
    secrets: bool = False  # hands out the desk's own: to no API token, and to a browser soon after the password only


_ANYBODY: Final = Way(Need.ANYBODY)
_COSTLY: Final = Way(Need.ANYBODY, costly=True)
_MACHINE: Final = Way(Need.MACHINE)
_VIEWER: Final = Way(Need.VIEWER)
_HISTORY: Final = Way(Need.VIEWER, costly=True)
_LOGS: Final = Way(Need.TRADER, costly=True)
_ADMIN: Final = Way(Need.ADMIN, Scope.ADMIN)
_RUN: Final = Way(Need.TRADER, Scope.RUN)
_VERIFY: Final = Way(Need.ADMIN, Scope.VERIFY)

_ORIGINAL: Final = "/api/v1/service"
_HEALTH: Final = "/api/system/health"
_DOCUMENTS: Final = ("", "/summary", "/auth", "/feed", "/market")

# How long after a password was given the browser is still taken for its person where secrets are handed out.
FRESH: Final = timedelta(minutes=15)
# Of one person in seconds: each deed may be a whole write, and a row that is kept for long.
DEEDS: Final = (300, 60.0)
# The same of what is costly to tell: the ledger, files or a hundred kilobytes; of strangers each address.
READS: Final = (600, 60.0)
NEEDS: Final[Mapping[tuple[str, str], Way]] = MappingProxyType(
    {
        ("GET", "/"): _ANYBODY,
        ("GET", "/livez"): _ANYBODY,
        ("GET", "/readyz"): _ANYBODY,
        ("GET", "/metrics"): _MACHINE,
        ("GET", "/static/{name}"): _ANYBODY,
        ("GET", "/docs"): _COSTLY,
        ("GET", "/docs/health"): _ANYBODY,
        ("GET", "/openapi.json"): _COSTLY,
        ("GET", "/problems/{kind}"): _ANYBODY,
        # How the desk does; whoever is signed in is told more.
        **{("GET", f"{root}{_HEALTH}{name}"): _ANYBODY for root in ("", "/compat") for name in _DOCUMENTS},
        **{("OPTIONS", f"{root}{_HEALTH}{name}"): _ANYBODY for root in ("", "/compat") for name in _DOCUMENTS},
        ("GET", f"{_HEALTH}/events"): _ANYBODY,
        ("GET", f"/compat{_HEALTH}/events"): _ANYBODY,
        ("GET", "/api/sinks"): _ANYBODY,
        ("GET", "/api/gaps"): _COSTLY,
        ("GET", "/api/market/calendar"): _ANYBODY,
        # The broker's login binds itself to the broker's account; its token is an admin's business.
        ("GET", "/login"): _ANYBODY,
        ("GET", "/api/auth/login"): _ANYBODY,
        ("GET", "/compat/api/auth/login"): _ANYBODY,
        ("GET", "/auth/callback"): _ANYBODY,
        ("POST", f"{_HEALTH}/auth/verify"): _VERIFY,
        ("POST", f"/compat{_HEALTH}/auth/verify"): _VERIFY,
        ("POST", "/api/auth/errors"): _VERIFY,
        ("POST", "/api/auth/logout"): _ADMIN,
        # People: who asks, and who there is.
        ("GET", "/sign-in"): _ANYBODY,
        ("POST", "/sign-out"): _ANYBODY,
        ("GET", "/api/session"): _ANYBODY,
        ("POST", "/api/session"): _ANYBODY,
        ("DELETE", "/api/session"): _ANYBODY,
        ("POST", "/api/session/password"): Way(Need.VIEWER, Scope.ADMIN, unchanged=True),
        ("GET", "/api/tokens"): Way(Need.VIEWER, Scope.ADMIN),
        ("POST", "/api/tokens"): Way(Need.VIEWER, Scope.ADMIN),
        ("DELETE", "/api/tokens/{id}"): Way(Need.VIEWER, Scope.ADMIN),
        ("GET", "/api/users"): _ADMIN,
        ("POST", "/api/users"): _ADMIN,
        ("PATCH", "/api/users/{name}"): _ADMIN,
        ("GET", "/api/audit"): Way(Need.ADMIN, Scope.ADMIN, costly=True),
        # What is streamed and recorded.
        ("GET", "/api/instruments"): _VIEWER,
        ("GET", "/api/quotes"): _VIEWER,
        ("GET", "/api/retention"): _HISTORY,
        ("POST", "/api/retention"): _ADMIN,
        ("POST", "/api/query"): _ADMIN,
        ("POST", "/api/validate"): _ADMIN,
        ("POST", "/api/backup"): Way(Need.ADMIN, Scope.ADMIN, secrets=True),
        ("POST", "/api/market/override"): _ADMIN,
        ("DELETE", "/api/market/override/{segment}"): _ADMIN,
        # The desk's programs.
        ("GET", "/api/services"): _VIEWER,
        ("GET", "/api/services/{name}"): _VIEWER,
        ("GET", "/api/desk/plan"): _VIEWER,
        **{
            ("POST", f"/api/services/{{name}}/{verb}"): _ADMIN
            for verb in ("start", "stop", "restart", "enable", "disable", "auto-restart")
        },
        **{("POST", f"/api/desk/{verb}"): _ADMIN for verb in ("start", "stop", "restart", "reload", "down")},
        # The desk's jobs: each sees the own ones, an admin all.
        ("GET", "/api/schedules"): _VIEWER,
        ("GET", "/api/schedules/preview"): _HISTORY,
        ("POST", "/api/schedules"): _ADMIN,
        ("POST", "/api/schedules/{job}"): _ADMIN,
        ("GET", "/api/runs"): _HISTORY,
        ("GET", "/api/runs/statistics"): _HISTORY,
        ("GET", "/api/runs/{id}"): _VIEWER,
        ("POST", "/api/runs"): _RUN,
        ("POST", "/api/runs/{id}/stop"): _RUN,
        ("GET", "/api/standings"): _VIEWER,
        ("POST", "/api/standings"): _RUN,
        ("GET", "/api/signals"): _HISTORY,
        ("POST", "/api/signals"): _ADMIN,
        ("GET", f"{_ORIGINAL}/schedules"): _VIEWER,
        **{("GET", f"{_ORIGINAL}/{name}"): _HISTORY for name in ("status", "history", "tasks")},
        ("GET", f"{_ORIGINAL}/individual/status"): _VIEWER,
        **{("POST", f"{_ORIGINAL}/individual/{verb}"): _RUN for verb in ("start", "stop", "run-once")},
        **{("POST", f"{_ORIGINAL}/{verb}"): _RUN for verb in ("start", "stop")},
        ("POST", f"{_ORIGINAL}/analysis/run"): _ADMIN,
        ("PUT", f"{_ORIGINAL}/schedules/{{task_name}}"): _ADMIN,
        # Their logs: a trader's own jobs write logs, too.
        ("GET", "/api/logs"): _LOGS,
        ("GET", "/api/logs/{name}"): _LOGS,
        ("GET", "/api/logs/stream"): Way(Need.TRADER),
    }
)
