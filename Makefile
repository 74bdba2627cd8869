# Short lines that a person can also type. PYTHON picks the interpreter; everything lives in one virtual environment.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test check sim soak bench docs clean

demo: $(VENV)/.installed           ## install, and watch two CRMs being brought into agreement
	@$(BIN)/accordant demo

test: $(VENV)/.dev                 ## install what the tests need, and run them all
	@$(BIN)/pytest -n 2 --dist worksteal tests

check: $(VENV)/.dev                ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

sim: $(VENV)/.dev                  ## replay one seed of the simulation: make sim SEED=1234
	@$(BIN)/python -m tests.simulation.proof.replay $(or $(SEED),1)

soak: $(VENV)/.dev                 ## run a range of seeds: make soak FROM=0 TO=1000
	@$(BIN)/python -m tests.simulation.proof.soak $(or $(FROM),0) $(or $(TO),1000)

bench: $(VENV)/.dev                ## the figures of docs/performance.md
	@$(BIN)/python -m bench

docs: $(VENV)/.dev                 ## write the generated pages of docs/reference
	@$(BIN)/python -m docs.generate

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "accordant needs Python 3.11 or later; this is $$($(PYTHON) --version 2>&1). Next: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "Python's venv is missing. Next (Debian): sudo apt-get install -y python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Accordant into $(VENV) (about a minute the first time)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e . && touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Accordant and what its tests need into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]' && touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
