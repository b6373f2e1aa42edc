"""Who is told when a person must act, by every way out that is configured."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING

from tradewarden.http.account_words import account_words
from tradewarden.http.banner import banner
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.forecast import Forecaster
from tradewarden.orchestrator.report import Reports
from tradewarden.wiring.accounts import secret_of

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.orchestrator.alerts import Alerts
    from tradewarden.orchestrator.senders.delivery import Sender
    from tradewarden.settings import AlertSettings, Settings


def alarm(settings: Settings, reports: Reports, forecaster: Forecaster, clock: Clock, spawn: Spawn) -> Alerts | None:
    """Whoever tells people; nobody, while no way out is configured. Redis hears of headlines where it wants to."""
    tell_redis(settings, reports, spawn)
    senders = senders_of(settings.alerts)
    if not senders:
        return None
    from tradewarden.machines.alert import AlertRules  # noqa: PLC0415 - 1.5 MB that a desk without alerts does not need
    from tradewarden.orchestrator.alerts import Alerts  # noqa: PLC0415

    alerts = Alerts(
        AlertRules(time.fromisoformat(settings.kite.warn_at)),
        clock,
        spawn,
        senders=senders,
        words=banner,
        accounts={
            name: AlertRules(time.fromisoformat(account.warn_at), account=name)
            for name, account in settings.accounts.items()
        },
        account_words=account_words,
        session=forecaster.session,
        link=f"{settings.http.public_url}/login",
        path=settings.state_dir / "alerts.json",
    )
    alerts.begin()
    reports.deliveries = alerts.report
    reports.subscribe(alerts.look)
    reports.subscribe_ages(alerts.look)
    return alerts


def senders_of(settings: AlertSettings) -> list[Sender]:
    """Every way out that is configured, the others not even loaded."""
    senders: list[Sender] = []
    if (url := secret_of(settings.webhook_url)) is not None:
        from tradewarden.orchestrator.senders.webhook import Webhook  # noqa: PLC0415

        senders.append(Webhook(url))
    token, chat = secret_of(settings.telegram_bot_token), settings.telegram_chat_id
    if token is not None and chat is not None:
        from tradewarden.orchestrator.senders.telegram import Telegram  # noqa: PLC0415

        senders.append(Telegram(api_url=settings.telegram_url, bot_token=token, chat_id=chat))
    if settings.emails:
        from tradewarden.orchestrator.senders.email import Email  # noqa: PLC0415

        senders.append(
            Email(
                host=settings.smtp_host or "",
                port=settings.smtp_port,
                security=settings.smtp_security,
                sender=settings.email_from or "",
                recipients=settings.email_to,
                user=settings.smtp_user,
                password=secret_of(settings.smtp_password),
            )
        )
    return senders


def tell_redis(settings: Settings, reports: Reports, spawn: Spawn) -> None:
    """Each new headline into Redis under the original's name, where the original's other names are kept too."""
    redis = settings.sinks.redis
    if not (redis.enabled and redis.originals):
        return
    from tradewarden.feed.redis_server import RedisServer  # noqa: PLC0415 - 6 MB with its library
    from tradewarden.orchestrator.alert_stream import AlertStream  # noqa: PLC0415

    server = RedisServer(redis.url, username=redis.username, password=secret_of(redis.password))
    reports.subscribe(AlertStream(server, spawn, broker=redis.broker, words=banner).look)
