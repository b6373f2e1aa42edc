"""A program of a trial that notes its own lives: `witness.py FOLDER NAME MANNER`, started with `-I -S`.

It holds a lock of its own as long as it lives, and notes when somebody else holds it: then it is a second copy. Each
life numbers its lines, and notes before its end with which code it ends after how many of them.

talking   some lines at a time, hundreds a second
flooding  thousands of lines a second
crashing  a few lines, then an end with a code of its own, again and again
silent    nothing at all
slow      like talking, but takes 0.3 s to end
"""

import fcntl
import os
import random
import signal
import sys
import time

FOLDER, NAME, MANNER = sys.argv[1:4]
LINES, PAUSE = {"talking": (5, 0.01), "slow": (1, 0.02), "flooding": (100, 0.02)}.get(MANNER, (10, 0.002))
asked = False


def note(file: str, text: str) -> None:
    line = os.open(f"{FOLDER}/{file}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(line, text.encode() + b"\n")
    os.close(line)


def lives() -> int:
    try:
        with open(f"{FOLDER}/{NAME}.notes", encoding="utf-8") as notes:  # noqa: PTH123 - quick to start
            return sum(line.startswith("start") for line in notes)
    except FileNotFoundError:
        return 0


def ask(*_: object) -> None:
    global asked  # noqa: PLW0603 - a signal has no other way to say it
    asked = True


def end(code: int, count: int) -> None:
    note(f"{NAME}.notes", f"end {os.getpid()} {code} {count}")
    os._exit(code)


def main() -> None:
    signal.signal(signal.SIGTERM, ask)
    lock = os.open(f"{FOLDER}/{NAME}.alone", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note("doubled", f"{NAME} {os.getpid()}")
        fcntl.flock(lock, fcntl.LOCK_EX)
    life = lives() + 1
    note(f"{NAME}.notes", f"start {os.getpid()} {life}")
    rounds = random.randint(0, 60) if MANNER == "crashing" else -1
    count = 0
    while not asked and rounds:
        rounds -= 1
        for _ in range(LINES if MANNER != "silent" else 0):
            os.write(1, b"%d %d of this life, and some more words behind it\n" % (life, count))
            count += 1
        time.sleep(PAUSE)
    if asked and MANNER == "slow":
        time.sleep(0.3)
    end(0 if asked else 1 + life % 100, count)


if __name__ == "__main__":
    main()
