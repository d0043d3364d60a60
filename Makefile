# Works with GNU make 3.81 (macOS) and newer. Everything runs from .venv, which the targets create and keep up to date.
BIN := .venv/bin
PORT ?= 8000
# More arguments for test, bench, scale, faults, conformance and attack: make test ARGS="-k resume"
ARGS ?=
export PORT
# Without compiled files, each of the test processes compiles every test and pytest's plugins again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv run shop support-bot ai-answer test unit check format bench scale faults conformance attack audit requirements clean

help: ## Show this list
	@echo "Parley. Needs Python 3.11 or newer; everything else is installed into .venv."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

venv:
	@sh dev/venv.sh

run: venv ## Start everything on PORT (8000), with embedded stores or with DATABASE_URL and REDIS_URL
	@exec $(BIN)/python -m dev.run

shop: venv ## Start an example: a shop with a chat on each order's page (APP_PORT, 8001)
	@PYTHONPATH=sdk/python/src exec $(BIN)/python -m examples.run shop

support-bot: venv ## Start an example: a bot that answers visitors, and calls a colleague
	@PYTHONPATH=sdk/python/src exec $(BIN)/python -m examples.run support_bot

ai-answer: venv ## Start an example: answers of a language model that stream
	@PYTHONPATH=sdk/python/src exec $(BIN)/python -m examples.run ai_answer

test: venv ## Run all tests on real PostgreSQL and Valkey
	@$(BIN)/python -m pytest -n $${JOBS:-auto} --no-loadscope-reorder -q $(ARGS)

unit: venv ## Run the unit tests, which need no store
	@$(BIN)/python -m pytest tests/unit -n $${JOBS:-auto} -q $(ARGS)

check: venv ## Check format, lint, types, import contracts and texts
	@$(BIN)/python -m dev.check

format: venv ## Format the code and write client/types/
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix . && $(BIN)/python -m dev.declarations

bench: venv ## Measure Parley and two Socket.IO servers (Flask, Node) in one run
	@$(BIN)/python -m bench.run $(ARGS)

# The faults that need no crowd: docs/reliability.md says which one is where.
OTHER_FAULTS := tests/push tests/conformance tests/webhooks tests/integration/drain tests/integration/test_migrations.py \
  tests/contract/test_bad_frames.py tests/contract/test_strangers.py tests/contract/test_auth.py \
  tests/contract/test_ended_sessions.py tests/contract/test_removal_window.py tests/contract/test_stream_sweep.py \
  tests/integration/auth/test_web_surface.py tests/faults/test_imports.py tests/faults/test_broker_away.py \
  tests/faults/test_connection_limit.py

faults: venv ## Kill processes, cut connections, fill disks, 20 seeded runs of each; writes docs/reliability.md
	@mkdir -p .data && rm -f .data/faults.jsonl
	@$(BIN)/python -m pytest -q $(OTHER_FAULTS)
	@PARLEY_FAULT_RUNS=$${PARLEY_FAULT_RUNS:-20} PARLEY_FAULT_PAIRS=$${PARLEY_FAULT_PAIRS:-20} PARLEY_FAULT_REPORT=.data/faults.jsonl \
	  $(BIN)/python -m pytest tests/faults -m faults -v -o faulthandler_timeout=3600 $(ARGS); status=$$?; \
	  $(BIN)/python -m tests.faults.report .data/faults.jsonl && exit $$status

scale: venv ## Test several Redis servers: the contract with 4 shards on 4 of them and in a cluster, and the loss of one
	@for redis in several cluster; do \
	  echo "4 shards: $$redis"; \
	  PARLEY_TEST_SHARDS=$${PARLEY_TEST_SHARDS:-4} PARLEY_TEST_REDIS=$$redis \
	    $(BIN)/python -m pytest tests/contract -n $${JOBS:-auto} --no-loadscope-reorder -q $(ARGS) || exit 1; \
	done
	@$(BIN)/python -m pytest tests/integration/shards -q $(ARGS)
	@$(BIN)/python -m pytest tests/faults/test_shard_faults.py -m faults -v -o faulthandler_timeout=3600 $(ARGS)

conformance: venv ## Test the frame codec against RFC 6455 and fuzz it (the long form)
	@PARLEY_FUZZ_STREAMS=$${PARLEY_FUZZ_STREAMS:-20000} $(BIN)/python -m pytest tests/conformance -q -s $(ARGS)

attack: venv ## Attack a server on loopback while honest people use it, and fuzz every REST operation
	@PARLEY_ATTACK_ROUNDS=$${PARLEY_ATTACK_ROUNDS:-15} $(BIN)/python -m pytest tests/attack -q -o faulthandler_timeout=3600 $(ARGS)

audit: venv ## Look up the known vulnerabilities of all locked packages
	@$(BIN)/python -m dev.audit

requirements: venv ## Compile requirements*.in into requirements*.txt
	@for name in requirements requirements-dev; do \
	  echo "$$name.txt"; \
	  CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/pip-compile --quiet --upgrade --strip-extras --annotation-style line \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	    --output-file $$name.txt $$name.in || exit 1; \
	done

clean: ## Remove .venv and caches; keep the data in .data
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
