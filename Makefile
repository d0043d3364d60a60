# Works with GNU make 3.81 (macOS) and newer. Everything runs from .venv, which the targets make and keep up to date.
BIN := .venv/bin
PORT ?= 8000
# Further arguments, for test, bench, faults and conformance: make test ARGS="-k resume"
ARGS ?=
export PORT

.DEFAULT_GOAL := help
.PHONY: help venv run test check format bench faults conformance requirements clean

help: ## What there is
	@echo "Parley. Needs Python 3.11 or newer; everything else is installed into .venv."
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

venv:
	@sh dev/venv.sh

run: venv ## Start everything on PORT (8000) with embedded stores, or those of DATABASE_URL and REDIS_URL
	@exec $(BIN)/python -m dev.run

test: venv ## The whole suite, on real PostgreSQL and Valkey
	@$(BIN)/python -m pytest -n $${JOBS:-auto} --dist loadscope -q $(ARGS)

check: venv ## Format, lint, types, import contracts
	@$(BIN)/python -m dev.check

format: venv ## Put the code into the form that check wants
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix . && $(BIN)/python -m dev.declarations

bench: venv ## Measure against a Flask-SocketIO server in the same run
	@$(BIN)/python -m bench.run $(ARGS)

faults: venv ## Kill processes and cut wires, 20 seeded runs of each
	@PARLEY_FAULT_RUNS=$${PARLEY_FAULT_RUNS:-20} $(BIN)/python -m pytest tests/faults -m faults -v $(ARGS)

conformance: venv ## RFC 6455 conformance and fuzzing of the frame codec, the long form
	@PARLEY_FUZZ_STREAMS=$${PARLEY_FUZZ_STREAMS:-20000} $(BIN)/python -m pytest tests/conformance -q -s $(ARGS)

requirements: venv ## Compile requirements*.in into requirements*.txt
	@for name in requirements requirements-dev; do \
	  echo "$$name.txt"; \
	  CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/pip-compile --quiet --upgrade --strip-extras --annotation-style line \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	    --output-file $$name.txt $$name.in || exit 1; \
	done

clean: ## Remove .venv and caches; the data in .data stays
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
