"""A line of JSON, written and found again with very little memory: json would be a quarter of a keeper's own."""

from __future__ import annotations

_PLAIN = "".join(chr(each) for each in range(32, 127) if each not in b'"\\')


def line_of(facts: dict[str, object]) -> bytes:
    """One JSON object of plain values, with its newline."""
    return ("{" + ", ".join([f'"{name}": {_value(fact)}' for name, fact in facts.items()]) + "}\n").encode()


def event_of(line: bytes) -> dict[str, str] | None:
    """What a line that a keeper wrote says, its values as they stand there; none for half a line or another shape.

    A text with a comma in it is not found again: nothing that is looked for has one.
    """
    if not line.startswith(b'{"ev": "') or not line.endswith(b"}"):
        return None
    facts = {}
    for pair in line[1:-1].decode(errors="replace").split(", "):
        name, _, value = pair.partition(": ")
        facts[name.strip('"')] = value.strip('"')
    return facts


def _value(fact: object) -> str:
    if fact is None:
        return "null"
    if fact is True:
        return "true"
    if fact is False:
        return "false"
    if isinstance(fact, (int, float)):
        return repr(fact)
    return '"' + "".join([each if each in _PLAIN else f"\\u{ord(each):04x}" for each in str(fact)[:1000]]) + '"'
