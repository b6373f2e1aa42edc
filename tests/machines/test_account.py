"""The account that everything means when no other is named."""

from __future__ import annotations

from tradewarden.machines.account import FEEDING
from tradewarden.machines.condition import TokenValid, parse


def test_the_feeding_account_has_the_name_of_its_table() -> None:
    assert FEEDING == "kite"
    assert parse("auth valid") == TokenValid("kite")
