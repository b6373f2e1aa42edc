"""Programs that try to get away from whoever started them."""

from __future__ import annotations

from typing import Final

RECIPE: Final = """
import os, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
time.sleep(60)
"""  # into the background, as the books have it

HOPS: Final = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
note = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
end = time.monotonic() + 20
if os.fork():
    while True:
        time.sleep(60)
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    os.setsid()
    os.write(note, b".")
"""  # each forks the next and ends, in a session of its own: never the one that was just looked at
