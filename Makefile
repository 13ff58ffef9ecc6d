# Two commands on a fresh machine: `make demo` and `make test`. Everything lands in ./.venv; nothing outside it is touched
# but Qt's system libraries, which apt installs where it may.

PYTHON ?= python3
QT ?= pyqt5
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
DOCS_ARGS ?=
TORTURE_ARGS ?=

.PHONY: help demo test quick torture lint wheel format coverage docs bench bench-ui screenshots film clean
.DEFAULT_GOAL := help

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed-$(QT): pyproject.toml install_system_libraries.sh
	sh install_system_libraries.sh
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[$(QT),cluster,diffusion,offline,remote,test]"
	touch $@

demo: $(VENV)/.installed-$(QT)  ## sample pictures, offline network: study, figure, masks, window
	$(BIN)/alignedcut demo

lint: $(VENV)/.installed-$(QT)  ## ruff (lint and format), mypy (strict), napari manifest
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/npe2 validate alignedcut_viewer

# Whole files go to one of two processes, so that what their tests share is made once.
WORKERS ?= --numprocesses 2 --dist loadfile

test: lint  ## lint, then the whole suite in two processes; window tests under Xvfb
	NAPARI_CONFIG= OMP_NUM_THREADS=1 QT_API=$(QT) $(BIN)/python -m pytest $(WORKERS) $(PYTEST_ARGS)

quick: $(VENV)/.installed-$(QT)  ## the tests that need neither window nor weights
	$(BIN)/python -m pytest -m quick $(PYTEST_ARGS)

torture: $(VENV)/.installed-$(QT)  ## stop every stage at random moments, hundreds of times; writes docs/reliability.md
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.torture $(TORTURE_ARGS)

wheel:  ## wheel and sdist in build/dist; the wheel tried in an empty environment, with demo and the quick tests of the sdist
	test -x build/tools/bin/python || $(PYTHON) -m venv build/tools
	build/tools/bin/python -m pip install --quiet build twine
	rm -rf build/dist
	build/tools/bin/python -m build --outdir build/dist
	build/tools/bin/python -m twine check --strict build/dist/*
	PYTHON=$(PYTHON) tests/try_wheel.sh build/dist

format: $(VENV)/.installed-$(QT)  ## fix layout and imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

coverage: $(VENV)/.installed-$(QT)  ## the whole suite, and which lines it never reaches (htmlcov/index.html)
	NAPARI_CONFIG= OMP_NUM_THREADS=1 QT_API=$(QT) $(BIN)/python -m pytest $(WORKERS) --cov --cov-report=term --cov-report=html $(PYTEST_ARGS)

$(VENV)/.installed-docs: $(VENV)/.installed-$(QT)
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

docs: $(VENV)/.installed-docs  ## the site, its links checked: build/site/html/index.html
	$(BIN)/python docs/make_site.py build/site $(DOCS_ARGS)

$(VENV)/.installed-bench: $(VENV)/.installed-$(QT)
	$(BIN)/python -m pip install --quiet --editable ".[bench]"
	touch $@

bench: $(VENV)/.installed-bench  ## all sides in one run; writes the tables of docs/performance.md
	$(BIN)/python -m tests.benchmarks

bench-ui: $(VENV)/.installed-$(QT)  ## latencies of the window, beside vispy and napari; needs Xvfb
	NAPARI_CONFIG= QT_API=$(QT) xvfb-run -a -s "-screen 0 1920x1080x24" $(BIN)/python -m tests.benchmarks window trajectories

screenshots: $(VENV)/.installed-$(QT)  ## the pictures of README and docs, from the real window
	NAPARI_CONFIG= QT_API=$(QT) xvfb-run -a -s "-screen 0 1920x1080x24" $(BIN)/python docs/make_screenshots.py

film: $(VENV)/.installed-$(QT)  ## the first minute in every workspace, at both sizes of the screen, dark, light and scaled
	NAPARI_CONFIG= QT_API=$(QT) xvfb-run -a -s "-screen 0 1920x1080x24" $(BIN)/python docs/make_film.py
	QT_SCALE_FACTOR=2 NAPARI_CONFIG= QT_API=$(QT) xvfb-run -a -s "-screen 0 1920x1080x24" \
		$(BIN)/python docs/make_film.py --sizes 1920 --themes dark

clean:  ## remove the environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
