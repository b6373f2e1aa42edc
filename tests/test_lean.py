import re
import subprocess
import sys


def run(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


LEAN = "import sys; from tradewarden import lean; lean.import_structlog()\n"


def test_the_daemon_holds_neither_twisted_nor_rich() -> None:
    heavy = "print(sorted({name.split('.')[0] for name in sys.modules} & {'twisted', 'zope', 'rich', 'kiteconnect'}))"
    assert run(f"{LEAN}import tradewarden.daemon\n{heavy}") == "[]\n"


def test_programs_wait_for_nothing_that_only_the_rest_of_the_daemon_needs() -> None:
    rest = {"aiohttp", "orjson", "pydantic", "shutil", "statemachine", "structlog", "tomllib", "tradewarden.daemon"}
    rest |= {f"tradewarden.machines.{name}" for name in ("job", "report", "session", "sink")}
    assert run(f"import sys, tradewarden.wiring.vanguard\nprint(sorted(sys.modules.keys() & {rest}))") == "[]\n"


def test_a_command_waits_for_no_other() -> None:
    rest = "{'asyncio', 'tradewarden.commands.stores', 'tradewarden.commands.every'}"
    script = f"import sys; from tradewarden.__main__ import parser; parser('run')\nprint(sys.modules.keys() & {rest})"
    assert run(script) == "set()\n"


def test_who_wants_them_later_gets_them() -> None:
    assert run(f"{LEAN}import twisted.python.log, kiteconnect; print('there')") == "there\n"


def test_the_log_works_without_them_tracebacks_and_all() -> None:
    script = f"{LEAN}from tradewarden import log; log.configure(); raise ValueError('x')"
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, check=False, timeout=30)
    assert '"event":"daemon.crashed"' in done.stdout
    assert done.stderr == ""


def test_a_second_call_changes_nothing() -> None:
    run(f"{LEAN}import structlog as first; lean.import_structlog(); import structlog; assert first is structlog")


TOLD = """
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""
THREADS = f"""
import threading
def fill():
    kept = [bytes(100_000) for _ in range(5)]
threads = [threading.Thread(target=fill) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
{TOLD}
"""
BATCHES = f"""
for _ in range(3):
    batch = bytearray(1 << 20)
    del batch
batch = bytearray(1 << 19)
{TOLD}
"""
SMALL = "from tradewarden import lean; lean.keep_heap_small()"


def test_threads_bring_no_heaps_of_their_own() -> None:
    assert run(f"import ctypes{THREADS}").count("<heap nr=") > 1
    assert run(f"import ctypes; {SMALL}{THREADS}").count("<heap nr=") == 1


def mapped(told: str) -> int:
    return int(re.findall(r'<total type="mmap" count="(\d+)"', told)[-1])


def test_a_large_batch_settles_in_no_heap() -> None:
    assert mapped(run(f"import ctypes; {SMALL}{BATCHES}")) > mapped(run(f"import ctypes{BATCHES}"))
