# `make` alone prints the targets. Stamps inside .venv make repeated runs quick.

PYTHON ?= python3
BENCH  ?= queues
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Many containers set it: the thousand processes that the tests start would each compile winch anew, which is a third of their work.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check docs sweep chaos mutants format bench clean

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.package ## install winch into .venv and run its demo
	$(BIN)/winch demo

test: $(VENV)/.dev ## run the tests, with a real redis-server (ARGS='-k name' to choose)
	@server="$$($(BIN)/python tools/find_redis.py || true)"; \
	WINCH_REDIS_SERVER="$$server" $(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

check: $(VENV)/.dev ## lint, formatting, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/unit/test_imports.py

docs: $(VENV)/.docs ## build the documentation into site/; it needs no server and no network to be read
	$(BIN)/python tools/build_docs.py

chaos: $(VENV)/.dev ## a minute of work under a schedule of faults, judged from its history (ARGS='--store sqlite --seed 7 --seconds 1200')
	@server="$$($(BIN)/python tools/find_redis.py || true)"; \
	WINCH_REDIS_SERVER="$$server" $(BIN)/python -m tests.chaos $(ARGS)

mutants: $(VENV)/.dev ## plant each known bug in a copy of the sources: the tests must find it (5 min; ARGS='no-fence')
	@server="$$($(BIN)/python tools/find_redis.py || true)"; \
	WINCH_REDIS_SERVER="$$server" $(BIN)/python -m tests.mutants.run $(ARGS)

sweep: $(VENV)/.dev ## every fault at every step of the protocol, on both stores (10 min; ARGS='-k turn' to choose)
	@server="$$($(BIN)/python tools/find_redis.py || true)"; \
	WINCH_SWEEP=all WINCH_REDIS_SERVER="$$server" $(BIN)/python -m pytest -n 4 tests/faults $(ARGS)

format: $(VENV)/.dev ## repair what lint and formatting can repair
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench ## measure winch beside every other queue, 20 min (ARGS=--quick: 2 min; BENCH=against_rq, crash, outage, limits, growth, fairness)
	@server="$$($(BIN)/python tools/find_redis.py || true)"; \
	WINCH_REDIS_SERVER="$$server" $(BIN)/python -m benchmarks.$(BENCH) $(ARGS)

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache .hypothesis

# The environment. A .venv that cannot be finished is removed, so that the next run starts clean.

$(VENV)/.made:
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "winch needs Python 3.11 or newer, and there is no '$(PYTHON)' here. Name one: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "winch needs Python 3.11 or newer, '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1). Name another: make PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make environments. Install its venv module (Debian, Ubuntu: apt-get install python3-venv) and try again." >&2; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
	@touch $@

$(VENV)/.package: $(VENV)/.made pyproject.toml
	$(PIP) install --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	$(PIP) install --editable '.[dev]'
	@touch $(VENV)/.package $@

$(VENV)/.docs: $(VENV)/.package
	$(PIP) install --editable '.[docs]'
	@touch $@

$(VENV)/.bench: $(VENV)/.package
	$(PIP) install --editable '.[bench]'
	@$(MAKE) --no-print-directory $(VENV)/.arq || echo "arq could not be installed: the benchmarks run without it" >&2
	@$(MAKE) --no-print-directory $(VENV)/.bullmq || echo "BullMQ could not be installed: the benchmarks run without it" >&2
	@touch $@

# arq wants redis<6, taskiq-redis redis>=8: it gets an environment inside the other.
$(VENV)/.arq: $(VENV)/.package
	$(BIN)/python -m venv $(VENV)/arq
	$(VENV)/arq/bin/python -m pip --disable-pip-version-check --quiet install arq 'redis[hiredis]<6'
	@touch $@

$(VENV)/.bullmq: $(VENV)/.package
	npm install --prefix $(VENV) --silent --no-audit --no-fund bullmq ioredis
	@touch $@
