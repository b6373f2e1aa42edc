"""A program under a supervisor: `program.py FOLDER NAME MANNER [ARGUMENT]`; tells a fifo of the folder what it does.

ticking   a line a second
silent    never a word
slow      needs so many seconds to end after SIGTERM or SIGINT
flooding  waits for the folder's fifo `go`, then so many lines of 100 bytes, one write each; then ticks
opening   listens on a port after so many seconds: `SECONDS:PORT`
"""

import os
import sys
import time

LINE = b"%09d " + b"x" * 89 + b"\n"


def tell(folder: str, *words: object) -> None:
    """One line to whoever measures; opened so that it never waits and never fails for want of a reader."""
    line = os.open(f"{folder}/heard", os.O_RDWR)
    os.write(line, " ".join(map(str, words)).encode() + b"\n")
    os.close(line)


def end_slowly(seconds: float) -> None:
    """Take this long to end."""
    import signal  # noqa: PLC0415 - only here: the others' start is what is measured

    def end(*_: object) -> None:
        time.sleep(seconds)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)


def flood(folder: str, name: str, count: int) -> None:
    """As many lines as standard output takes."""
    lines = [LINE % number for number in range(count)]
    tell(folder, name, "prepared", os.getpid(), time.monotonic_ns())
    os.close(os.open(f"{folder}/go", os.O_RDONLY))
    begun, write = time.monotonic_ns(), os.write
    for line in lines:
        write(1, line)
    tell(folder, name, "poured", begun, time.monotonic_ns())


def listen(folder: str, name: str, seconds: str, port: str) -> None:
    """Be ready after a while."""
    import socket  # noqa: PLC0415 - only here, as above

    time.sleep(float(seconds))
    door = socket.create_server(("127.0.0.1", int(port)))
    tell(folder, name, "open", os.getpid(), time.monotonic_ns())
    door.settimeout(0.5)
    while True:
        try:
            door.accept()[0].close()
        except TimeoutError:
            continue


def main(folder: str, name: str, manner: str, argument: str = "") -> None:
    """Start, say so, and go on in this manner."""
    tell(folder, name, "runs", os.getpid(), time.monotonic_ns())
    match manner:
        case "slow":
            end_slowly(float(argument))
        case "flooding":
            flood(folder, name, int(argument))
        case "opening":
            listen(folder, name, *argument.split(":"))
    number = 0
    while True:
        if manner != "silent":
            os.write(1, f"{name} tick {number}\n".encode())
        number += 1
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
