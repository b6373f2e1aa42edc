"""The simulator's pages for people, as plain HTML that needs no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from tradewarden.simulator.packets import MALFORMED
from tradewarden.simulator.world import CHOICES, LONGEST_DRIP_MS, World

if TYPE_CHECKING:
    from collections.abc import Mapping

_CSS: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #f6f7f9; --card: #fff; --line: #c9d1d9;
  --good: #14713a; --bad: #a3300f; --mark: #0b5cad; --on: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebef; --soft: #a4adb8; --paper: #101418; --card: #1a2027;
  --line: #3a444f; --good: #5cd68a; --bad: #ff9b78; --mark: #78b4f5; --on: #0b0f14 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 52rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: .5rem 0 } h2 { font-size: 1.1rem; margin: 0 0 .25rem }
p { margin: .25rem 0 .75rem } a { color: var(--mark) } code { overflow-wrap: anywhere }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 1rem 0 }
.row { display: grid; grid-template-columns: 15rem 1fr; gap: .25rem 1rem; padding: .6rem 0;
  border-top: 1px solid var(--line) }
.row:first-of-type { border-top: 0 } .soft { color: var(--soft); font-size: .9rem }
.buttons { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: 0 }
button, input, .button { font: inherit; min-height: 44px; padding: .4rem .9rem; border: 1px solid var(--line);
  border-radius: .5rem; background: var(--card); color: var(--ink) }
button { cursor: pointer } button:hover { border-color: var(--ink) }
:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px }
.good { color: var(--good); font-weight: 600 } .bad { color: var(--bad); font-weight: 600 }
button.good { border: 2px solid var(--good) } button.bad { border: 2px solid var(--bad) }
button.main { background: var(--mark); color: var(--on); border-color: var(--mark); font-weight: 600;
  min-height: 52px; width: 100% }
.button { display: inline-flex; align-items: center; text-decoration: none }
.apart { margin-top: 1rem }
input { width: 8rem } label.field { display: block; margin: .75rem 0 } label.field input { display: block; width: 100% }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 0 } dd { margin: 0 }
summary { min-height: 44px; padding: .6rem 0; cursor: pointer }
@media (max-width: 40rem) { .row, dl { grid-template-columns: 1fr } dd { margin-bottom: .5rem } }
"""

_TOLD: Final = {
    "profile": ("Profile", "what a desk hears when it asks whether its token is good"),
    "socket": ("New sockets", "what a dial gets; a blackhole also swallows what is open"),
    "heartbeats": ("Heartbeats", "one byte a second on every open socket"),
    "ticks": ("Ticks", "prices of what is subscribed"),
    "http": ("REST", "every call of the REST interface"),
    "drip_ms": ("Slow drip", "milliseconds that every frame takes to leave"),
    "silent": ("Silent instruments", "tokens of which nothing comes, not even a snapshot; 256265 is NIFTY 50"),
}
_SAID: Final = {
    "drop_socket": "Every open socket was reset.",
    "expire_token": "The current access token is dead. Open sockets go on; the next dial is refused.",
    "malformed_frame": "A malformed frame went out on every open socket.",
}


def people(state: Mapping[str, object], *, world: World, url: str, ws_url: str, replay: str | None, said: str) -> str:
    """The page on which a person sees what the broker does, and makes it misbehave."""
    normal = world == World()
    mark, word = ("●", "behaves normally") if normal else ("!", "misbehaves")
    kind = "good" if normal else "bad"
    rows = "".join(_row(name, value) for name, value in world.as_dict().items())
    told = f'<p role="status" class="card">{_SAID[said]}</p>' if said in _SAID else ""
    tokens = state["tokens"]
    newest = tokens[-1] if isinstance(tokens, list) and tokens else "none yet"
    facts = {
        "Open sockets": state["sockets"],
        "Dials so far": state["dials"],
        "Account": state["user_id"],
        "API key": state["api_key"],
        "Newest access token": newest,
        "REST": f'KiteConnect(api_key="{state["api_key"]}", root="{url}")',
        "Ticker": f'KiteTicker("{state["api_key"]}", access_token, root="{ws_url}")',
        "Prices": f"replayed from {replay}" if replay else "a random walk",
    }
    listing = "".join(
        f"<dt>{escape(name)}</dt><dd><code>{escape(str(value))}</code></dd>" for name, value in facts.items()
    )
    kinds = "".join(
        f'<button name="kind" value="{name}">{escape(name.replace("_", " "))}</button>' for name in MALFORMED
    )
    return _document(
        f"{mark} Simulated Kite {word}",
        f"""<h1>Simulated Kite <span class="{kind}">{mark} {word}</span></h1>
<p>A broker that exists only on this machine. Its prices, accounts and tokens are invented.</p>{told}
<section class="card"><h2>How it behaves</h2>{rows}
<form method="post" action="/world" class="buttons apart">{_normal()}<button>Back to normal</button>
<a class="button" href="/">Look again</a></form></section>
<section class="card"><h2>Do it once</h2><form method="post" action="/do" class="buttons">
<button name="do" value="drop_socket">Drop the sockets</button>
<button name="do" value="expire_token">Expire the token</button>
<button name="do" value="malformed_frame">Send a malformed frame</button></form>
<details><summary>Which malformed frame?</summary><form method="post" action="/do" class="buttons">
<input type="hidden" name="do" value="malformed_frame">{kinds}</form></details></section>
<section class="card"><h2>What it knows</h2><dl>{listing}</dl>
<p class="soft">The same for programs: <a href="/state">GET /state</a>, POST /world, POST /do.</p></section>""",
    )


def login(*, user_id: str, api_key: str, redirect_params: str, problem: str = "") -> str:
    """The broker's login page."""
    fields = {"v": "3", "api_key": api_key, "redirect_params": redirect_params}
    hidden = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in fields.items())
    cancel = "/connect/login?" + urlencode({**fields, "cancel": "1"}, quote_via=quote)
    wrong = f'<p class="bad" role="alert">✕ {escape(problem)}</p>' if problem else ""
    return _document(
        "Simulated Kite: log in",
        f"""<section class="card"><h1>Simulated Kite: log in as {escape(user_id)}</h1>
<p>No password: nothing here is real. Another user id shows how a desk treats somebody else's account.</p>{wrong}
<form method="post" action="/connect/login">{hidden}<label class="field">User id
<input name="user_id" value="{escape(user_id)}" required maxlength="12" autocapitalize="characters"></label>
<button class="main">Log in</button></form>
<p class="apart"><a class="button" href="{escape(cancel)}">Cancel</a></p></section>""",
    )


def wrong_key(api_key: str) -> str:
    """What a browser gets that comes with a key nobody registered."""
    return _document(
        "✕ Simulated Kite: unknown api key",
        f"""<section class="card"><h1><span class="bad">✕ Unknown api key</span></h1>
<p>This simulated broker does not know the api key <code>{escape(api_key) or "(none)"}</code>.
Set <code>kite.api_key</code> to the one it was started with; <a href="/">its page</a> shows it.</p></section>""",
    )


def _row(name: str, value: object) -> str:
    title, told = _TOLD[name]
    return f"""<form method="post" action="/world" class="row"><div><strong id="{name}">{title}</strong>
<div class="soft">{told}</div></div>
<div class="buttons" role="group" aria-labelledby="{name}">{_control(name, value)}</div></form>"""


def _control(name: str, value: object) -> str:
    if name == "drip_ms":
        return (
            f'<input type="number" name="drip_ms" min="0" max="{LONGEST_DRIP_MS}" value="{value}" required '
            'aria-labelledby="drip_ms"> <button>Set</button>'
        )
    if name == "silent":
        return f'<input name="silent" value="{escape(str(value))}" aria-labelledby="silent"> <button>Set</button>'
    choices = CHOICES.get(name, ("true", "false"))
    now = str(value).lower() if isinstance(value, bool) else str(value)
    return "".join(_choice(name, choice, pressed=choice == now, normal=choice == choices[0]) for choice in choices)


def _choice(name: str, choice: str, *, pressed: bool, normal: bool) -> str:
    word = {"true": "on", "false": "off"}.get(choice, choice)
    if not pressed:
        return f'<button name="{name}" value="{choice}" aria-pressed="false">{word}</button>'
    kind, mark = ("good", "●") if normal else ("bad", "!")
    return f'<button name="{name}" value="{choice}" aria-pressed="true" class="{kind}">{mark} {word}</button>'


def _normal() -> str:
    return "".join(
        f'<input type="hidden" name="{name}" value="{str(value).lower()}">' for name, value in World().as_dict().items()
    )


def _document(title: str, body: str) -> str:
    glyph = title[0] if title[0] in "●!✕" else "K"
    icon = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><text y='14' font-size='16'>{glyph}</text></svg>"
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:image/svg+xml,{quote(icon)}"><style>{_CSS}</style></head>
<body><main>{body}</main></body></html>"""
