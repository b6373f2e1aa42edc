"""What a setting may be: addresses, hours, files, words; and the table that refuses what it does not know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def split(text: str) -> SplitResult | None:
    """The address in parts; none when its host or port cannot be one."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def url(*schemes: str) -> AfterValidator:
    """An address that begins with one of these and holds no secret."""

    def check(text: str) -> str:
        parts = split(text)
        if parts is None or parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"allowed is an address that begins with {' or '.join(f'{s}://' for s in schemes)}")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("allowed is an address without a user, a question mark or a hash")
        return text.rstrip("/")

    return AfterValidator(check)


def _hour(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text, re.ASCII):
        raise ValueError("allowed is a time of the day such as 07:35")
    return text


def _origin(text: str) -> str:
    if urlsplit(text).path:
        raise ValueError("allowed is an origin such as https://desk.example, without a path")
    return text


def _mail(text: str) -> str:
    if not re.fullmatch(r"[!-;=?A-~]+@[!-;=?A-~]+", text):
        raise ValueError("allowed is an address such as you@desk.example")
    return text


def _file(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("allowed is a path without ~, as this user has no home directory") from None


WebUrl = Annotated[str, url("https", "http")]
SocketUrl = Annotated[str, url("wss", "ws")]
Origin = Annotated[WebUrl, AfterValidator(_origin)]
Hour = Annotated[str, AfterValidator(_hour)]
File = Annotated[Path, AfterValidator(_file)]
MailAddress = Annotated[str, AfterValidator(_mail)]
Word = Annotated[str, Field(pattern=r"^[!-~]+$")]
Instrument = Annotated[int, Field(gt=0, lt=2**32)]


class Section(BaseModel):
    """One table of the file; what it does not know is an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, str_strip_whitespace=True)
