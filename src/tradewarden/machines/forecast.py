"""Whether the broker's token will live through today's session: a forecast, never a verdict."""

from __future__ import annotations

from datetime import datetime, time

# Kite throws tokens away in the early morning: by its documents at 06:00 IST, by what people see until 07:35. One that
# was minted before that hour may go with the others; only a good answer after it says that this one did not.
FLUSH = time(7, 35)

Session = tuple[datetime, datetime]  # from the first data that is due to the last


def forecast(
    *,
    now: datetime,
    minted_at: datetime | None,
    verified_at: datetime | None,
    expires_at: datetime | None,
    session: Session | None,
) -> str:
    """One word, all times in the broker's zone.

    none (no token is held), no_session (nothing is due today any more), provisional (it may be thrown away this
    morning), dies_before, dies_during, lasts, or unknown.
    """
    if minted_at is None:
        return "none"
    if session is None or now >= session[1]:
        return "no_session"
    if expires_at is not None and expires_at <= session[0]:
        return "dies_before"
    if is_provisional(now, minted_at, verified_at) and now < session[0]:
        return "provisional"
    if expires_at is None:
        return "unknown"
    return "dies_during" if expires_at < session[1] else "lasts"


def is_provisional(now: datetime, minted_at: datetime, verified_at: datetime | None) -> bool:
    """Whether the morning's flush is ahead of a token, or nobody has asked the broker since."""
    flush = datetime.combine(now.date(), FLUSH, now.tzinfo)
    return minted_at < flush and (verified_at is None or verified_at < flush)
