# Every chore has its door here, and each door makes what it needs: `make` alone lists them.
# Choose the interpreter with PYTHON=python3.13, hand arguments on with ARGS="-k lease".

PYTHON ?= python3
ARGS ?=
RUN := .venv/bin/python
CHECKED := $(wildcard src tests tools bench)

.DEFAULT_GOAL := help
.PHONY: help demo test check format bench chaos compat docs recording clean venv venv-compat venv-bench venv-plain venv-starters venv-docs servers

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r door does; do \
		printf '%-14s %s\n' "$$door" "$$does"; done

demo: venv ## analyse Python's standard library with a task a module, losing a process on the way
	$(RUN) -m celeriac.demo $(ARGS)

test: venv venv-compat venv-starters venv-docs servers ## run all tests here, and the quick ones on every other Python found
	$(RUN) -m tools.parts $(ARGS)
	$(RUN) -m tools.matrix -m "not slow and not chaos" $(ARGS)

check: venv ## lint, formatting, types, floors, sizes; needs no server
	$(RUN) -m ruff check $(CHECKED)
	$(RUN) -m ruff format --check $(CHECKED)
	$(RUN) -m mypy $(CHECKED)
	.venv/bin/lint-imports --no-logo
	$(RUN) -m tools.sizes $(CHECKED)

format: venv ## sort the imports and lay the code out as `make check` wants it
	$(RUN) -m ruff check --fix $(CHECKED)
	$(RUN) -m ruff format $(CHECKED)

bench: venv venv-plain venv-bench servers ## measure beside Celery, huey, dramatiq and taskiq, in one run
	$(RUN) -m bench.run $(ARGS)

chaos: venv servers ## kill, freeze and cut off everything, for long
	$(RUN) -m pytest tests/chaos -m "" $(ARGS)

compat: venv venv-compat servers ## talk to a real Celery, both ways
	$(RUN) -m pytest tests/compat -m "" $(ARGS)

docs: venv-docs ## build the pages as a site into build/docs
	@.venv-docs/bin/python -m sphinx -q -E -W -n -b html docs build/docs && echo "build/docs/index.html"

recording: venv ## run the session of the README anew, and draw it
	$(RUN) -m tools.recording

clean: ## remove all that these doors made
	rm -rf .venv .venv-* .servers .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

venv:
	@$(PYTHON) -m tools.environment .venv requirements/dev.txt --editable

venv-compat:
	@$(PYTHON) -m tools.environment .venv-compat requirements/compat.txt

venv-plain:
	@$(PYTHON) -m tools.environment .venv-plain requirements/plain.txt --editable

venv-bench:
	@$(PYTHON) -m tools.environment .venv-bench requirements/bench.txt

venv-starters:
	@$(PYTHON) -m tools.environment .venv-starters requirements/starters.txt

venv-docs:
	@$(PYTHON) -m tools.environment .venv-docs requirements/docs.txt

servers: venv
	@$(RUN) -m tools.servers
