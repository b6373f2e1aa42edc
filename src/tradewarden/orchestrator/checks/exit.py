"""Has the step ended well?"""

from __future__ import annotations

from collections.abc import Callable
from signal import Signals
from typing import Final, Self

from tradewarden.orchestrator.checks.check import Subject, Verdict

MOST_CODE: Final = 255


class ExitCheck:
    """The code that a step ends with."""

    def __init__(self, exit_code: Callable[[], int | None], wanted: int = 0) -> None:
        self._exit_code, self._wanted = exit_code, wanted

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """`` or the code of a good end. Raises ValueError with what is allowed."""
        text = subject.target or "0"
        if not (text.isascii() and text.isdecimal() and int(text) <= MOST_CODE):
            raise ValueError(f"allowed is an exit code from 0 to {MOST_CODE}")
        return cls(subject.exit_code, int(text))

    async def ask(self) -> Verdict:
        """Whether it has ended, and as it should."""
        match self._exit_code():
            case None:
                return Verdict(good=False, text="it has not ended yet")
            case code if code == self._wanted:
                return Verdict(good=True, text=f"it has ended with code {code}")
            case code:
                return Verdict(good=False, text=f"it has ended {ending(code)}: its log says why")


def ending(code: int) -> str:
    """How a program ended, for a person."""
    if code >= 0:
        return f"with code {code}"
    try:
        return f"by signal {Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
