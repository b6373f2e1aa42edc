"""The rules while the daemon runs: read again when somebody asks, and kept when the new ones cannot be used."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from tradewarden.machines.instruments import Rule, most
from tradewarden.orchestrator.instruments import InstrumentsDriver
from tradewarden.orchestrator.rule_files import RuleError, load_rules

log = structlog.get_logger()


class RulesKeeper:
    """Gives the instruments their rules: those of the settings, and the rule files as they are now."""

    def __init__(
        self, fixed: Sequence[Rule], names: Sequence[str], instruments: InstrumentsDriver, *, capacity: int
    ) -> None:
        self._fixed, self._names = tuple(fixed), tuple(names)
        self._instruments = instruments
        self._capacity = capacity  # of the connections that were made at the start

    def read_files(self) -> None:
        """Follow the rules whole and settle the difference, or keep the last good ones and say what is wrong."""
        try:
            rules = (*self._fixed, *load_rules(self._names))
        except RuleError as error:
            more = len(error.problems) - 1
            self._refuse(f"{error.problems[0]}" + (f" (and {more} more)" if more else ""), error.problems)
            return
        if most(rules) > self._capacity:
            text = (
                f"the rules come to up to {most(rules)} instruments, and the connections that were made at the start "
                f"carry {self._capacity}: restart tradewarden"
            )
            self._refuse(text, (text,))
            return
        self._instruments.use(rules)

    def _refuse(self, text: str, problems: Sequence[str]) -> None:
        for problem in problems:
            log.warning("instruments.rules_refused", problem=problem)
        self._instruments.refuse(f"a rule file is not used: {text}")
