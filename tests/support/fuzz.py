"""Throws bytes at whatever reads bytes from outside, for as long as it is told, and says which bytes brought it down.

fuzz.py [--minutes 10] [TARGET ...]   all targets in turn, or only these; exit code 1 when one has a fault
fuzz.py --again FILE TARGET           read one input again

With atheris (`make fuzz` sets it up) the coverage of our own code guides the search; without it inputs are bent
at random. Each target has a process, a share of the time, and bounds on the seconds and the memory of one input.
"""

# ruff: noqa: T201 - a command prints

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from fuzz_targets import Target

LONGEST = 20_000  # bytes of one input
PATIENCE = 25  # seconds for one input
MEMORY = 2048  # MB of one process
MORE = {"http": 2}  # shares of the time: it has most to read and is slowest


def targets() -> dict[str, Target]:
    """Every target by its name."""
    from fuzz_files import FILES  # noqa: PLC0415 - what is imported here is watched
    from fuzz_http import DOORS  # noqa: PLC0415
    from fuzz_targets import TARGETS  # noqa: PLC0415
    from fuzz_words import WORDS  # noqa: PLC0415

    return {target.name: target for target in (*TARGETS, *WORDS, *FILES, *DOORS)}


def bent(seeds: Sequence[bytes], words: Sequence[bytes], chance: random.Random) -> bytes:
    """An input that begins well and goes wrong somewhere."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randint(0, len(data))
        end = min(len(data), at + chance.choice((1, 2, 4, 16, 200)))
        match chance.randrange(7):
            case 0:
                data[at:end] = b""
            case 1:
                data[at:at] = chance.randbytes(chance.choice((1, 2, 4, 8)))
            case 2 if words:
                data[at:at] = chance.choice(words)
            case 3:
                data[at:end] = data[at:end] * 2
            case 4:
                other = chance.choice(seeds)
                start = chance.randint(0, len(other))
                data[at:] = other[start:]
            case 5:
                data[at:end] = bytes([chance.choice((0, 1, 0x7F, 0x80, 0xFF))]) * (end - at)
            case _:
                data[at : at + 1] = bytes([chance.randrange(256)])
    return bytes(data[:LONGEST])


def _at_random(target: Target, seconds: float, seed: int) -> None:
    chance, seeds, tried = random.Random(seed), list(target.seeds()), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = bent(seeds, target.words, chance)
        tried += 1
        try:
            target.read(data)
        except BaseException:
            Path(f"crash-{target.name}").write_bytes(data)
            raise
    print(f"{target.name}: {tried} inputs at random")


def _guided(name: str, seconds: float, seed: int) -> None:
    atheris: Any = importlib.import_module("atheris")  # only where it is installed

    with atheris.instrument_imports(include=["tradewarden"]):
        target = targets()[name]
    with tempfile.TemporaryDirectory(prefix="tradewarden-corpus-") as folder:
        corpus = Path(folder)
        for nth, data in enumerate(target.seeds()):
            (corpus / str(nth)).write_bytes(data)
        words = corpus.with_suffix(".dict")
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
        bounds = [f"-max_total_time={seconds:.0f}", f"-max_len={LONGEST}", f"-timeout={PATIENCE}"]
        rest = [f"-rss_limit_mb={MEMORY}", f"-seed={seed}", f"-artifact_prefix=crash-{name}-"]
        rest += [f"-dict={words}"] if target.words else []
        atheris.Setup([sys.argv[0], *bounds, *rest, "-print_final_stats=1", str(corpus)], target.read)
        atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _one(name: str, seconds: float, seed: int) -> None:
    if importlib.util.find_spec("atheris"):
        _guided(name, seconds, seed)
    else:
        _at_random(targets()[name], seconds, seed)


def _all(names: Sequence[str], minutes: float, seed: int) -> int:
    shares = {name: MORE.get(name, 1) for name in names}
    failed = []
    for name in names:
        seconds = 60 * minutes * shares[name] / sum(shares.values())
        print(f"== {name}, {seconds:.0f} s", flush=True)
        command = [sys.executable, __file__, "--one", name, "--seconds", f"{seconds}", "--seed", f"{seed}"]
        done = subprocess.run(
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        print("\n".join(_worth_reading(done.stdout.splitlines(), failed=bool(done.returncode))), flush=True)
        if done.returncode:
            failed.append(name)
    print(f"faults: {', '.join(failed)}" if failed else "no fault found")
    return 1 if failed else 0


def _worth_reading(lines: Sequence[str], *, failed: bool) -> Iterator[str]:
    """Of a fuzzer's talk its last words, when there is a fault, and in any case how much it tried."""
    if failed:
        yield from lines[-60:]
    else:
        yield from (line for line in lines if line.startswith("stat::number_of") or "at random" in line)
        with contextlib.suppress(StopIteration):
            yield next(line for line in reversed(lines) if "cov: " in line)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=10.0, help=argparse.SUPPRESS)
    parser.add_argument("--again", type=Path)
    asked: Any = parser.parse_args()
    if asked.one:
        structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # of this process alone: nobody reads it
        _one(asked.one, asked.seconds, asked.seed)
        return 0
    if asked.again:
        targets()[asked.target[0]].read(asked.again.read_bytes())
        return 0
    return _all(asked.target or list(targets()), asked.minutes, asked.seed)


if __name__ == "__main__":
    sys.exit(main())
