"""`tradewarden down` where no daemon lives: the programs run on without one, so they can be ended without one."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

from tradewarden.commands.terminal import complain, say

if TYPE_CHECKING:
    from tradewarden.settings import Settings

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def down_alone(settings: Settings, *, as_json: bool) -> int | None:
    """The exit status; none when a daemon lives, which has to be asked, or when nothing runs that could be stopped."""
    from tradewarden.orchestrator.alone import stop_alone, unkept
    from tradewarden.orchestrator.clock import SystemClock
    from tradewarden.orchestrator.keepers import Keepers, KeepersError
    from tradewarden.orchestrator.statedir import StateDirectoryError, claim
    from tradewarden.orchestrator.wishes import WishesError

    keepers = Keepers(settings.run_dir, settings.log_dir, now=SystemClock().now)
    keepers.recall()
    held = [name for name in keepers.names() if keepers.held(name)]
    held += [each.name for each in unkept(settings.programs, keepers)]
    if not held:
        return None
    try:
        with claim(settings.state_dir), closing(keepers):  # no daemon begins while its programs are stopped
            keepers.open()
            left = stop_alone(settings.programs, keepers, settings.state_dir, (lambda _: None) if as_json else _tell)
    except StateDirectoryError:
        return None
    except WishesError as error:
        complain(f"{error}.")
        return 1
    except KeepersError as error:
        complain(str(error))
        return 1
    if as_json:
        say(json.dumps({"verb": "down", "accepted": held, "left": dict.fromkeys(left, "it does not end")}))
    elif left:
        complain(f"{', '.join(left)} did not end although killed: the log of the machine may say why.")
    else:
        say("Nothing of the desk runs any more; it stays so until `tradewarden start --all`. No daemon was asked.")
    return 1 if left else 0


def _tell(line: str) -> None:
    say(f"{line[:1].upper()}{line[1:]}.")
