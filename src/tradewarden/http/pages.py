"""The pages for people: plain files with the present state written into them, so that they work without script."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

from tradewarden.http import explained, job_signs, jobs_panel, recording, service_signs, services_panel
from tradewarden.http.account_words import login_link
from tradewarden.http.banner import banner, glyph_of
from tradewarden.http.documents import account_severity, ordered, view_of
from tradewarden.http.jobs_port import Jobs
from tradewarden.http.moments import clock_time, iso
from tradewarden.http.page_words import ACTS, SIGNS, WORDS
from tradewarden.http.problems import TITLES, ProblemError
from tradewarden.http.visitors import Viewer, Visitors, is_local, person_of, visit_of
from tradewarden.machines.account import FEEDING
from tradewarden.machines.headline import auth_severity, feed_severity, segment_severity
from tradewarden.machines.job_report import JobReport
from tradewarden.machines.report import AccountReport, Picture, Severity
from tradewarden.machines.role import Visit
from tradewarden.orchestrator.clock import IST

# No inline script, no inline style; `form-action 'none'` since a login is a link.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# For a browser without script; with one, note.js goes on a little sooner.
_ONWARD = '<noscript><meta http-equiv="refresh" content="5; url=/"></noscript>'
_TYPES = MappingProxyType(
    {
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "svg": "image/svg+xml",
    }
)

_OURS = 500  # status codes from here on are a fault of ours or of what lies behind us
_THEN = MappingProxyType(
    {
        "not-found": "Look at the address again, or go on to the desk.",
        "rate-limited": "Wait a moment, then try again.",
        "stopping": "Try again in a few seconds.",
    }
)


@dataclass(frozen=True, slots=True)
class Note:
    """How something ended, as a page of its own tells it."""

    status: int
    severity: Severity
    glyph: str
    title: str
    then: str
    retry: bool = True
    onward: bool = False  # nothing is left to do: the page goes on to the live desk by itself


class Pages:
    """Renders the pages from the picture and serves their few files from memory."""

    def __init__(
        self, picture: Callable[[], Picture], version: str, visitors: Visitors, jobs: Jobs | None = None
    ) -> None:
        self._picture, self._visitors, self._jobs = picture, visitors, jobs
        self._version = version
        folder = files("tradewarden.http") / "static"
        self._files: dict[str, tuple[bytes, str, str]] = {}
        self._templates: dict[str, Template] = {}
        for file in sorted(folder.iterdir(), key=lambda each: each.name):
            stem, _, ending = file.name.rpartition(".")
            if ending == "html":
                self._templates[stem] = Template(file.read_text(encoding="utf-8"))
            else:
                body = file.read_bytes()
                self._files[file.name] = (
                    body,
                    _TYPES[ending],
                    f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"',
                )

    def routes(self) -> list[web.RouteDef]:
        """The banner, its files and what explains them."""
        return [
            web.get("/", self.desk),
            web.get("/static/{name}", self.static),
            web.get("/docs/health", self.docs),
            web.get("/problems/{kind}", self.docs),
        ]

    async def static(self, request: web.Request) -> web.Response:
        """One of the page's files."""
        found = self._files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        body, kind, etag = found
        headers = {"Cache-Control": "no-cache", "ETag": etag}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers=headers | {"Content-Type": kind})

    async def desk(self, request: web.Request) -> web.Response:
        """GET /: the banner and the three machines; the programs by name for this machine and for an admin."""
        picture = self._picture()
        names = is_local(request) or self._visitors.viewer(request) is Viewer.KNOWN
        words = {
            "glyphs": {code: glyph_of(code, Severity.OK) for code in explained.CODES},
            "words": {layer: dict(words) for layer, words in WORDS.items()}
            | {
                "sinks": dict(recording.STATES),
                "services": dict(services_panel.STATES),
                "desk": dict(services_panel.DESK),
                "jobs": dict(job_signs.WORDS),
            },
            "signs": dict(SIGNS),
            "sinkSigns": dict(recording.SIGNS),
            "serviceSigns": dict(service_signs.SIGNS),
            "jobSigns": dict(job_signs.SIGNS),
            "serviceCounts": services_panel.COUNTED,
            "acts": {str(severity): act for severity, act in ACTS.items()},
        }
        services = services_panel.panel(picture.desk, names=names)
        seen = self._seen_jobs(request)
        programs = picture.desk is not None and len(picture.desk.services) > 0
        hint = "" if seen is not None else _to_see(jobs=self._are_jobs(), programs=programs and not names)
        jobs = hint or jobs_panel.panel(seen, picture.now)
        return self._page(
            200,
            "desk",
            words=orjson.dumps(words).decode(),
            services_html=services,
            jobs_html=jobs,
            person=_person(visit_of(request)),
            **self._state(picture),
        )

    def _are_jobs(self) -> bool:
        return self._jobs is not None and self._jobs.are_any()

    def _seen_jobs(self, request: web.Request) -> Sequence[JobReport] | None:
        """The jobs that whoever asks may see; nothing for one whom nobody knows."""
        person = person_of(request) if self._visitors.viewer(request) is Viewer.KNOWN else None
        return None if person is None or self._jobs is None else self._jobs.reports(person)

    async def docs(self, _request: web.Request) -> web.Response:
        """GET /docs/health: what the answer means; problems point here too."""
        codes = "".join(
            f'<tr id="{escape(code)}"><th scope="row"><code>{escape(code)}</code></th><td>{escape(text)}</td></tr>'
            for code, text in explained.CODES.items()
        )
        problems = "".join(
            f'<tr id="{escape(kind)}"><th scope="row"><code>{escape(kind)}</code></th><td>{escape(title)}.</td></tr>'
            for kind, title in TITLES.items()
        )
        return self._page(200, "docs", codes_html=codes, problems_html=problems)

    def note(self, note: Note, text: str, *, account: str | None = None) -> web.Response:
        """A page that says what happened, beside the desk's present state."""
        state = self._state(self._picture())
        back = '<p class="back"><a href="/">To the desk</a></p>'
        login = f'<a class="login" href="{escape(login_link(account))}">Log in to Kite</a>'
        desk = '<a class="login" href="/">To the desk</a>'
        told = {
            "glyph": note.glyph,
            "severity": note.severity,
            "title": note.title,
            "text_html": f'<p class="detail">{escape(text)}</p>' if text else "",
            "then": note.then,
            "button_html": login if note.retry else desk,
            "back_html": back if note.retry else "",
            "moment": "At the moment of the login" if note.onward else f"The desk at {state['clock']}",
            "onward_html": ' data-onward="/"' if note.onward else "",
            "refresh_html": _ONWARD if note.onward else "",
        }
        return self._page(note.status, "note", **state | told)

    def problem(self, problem: ProblemError, instance: str) -> web.Response:
        """What went wrong, as a page: for a person who typed or followed an address."""
        ours = problem.status >= _OURS
        severity, glyph = (Severity.CRITICAL, "✕") if ours else (Severity.WARNING, "!")
        then = f"The log has it as {instance}." if ours else _THEN.get(problem.kind, "Go back, or on to the desk.")
        note = Note(problem.status, severity, glyph, TITLES[problem.kind], then, retry=False)
        details = "; ".join(str(error["detail"]) for error in problem.more.get("errors", ()))
        response = self.note(note, f"{details}." if details else "")
        response.headers.update(problem.headers)
        return response

    def _page(self, status: int, name: str, **values: str) -> web.Response:
        safe = {key: text if key.endswith("_html") else escape(text) for key, text in values.items()}
        body = self._templates[name].substitute(safe, version=escape(self._version))
        headers = {
            "Content-Security-Policy": POLICY,
            "Cache-Control": "no-store",
            "Content-Type": "text/html; charset=utf-8",
        }
        return web.Response(status=status, text=None, body=body.encode(), headers=headers)

    def _state(self, picture: Picture) -> dict[str, str]:
        line, words, view = picture.headline, banner(picture), view_of(picture)
        now = picture.now
        clock = now.astimezone(IST)
        began = picture.started_at.astimezone(IST)
        simulated = (
            f"The clock is simulated: this desk lives on {began:%A} {began.day} {began:%B %Y}, from {began:%H:%M}."
        )
        return {
            "now": iso(now),
            "clock": f"{clock:%H:%M}",
            "today": f"{clock:%a} {clock.day} {clock:%b} {clock.year}",
            "seq": str(picture.seq),
            "code": line.code,
            "severity": line.severity,
            "glyph": words.glyph,
            "act": ACTS["login" if words.login and line.severity is Severity.CRITICAL else line.severity],
            "headline": words.text,
            "title": f"{words.glyph} {words.text} – tradewarden",  # noqa: RUF001 - a dash between two names
            "detail": words.detail,
            "since": f"since {clock_time(line.since, now)}",
            "login_href": words.login or login_link(None),
            "login_hidden_html": "" if words.login else " hidden",
            "simulated_html": f'<p class="simulated">{escape(simulated)}</p>' if picture.simulated else "",
            "auth_html": _chip("auth", "Login", picture.auth.state, auth_severity(view), _since(picture, "auth")),
            "feed_html": _chip("feed", "Feed", picture.feed.state, feed_severity(view), _since(picture, "feed")),
            "market_html": _market(picture),
            "accounts_html": _accounts(picture),
            "accounts_hidden_html": "" if picture.accounts else " hidden",
            "segments_html": _segments(picture),
            "recording_html": recording.panel(picture),
            "segments_hidden_html": "" if len(picture.market.segments) > 1 else " hidden",
        }


def _to_see(*, jobs: bool, programs: bool) -> str:
    """What somebody whom nobody knows would be shown besides."""
    what = " and ".join([*(["its jobs"] if jobs else []), *(["its programs"] if programs else [])])
    return f'<p class="back"><a href="/sign-in">Sign in</a> to see {what}.</p>' if what else ""


def _person(visit: Visit | None) -> str:
    """The word of the link to the page on which people sign in and out."""
    if visit is None or not visit.person.name:
        return "Sign in"
    return "Choose a password" if visit.must_change else f"{visit.person.name}: sign out"


def _since(picture: Picture, layer: str) -> str:
    since = picture.auth.since if layer == "auth" else picture.feed.since
    return f"since {clock_time(since, picture.now)}"


def _sign(state: str, severity: Severity) -> str:
    if severity is Severity.CRITICAL:
        return "✕"
    return SIGNS.get(state, "✓" if severity is Severity.OK else "!")


def _chip(layer: str, name: str, state: str, severity: Severity, more: str) -> str:
    word = WORDS[layer][state]
    return (
        f'<article class="chip" id="{layer}" data-status="{severity.status}"><h2>{name}</h2>'
        f'<p class="state"><span class="sign" aria-hidden="true">{_sign(state, severity)}</span> '
        f'<span class="word">{escape(word)}</span></p><p class="more">{escape(more)}</p></article>'
    )


def _market(picture: Picture) -> str:
    first = ordered(picture)[0]
    return _chip("market", "Market", first.state, segment_severity(first), _until(first.next_at, picture))


def _accounts(picture: Picture) -> str:
    """Every account of a desk with several, each with the link to its login when it needs one."""
    if not picture.accounts:
        return ""
    first = AccountReport(name=FEEDING, auth=picture.auth)
    severities = [auth_severity(view_of(picture)), *(account_severity(each, picture) for each in picture.accounts)]
    return "".join(
        f'<li data-status="{severity.status}"><span class="name">{escape(account.name)}</span> '
        f'<span class="sign" aria-hidden="true">{_sign(account.auth.state, severity)}</span> '
        f'<span class="word">{escape(WORDS["auth"][account.auth.state])}</span> '
        f'<span class="until">{_login_of(account, picture)}</span></li>'
        for account, severity in zip((first, *picture.accounts), severities, strict=True)
    )


def _login_of(account: AccountReport, picture: Picture) -> str:
    if not account.needs_login:
        return escape(f"since {clock_time(account.auth.since, picture.now)}")
    return f'<a href="{escape(login_link(account.name))}">Log in</a>'


def _segments(picture: Picture) -> str:
    return "".join(
        f'<li data-status="{segment_severity(segment).status}"><span class="name">{escape(segment.segment)}</span> '
        f'<span class="sign" aria-hidden="true">{_sign(segment.state, segment_severity(segment))}</span> '
        f'<span class="word">{escape(WORDS["market"][segment.state])}</span> '
        f'<span class="until">{escape(_until(segment.next_at, picture))}</span></li>'
        for segment in ordered(picture)
    )


def _until(moment: Any, picture: Picture) -> str:
    return "" if moment is None else f"until {clock_time(moment, picture.now)}"
