"""What may stand at one place of a body or of a query: in words for people, within limits for programs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """Stands in a model's `Annotated`: who sends something else is told these words, and so is who reads the API.

    The limits are those of a number, else of a text's or a list's length; `says` is what it means, for the document.
    """

    words: str
    least: int | None = None
    most: int | None = None
    example: object = None
    says: str = ""
