"""The mutation gate: every small fault of every machine, one at a time, and whether the tests of the machines notice.

mutants.py [--most N] [MODULE ...]   try all, or only these modules, of each at most N by chance (the same ones at
                                     each run); the results of other modules stay
mutants.py --again [MODULE ...]      of modules that have not changed since only what survived, with the tests of today

Those tests run that touch the fault's line, the quick ones first, until one fails. A process that takes much longer
than its tests should is ended and counts as noticed: such a desk stands still.
"""

# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib
import json
import os
import pickle
import platform
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from covering import Covering, Touched
from mutation_places import Mutation
from mutations import mutations
from trials import PASSED, ROOT, SOURCES, TESTS, InPlace, apart, imported_anew, run_pytest

RESULTS = TESTS / "mutants.json"
NOT_ASKED = ("test_mutants.py", "test_mutations.py", "test_properties.py")  # about faults themselves, or too long
TABLES = "test_tables.py"  # looks at the machines without running a line of them
PATIENCE = 10.0  # seconds beyond what the tests took while they were watched
SLOW = 0.5  # seconds of a watched test: such tests come last
ENDLESS = 30.0  # seconds: such tests are not asked, a hundred survivors would take a day of them
NOTICED = ("killed", "too_slow")
SEED = 20261123


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one fault: killed, too_slow, survived or unreached."""

    mutation: Mutation
    fate: str

    @property
    def noticed(self) -> bool:
        """Whether the tests would have told us."""
        return self.fate in NOTICED


def watched() -> dict[str, Touched]:
    """Run all tests of the machines without a fault: which lines each of those that pass touches.

    Whoever measures time may fail while it is watched, and would judge faults by the machine's load: it is left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "watched"

        def work() -> int:
            covering = Covering(SOURCES)
            code = run_pytest(_files(), covering, more=["--timeout=0"])
            print("\n".join(f"left out, it fails while watched: {name}" for name in covering.failed))
            others = [name for name in sys.modules if name.partition(".")[0] not in ("tradewarden", "tests")]
            kept.write_bytes(pickle.dumps((covering.passed(), others)))
            return code

        code = apart(work, 1800, loud=True)
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            raise RuntimeError(f"the tests of the machines cannot be run at all: pytest says {code}")
        tests, others = pickle.loads(kept.read_bytes())  # written by our own child
    for name in others:
        if not _is_ours(name):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    return {name: test for name, test in tests.items() if test.seconds < ENDLESS}


def _files() -> list[str]:
    return [path.name for path in sorted(TESTS.glob("test_*.py")) if path.name not in NOT_ASKED]


def _is_ours(name: str) -> bool:
    spec = sys.modules.get(name)
    place = getattr(spec, "__file__", None)
    supports = {path.stem for path in Path(__file__).parent.glob("*.py")}
    return (
        name in supports or name.startswith(("test_", "mutated_")) or bool(place and str(place).startswith(str(TESTS)))
    )


def fitting(mutation: Mutation, tests: dict[str, Touched]) -> tuple[list[str], list[str]]:
    """The tests that may notice a fault, the quick ones first: those of its own module, then all others."""
    own = (f"test_{mutation.module}.py", TABLES)
    if mutation.reach is None:
        chosen = {name: test for name, test in tests.items() if test.file in own or mutation.module in test.lines}
    else:
        lines = set(range(mutation.reach[0], mutation.reach[1] + 1))
        chosen = {name: test for name, test in tests.items() if lines & test.lines.get(mutation.module, set())}
    order = sorted(chosen, key=lambda name: (chosen[name].seconds > SLOW, chosen[name].seconds))
    return [name for name in order if chosen[name].file in own], [
        name for name in order if chosen[name].file not in own
    ]


def _told_before(path: Path, every: Sequence[Mutation]) -> dict[str, Any] | None:
    """What came of this very text when it was last tried."""
    told: dict[str, Any] = json.loads(RESULTS.read_text())["modules"].get(path.stem, {}) if RESULTS.exists() else {}
    return told if (told.get("sha256"), told.get("possible")) == (_sha256(path), len(every)) else None


def _noticed_before(told: dict[str, Any], chosen: Sequence[Mutation]) -> list[Verdict]:
    survived = {(each["line"], each["was"], each["now"]) for each in told["survivors"]}
    return [Verdict(each, "killed") for each in chosen if (each.line, each.was, each.now) not in survived]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _told(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    fates = [verdict.fate for verdict in verdicts]
    kept = ("operator", "line", "was", "now")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "mutants": len(fates),
        "killed": fates.count("killed"),
        "too_slow": fates.count("too_slow"),
        "survivors": [
            {"fate": each.fate} | {name: value for name, value in asdict(each.mutation).items() if name in kept}
            for each in verdicts
            if not each.noticed
        ],
    }


def _trials(found: Sequence[Mutation], tests: dict[str, Touched]) -> list[Verdict]:
    """What becomes of each of these faults."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "verdicts"

        def work(living: InPlace) -> None:
            verdicts = [_judged(each, tests, living) for each in found if each.reach is not None and living.knows(each)]
            kept.write_bytes(pickle.dumps(verdicts))

        apart(lambda: run_pytest(_files(), InPlace(work), more=["--timeout=60"]), 24 * 3600.0, loud=True)
        verdicts: list[Verdict] = pickle.loads(kept.read_bytes())  # written by our own child
    verdicts = [verdict for verdict in verdicts if verdict.noticed]  # some functions work while they are imported
    known = {verdict.mutation for verdict in verdicts}
    verdicts += [_judged(each, tests, None) for each in found if each not in known]
    return sorted(verdicts, key=lambda verdict: found.index(verdict.mutation))


def _judged(mutation: Mutation, tests: dict[str, Touched], living: InPlace | None) -> Verdict:
    fate = "unreached"
    for order in fitting(mutation, tests):
        if not order:
            continue
        work = partial(imported_anew if living is None else living.tried, mutation, order)
        code = apart(work, PATIENCE + sum(tests[name].seconds for name in order))
        fate = "too_slow" if code is None else "survived" if code == PASSED else "killed"
        if fate in NOTICED:
            break
    verdict = Verdict(mutation, fate)
    if not verdict.noticed:
        print(f"{mutation.module}.py:{mutation.line} {mutation.operator}, {fate}\n  {mutation.was}\n  {mutation.now}")
    return verdict


def main() -> None:
    """Try what was chosen, module by module, and keep each module's results at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", nargs="*")
    parser.add_argument("--most", type=int, default=sys.maxsize)
    parser.add_argument("--again", action="store_true")
    asked: Any = parser.parse_args()
    settings.register_profile("mutants", database=None, derandomize=True, deadline=None)
    settings.load_profile("mutants")
    os.chdir(ROOT)
    tests = watched()
    print(f"{len(tests)} tests of the machines pass without a fault", flush=True)
    for path in sorted(SOURCES.glob("*.py")):
        every = mutations(path) if not asked.module or path.stem in asked.module else []
        if every:
            begun = time.monotonic()
            told = _told_before(path, every) if asked.again else None
            most = min(asked.most, len(every)) if told is None else told["mutants"]
            chosen = random.Random(SEED).sample(every, most)
            noticed = [] if told is None else _noticed_before(told, chosen)
            left = sorted(set(chosen) - {verdict.mutation for verdict in noticed}, key=every.index)
            verdicts = sorted([*noticed, *_trials(left, tests)], key=lambda verdict: every.index(verdict.mutation))
            seconds = {"seconds": round(time.monotonic() - begun), "possible": len(every), "sha256": _sha256(path)}
            _keep(path.stem, _told(verdicts) | seconds, len(tests))


def _keep(module: str, told: dict[str, Any], tests: int) -> None:
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    modules = results.get("modules", {}) | {module: told}
    existing = {name: modules[name] for name in sorted(modules) if (SOURCES / f"{name}.py").exists()}
    kept = {"python": platform.python_version(), "tests": tests, "modules": existing}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    print(
        f"{module}: {told['killed'] + told['too_slow']} of {told['mutants']} noticed, {told['seconds']} s", flush=True
    )


if __name__ == "__main__":
    main()
