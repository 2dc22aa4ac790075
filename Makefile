# make demo      a treated haemochromatosis mouse, from a bare checkout to pictures
# make view      the same mouse in the browser
# make test      the quick tests        make slow   the long ones
# make lint      style and types
# Choose an interpreter (3.11 or later) with PYTHON=..., another environment with VENV=...

PYTHON ?= python3
VENV ?= .venv
CASE ?= hfe-mouse-msc
BIN = $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
NEEDS = lobule needs Python 3.11 or later; name one with PYTHON=, as in: make demo PYTHON=python3.12

.PHONY: demo view test slow lint clean

demo: $(VENV)/.installed
	$(BIN)/lobule run $(CASE)

view: $(VENV)/.installed-view
	$(BIN)/lobule view $(CASE)

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m "not slow"

slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m slow

# mypy sees the packages where their import names say, which is not where the sources lie
lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/typed && mkdir -p build/typed
	cp -R lobule build/typed/lobule
	cp -R agents build/typed/lobule/agents
	cp -R experiments build/typed/lobule/experiments
	cd build/typed && "$(CURDIR)/$(BIN)/mypy" --config-file ../../pyproject.toml --cache-dir ../../.mypy_cache lobule

clean:
	rm -rf build .mypy_cache .pytest_cache .ruff_cache .hypothesis $(VENV)

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit("$(NEEDS)" if sys.version_info < (3, 11) else 0)'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	$(INSTALL) -e .
	touch $@

$(VENV)/.installed-view: $(VENV)/.made pyproject.toml constraints.txt
	$(INSTALL) -e ".[view]"
	touch $(VENV)/.installed $@

$(VENV)/.installed-test: $(VENV)/.made pyproject.toml constraints.txt
	$(INSTALL) -e ".[test]"
	touch $(VENV)/.installed $@
