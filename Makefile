# Two commands for a fresh machine: `make run` and `make test`. Every target puts .venv first on PATH.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test test-slow lint browser clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Set up, run what changed of the pipeline, print the headline scores
	dvc repro
	@python -m tools.headline

test: $(VENV)/.dev lint ## Set up, run the linters and all tests but the slow ones
	python -m pytest -m "not slow"

test-slow: $(VENV)/.dev $(VENV)/.ray ## Run the slow tests
	python -m pytest -m slow

lint: $(VENV)/.dev ## Check format, style and types
	ruff format --check .
	ruff check .
	mypy

browser: ## Install Chromium for the browser tests (Debian and Ubuntu, as root)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get >/dev/null || { \
			echo "error: Chromium is absent. Remedy: install chromium and chromedriver, or as root on Debian: make browser" >&2; exit 1; }; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-dejavu-core; }

clean: ## Remove the virtual environment; results and DVC's cache stay
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "error: the pins are made for Python 3.11. Remedy: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "error: Python cannot make a virtual environment. Remedy: install its venv module (Debian: apt install python3.11-venv)" >&2; exit 1; }

$(VENV)/.run: requirements.txt $(VENV)/bin/python
	python -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/.ray: requirements-ray.txt $(VENV)/.dev
	python -m pip install --quiet -r requirements-ray.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements-onnx.txt requirements.txt $(VENV)/bin/python
	python -m pip install --quiet -r requirements-dev.txt
	@touch $@ $(VENV)/.run
