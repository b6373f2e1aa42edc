# `make run` and `make test` are all a newcomer needs; both set up everything they use.
PYTHON ?= python3
PORT ?= 8700
VENV := .venv
BIN := $(VENV)/bin

BENCH := .venv-bench
CALENDARS := .venv-calendars
FUZZ := .venv-fuzz
MINUTES ?= 10

.PHONY: setup help run eleven five day test nightly chaos crosscheck mutants fuzz bench docs check format lock clean

setup: $(VENV)/.ready

help:
	@echo "make setup       everything that this page of verbs needs, in $(VENV)"
	@echo "make run         a desk on invented data, port $(PORT) of this machine; another one: PORT=8800"
	@echo "make eleven      the example desk of eleven programs"
	@echo "make five        the example desk of five phases, on servers of this machine"
	@echo "make day         the example desk of a trading day: six jobs on their schedules"
	@echo "make test        all tests; make nightly and make chaos: those that take long"
	@echo "make check       format, lint, types, layers; make format mends the first two"
	@echo "make docs        write the pages that come from the code"
	@echo "make crosscheck  our calendars against those of others"
	@echo "make mutants     every small fault of every machine: is it noticed?"
	@echo "make fuzz        bytes that nobody should send; MINUTES=$(MINUTES)"
	@echo "make bench       the published figures, an hour"
	@echo "make lock        the lock files anew"
	@echo "make clean       remove what setup and the others made"

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "tradewarden needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { echo "this Python has no venv; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup
	@exec $(BIN)/tradewarden demo --port $(PORT)

# The example desks: eleven programs, on any day and at any hour; five phases on real servers of Debian's; a day's jobs.
eleven: setup
	@exec env TRADEWARDEN_SERVICES__FEED__CONDITIONS='[]' TRADEWARDEN_SERVICES__COMMODITIES__CONDITIONS='[]' TRADEWARDEN_HTTP__PORT=$(PORT) $(BIN)/tradewarden run --config examples/eleven/tradewarden.toml

five: setup
	@exec env TRADEWARDEN_HTTP__PORT=$(PORT) $(BIN)/tradewarden run --config examples/five/tradewarden.toml

day: setup
	@exec env TRADEWARDEN_HTTP__PORT=$(PORT) $(BIN)/tradewarden run --config examples/day/tradewarden.toml

# Three files at a time: the tests wait for servers and deadlines more than they work.
test: setup
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile

# What takes too long for every push: ten thousand random desks, years of jobs, each path asked 200 times; half an hour.
nightly: setup
	$(BIN)/python -m pytest -m nightly --verbose --durations=10

# A hundred kills of the daemon instead of ten.
chaos: setup
	CHAOS_KILLS=100 $(BIN)/python -m pytest tests/chaos

# Our days of the exchanges against what three packages say; they are heavy, so they live in an environment of their own.
crosscheck: $(CALENDARS)/.ready
	$(CALENDARS)/bin/python -m pytest tests/test_calendar_crosscheck.py

$(CALENDARS)/.ready: requirements/calendars.txt
	$(PYTHON) -m venv $(CALENDARS)
	$(CALENDARS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/calendars.txt
	$(CALENDARS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Every small fault of every machine, one at a time: do the tests notice? An hour of one core; MODULES="feed gap" for some.
mutants: setup
	PYTHONPATH=tests/support nice -n 19 $(BIN)/python -m mutants $(MODULES)
	PYTHONPATH=tests/support $(BIN)/python -m mutants_page

# Bytes that nobody should send, to whatever reads bytes from outside; guided by the coverage of our own code.
fuzz: $(FUZZ)/.ready
	PYTHONPATH=tests/support nice -n 19 $(FUZZ)/bin/python -m fuzz --minutes $(MINUTES) $(TARGETS)

$(FUZZ)/.ready: requirements/fuzz.txt
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	$(FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The published figures: environments of their own (what the desk needs to run; what its peers need), an hour.
bench: $(BENCH)/.ready $(BENCH)/recorders/.ready $(BENCH)/supervisors/.ready
	rm -rf $(BENCH)/wheel
	$(BENCH)/peers/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir $(BENCH)/wheel .
	for each in peers desk stores; do $(BENCH)/$$each/bin/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall $(BENCH)/wheel/*.whl || exit 1; done
	for script in start events health stop recovery stale decode stream swaps journal redis_bus mysql influx query sqlite sinks latency supervisors history lateness; do $(BENCH)/peers/bin/python bench/$$script.py || exit 1; done
	$(BENCH)/peers/bin/python bench/page.py

$(BENCH)/.ready: requirements/run.txt requirements/stores.txt requirements/bench.txt
	$(PYTHON) -m venv $(BENCH)/peers
	$(BENCH)/peers/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	$(PYTHON) -m venv $(BENCH)/desk
	$(BENCH)/desk/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(PYTHON) -m venv $(BENCH)/stores
	$(BENCH)/stores/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/stores.txt
	@touch $@

# The popular recorders, to compare with: what they need, and themselves without their desktops.
$(BENCH)/recorders/.ready: bench/recorders.txt bench/recorders_alone.txt
	$(PYTHON) -m venv $(BENCH)/recorders
	$(BENCH)/recorders/bin/python -m pip install --quiet --disable-pip-version-check -r bench/recorders.txt
	$(BENCH)/recorders/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r bench/recorders_alone.txt
	@touch $@

# The known supervisors, to compare with: from Python's packages, Node's and Debian's.
$(BENCH)/supervisors/.ready: bench/supervisors.txt bench/debian.sh
	$(PYTHON) -m venv $(BENCH)/supervisors
	$(BENCH)/supervisors/bin/python -m pip install --quiet --disable-pip-version-check -r bench/supervisors.txt
	npm install --silent --no-fund --no-audit --ignore-scripts --prefix $(BENCH)/supervisors pm2@7.0.4 || echo "left out, as npm could not install it: pm2"
	bash bench/debian.sh
	@touch $@

# Pages and golden tables that are written from the code; tests compare them.
docs: setup
	PYTHONPATH=tests/support $(BIN)/python -m machine_page
	PYTHONPATH=tests/support $(BIN)/python -m reference_pages

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The lock files carry hashes and no host names; uv resolves for every platform at once.
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml -o requirements/run.txt
	$(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml --group dev --all-extras -o requirements/dev.txt
	$(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml --extra mysql --extra nats --extra redis --extra zmq -o requirements/stores.txt
	$(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml --group dev --group bench --all-extras -o requirements/bench.txt
	$(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml --group dev --group calendars -o requirements/calendars.txt
	$(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml --group dev --group fuzz --all-extras -o requirements/fuzz.txt

clean:
	rm -rf $(VENV) $(VENV)-lock $(BENCH) $(CALENDARS) $(FUZZ) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
