# make audit: install and audit the bundled net.  make test: install and run every check.
# make docs: sample reports, and the manual, in build/site.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: audit test browser lint clean wheel docs

audit: $(VENV)/installed
	$(BIN)/advkit audit

test: $(VENV)/installed-test browser lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

docs: $(VENV)/installed-docs
	PATH="$(CURDIR)/$(BIN):$$PATH" sh -e docs/samples.sh
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build
	@echo build/site/index.html

# The same commit gives the same bytes, and a list of what is in an installation of it.
wheel: $(VENV)/installed-test
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --wheel --outdir dist
	$(BIN)/python -m advkit.benchmarks.bill_of_materials > dist/sbom.json

# A Debian without python3-venv has a venv module that cannot install pip.
$(BIN)/pip:
	$(PYTHON) -m venv $(VENV) \
	  || { rm -rf $(VENV); $(MAKE) --no-print-directory debian PACKAGE=python3-venv \
	       && $(PYTHON) -m venv $(VENV); }

$(VENV)/installed: setup.cfg pyproject.toml $(BIN)/pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-test: setup.cfg pyproject.toml $(BIN)/pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ $(VENV)/installed

$(VENV)/installed-docs: setup.cfg pyproject.toml $(BIN)/pip
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@ $(VENV)/installed

# Debian's Chromium where apt and root are there, else the one that playwright brings; and Java,
# which the W3C's checker needs.
browser: $(VENV)/installed-test
	@command -v chromium >/dev/null \
	  || $(MAKE) --no-print-directory debian PACKAGE=chromium \
	  || $(BIN)/playwright install chromium
	@command -v java >/dev/null \
	  || $(MAKE) --no-print-directory debian PACKAGE=default-jre-headless \
	  || echo "no java: the check of HTML validity is skipped"

.PHONY: debian
debian:
	@command -v apt-get >/dev/null && test "$$(id -u)" = 0
	apt-get update -q
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(PACKAGE)

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
