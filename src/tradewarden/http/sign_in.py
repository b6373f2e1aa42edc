"""The page on which people sign in and out and choose a password; plain forms, so that it needs no script."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import Final

from aiohttp import web

from tradewarden.http.problems import TITLES, ProblemError
from tradewarden.machines.password import LONGEST, SHORTEST
from tradewarden.machines.role import Visit

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # without a referrer a browser names no origin of a form, and we take none
}
_RULES: Final = (
    f"A password has {SHORTEST} characters or more, at least 5 of them different, and is none that everybody tries"
    " first: four words that belong to no sentence are a good one."
)
_SIGN_IN: Final = f"""<form class="form" method="post" action="/api/session">
<label>Name <input name="name" autocomplete="username" autocapitalize="none" maxlength="32" required autofocus></label>
<label>Password
<input name="password" type="password" autocomplete="current-password" maxlength="{LONGEST}" required></label>
<button class="login">Sign in</button>
</form>"""
_CHANGE: Final = """<form class="form" method="post" action="/api/session/password">
<input type="hidden" name="csrf" value="{csrf}">
<label>{old} <input name="old" type="password" autocomplete="current-password" maxlength="{most}" required></label>
<label>New password
<input name="new" type="password" autocomplete="new-password" minlength="{least}" maxlength="{most}" required></label>
<label>The new one again
<input name="again" type="password" autocomplete="new-password" minlength="{least}" maxlength="{most}" required></label>
<p class="detail">{rules}</p>
<button class="login">Change the password</button>
</form>"""
_SIGN_OUT: Final = """<form class="form" method="post" action="/sign-out">
<input type="hidden" name="csrf" value="{csrf}">
<button class="login">Sign out</button>
</form>"""


class SignIn:
    """Renders /sign-in."""

    def __init__(self, version: str) -> None:
        text = (files("tradewarden.http") / "static" / "sign_in.html").read_text(encoding="utf-8")
        self._page = Template(text).safe_substitute(version=escape(version))

    def shown(self, visit: Visit | None, problem: ProblemError | None = None) -> web.Response:
        """For somebody who signs in, or is signed in; with what went wrong."""
        title, text, forms = _told(visit)
        severity, glyph = "ok", "→"
        if problem is not None:
            is_of_fields = problem.kind == "validation"
            severity, glyph, text = "warning", "!", _why(problem)
            title = "This does not do" if is_of_fields else TITLES[problem.kind]
        body = Template(self._page).substitute(
            severity=severity, glyph=glyph, title=escape(title), text=escape(text), forms_html=forms
        )
        headers = _HEADERS | ({} if problem is None else problem.headers)
        return web.Response(status=200 if problem is None else problem.status, body=body.encode(), headers=headers)


def _told(visit: Visit | None) -> tuple[str, str, str]:
    if visit is None:
        text = (
            "An admin of the desk gives you a name and a one-time password. Without them the page shows how the desk"
            " does, but no jobs and no programs."
        )
        return "Sign in", text, _SIGN_IN
    person = visit.person
    if visit.csrf is None:
        return "No need to sign in", f"This is the desk's own door: you are an admin as {person.by}.", ""
    values = {"csrf": escape(visit.csrf), "least": SHORTEST, "most": LONGEST, "rules": _RULES}
    if visit.must_change:
        text = f"You signed in with a one-time password, {person.name}: the desk opens once you have your own."
        return "Choose a password", text, _CHANGE.format(old="One-time password", **values) + _SIGN_OUT.format(**values)
    text = f"You are a {person.role} of this desk. A new password signs you out everywhere else."
    forms = _SIGN_OUT.format(**values) + _CHANGE.format(old="Present password", **values)
    return f"Signed in as {person.name}", text, forms


def _why(problem: ProblemError) -> str:
    details = [str(error["detail"]) for error in problem.more.get("errors", ())]
    why = "; ".join([*details, *filter(None, [str(problem.more.get("detail", ""))])])
    return f"{why[:1].upper()}{why[1:]}." if why else ""
