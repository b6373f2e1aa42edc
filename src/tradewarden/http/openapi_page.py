"""The document of the API as a page for people: plain HTML, made by `make docs` and served as it is."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from html import escape
from string import Template
from typing import Any, Final
from urllib.parse import quote

from tradewarden.http.openapi import DESK, FOLDER
from tradewarden.http.openapi_kinds import kind_of

_WHO: Final = {
    "anybody": "anybody",
    "machine": "a program on this machine, or an admin",
    "viewer": "whoever is signed in",
    "trader": "a trader or an admin",
    "admin": "an admin",
}

_ABOUT: Final = """\
`TOKEN` in the examples is the admin token, or an API token that `tradewarden token add` has shown. Commands on this \
machine use the control socket and need none.
A browser that has signed in sends its cookie, and `X-CSRF-Token` with whatever changes something. Requests that a \
browser sends from another site are refused.
Every moment has its offset; every amount of memory or disk is in bytes."""

Document = Mapping[str, Any]


def page(document: Document) -> str:
    """The whole page."""
    template = Template((FOLDER / "page.html").read_text(encoding="utf-8"))
    about = "\n".join(f"<p>{_marked(text)}</p>" for text in (document["info"]["description"], *_ABOUT.splitlines()))
    lines = [
        *_contents(document),
        *(line for tag in document["tags"] for line in _noun(tag, document)),
        *_models(document["components"]["schemas"]),
    ]
    return template.substitute(
        about_html=about, page_html="\n".join(lines), version=escape(document["info"]["version"])
    )


def _operations(document: Document, tag: str) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield method.upper(), path, operation


def _contents(document: Document) -> Iterator[str]:
    yield '<nav class="contents" aria-label="Contents">'
    for tag in document["tags"]:
        found = list(_operations(document, tag["name"]))
        if not found:
            continue
        yield f'<details><summary>{escape(tag["name"])} <span class="count">{len(found)}</span></summary><ul>'
        for method, path, operation in found:
            yield f'<li><a href="#{operation["operationId"]}"><b>{method}</b> <code>{_soft(path)}</code></a></li>'
        yield "</ul></details>"
    yield "</nav>"


def _noun(tag: Document, document: Document) -> Iterator[str]:
    found = list(_operations(document, tag["name"]))
    if found:
        yield f'<section><h2 id="{_anchor(tag["name"])}">{escape(tag["name"])}</h2><p>{escape(tag["description"])}</p>'
        for method, path, operation in found:
            yield from _operation(method, path, operation, document["components"]["schemas"])
        yield "</section>"


def _operation(method: str, path: str, operation: Document, schemas: Mapping[str, Document]) -> Iterator[str]:
    yield f'<article id="{operation["operationId"]}">'
    yield f'<h3><b class="method">{method}</b> <code>{_soft(path)}</code></h3>'
    yield f"<p>{_sentence(operation['summary'])}</p>"
    if operation["description"] != operation["summary"]:
        yield f"<p>{_marked(operation['description'])}</p>"
    yield f'<p class="who">For {_WHO[operation["x-needs"]]}{_scope(operation)}.</p>'
    yield f'<pre tabindex="0"><code>{escape(curl(method, path, operation))}</code></pre>'
    yield from _sent(operation, schemas)
    yield '<h4>Answers</h4><table class="wide answers"><tbody>'
    for status, answer in operation["responses"].items():
        yield f'<tr><th scope="row">{status}</th><td>{_sentence(answer["description"])}{_content(answer)}</td></tr>'
    yield "</tbody></table></article>"


def _scope(operation: Document) -> str:
    if operation["x-needs"] in ("anybody", "machine"):
        return ""
    if operation["x-scope"] is None:
        return ", signed in lately; no API token is let through"
    return f"; an API token needs the scope <code>{operation['x-scope']}</code>"


def curl(method: str, path: str, operation: Document) -> str:
    """How somebody tries it from a terminal."""
    asks = operation["x-asks"]
    samples = {each["name"]: str(each["example"]) for each in operation.get("parameters", ()) if each["in"] == "path"}
    target = re.sub(r"\{(\w+)\}", lambda name: samples[name[1]], path) + asks
    kinds = [kind for answer in operation["responses"].values() for kind in answer.get("content", ())]
    example = _example(operation)
    words = ["curl"]
    words += ["-N"] if "text/event-stream" in kinds else []
    words += ["-o backup.tar"] if "application/x-tar" in kinds else []
    words += [f"-X {method}"] if method != "GET" and (method != "POST" or example is None) else []
    lines = [" ".join(words)]
    lines += ['-H "Authorization: Bearer $TOKEN"'] if operation["security"] else []
    if example is not None:
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(json.dumps(example, ensure_ascii=False))}"]
    return " \\\n  ".join([*lines, f"'{DESK}{quote(target, safe='/?&=:,%{}+-')}'"])


def _example(operation: Document) -> Any:
    content = operation.get("requestBody", {}).get("content", {})
    return content.get("application/json", {}).get("example")


def _sent(operation: Document, schemas: Mapping[str, Document]) -> Iterator[str]:
    parameters = operation.get("parameters", ())
    if parameters:
        yield '<h4>Parameters</h4><table class="wide"><tbody>'
        for each in parameters:
            where = "in the path" if each["in"] == "path" else ""
            yield _row(each["name"], each["schema"], each.get("description", where), required=each["required"])
        yield "</tbody></table>"
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        yield f'<h4>Body: {_kind(body["schema"])} <span class="count">{escape(kind)}</span></h4>'
        yield from _members(schemas[body["schema"]["$ref"].rpartition("/")[2]])


def _members(schema: Document) -> Iterator[str]:
    required, members = schema.get("required", ()), schema.get("properties", {})
    if members:
        yield '<table class="wide"><tbody>'
        for member, told in members.items():
            yield _row(member, told, told.get("description", ""), required=member in required)
        yield "</tbody></table>"


def _content(answer: Document) -> str:
    told = ""
    for kind, content in answer.get("content", {}).items():
        if kind != "application/problem+json":
            told += f' <span class="count">{escape(kind)}</span> {_kind(content.get("schema", {}))}'
    return told


def _models(schemas: Mapping[str, Document]) -> Iterator[str]:
    yield '<section><h2 id="models">Models</h2><p>What is sent and what is answered, member by member.</p>'
    for name, schema in schemas.items():
        yield f'<article id="model-{name}"><h3>{escape(name)}</h3>'
        if "description" in schema:
            yield f"<p>{_sentence(schema['description'])}</p>"
        yield from _members(schema)
        if "enum" in schema:
            yield f"<p>{_kind(schema)}</p>"
        yield "</article>"
    yield "</section>"


def _row(name: str, schema: Document, words: str, *, required: bool) -> str:
    note = "" if required else ' <span class="count">may be left out</span>'
    meaning = f": {escape(words)}" if words else ""
    return f'<tr><th scope="row"><code>{escape(name)}</code>{note}</th><td>{_kind(schema)}{meaning}</td></tr>'


def _kind(schema: Document) -> str:
    return re.sub(r"\{(\w+)\}", lambda name: f'<a href="#model-{name[1]}">{name[1]}</a>', escape(kind_of(schema)))


def _sentence(text: str) -> str:
    return _marked(f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}")


def _marked(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _soft(path: str) -> str:
    """A long path breaks behind its slashes."""
    return escape(path).replace("/", "/<wbr>")


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")
