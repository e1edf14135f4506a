.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all test-fast test-hosts test-versions check chaos fuzz accept-replay golden screenshots docs images ray-image env bench bench-smoke release lock
VENV := .venv/bin
# On two cores: two processes for end-to-end tests, which wait much, and one that computes (tests/support/lanes.py).
TESTS = $(VENV)/pytest --numprocesses 3
SEARCHING = --hypothesis-profile searching

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## the virtual environment, from the lock file
	@scripts/setup

demo: ## the whole loop on this machine, in under two minutes (ARGS="--provider docker")
	@scripts/setup $(if $(findstring docker,$(ARGS)),docker,demo)
	@$(VENV)/ray-watcher demo $(ARGS)

test: ## lint, types, imports, and all tests but repetitions (ARGS="tests/unit -k plan" for some)
	@scripts/setup test
	@$(MAKE) --no-print-directory check
	$(if $(ARGS),$(VENV)/pytest $(ARGS),$(TESTS) -m "not full")

test-all: ## repetitions too: the other provider, a kill at every single step, more examples
	@scripts/setup test
	@$(MAKE) --no-print-directory check
	$(TESTS) $(SEARCHING)

test-fast: ## the quick tests, in under two minutes (ARGS="-k plan" for some)
	@scripts/setup
	$(VENV)/pytest tests/unit tests/integration -m "not e2e" --numprocesses auto --maxprocesses 4 $(ARGS)

test-hosts: ## workers on several Docker hosts, which are engines in containers (five minutes)
	@scripts/setup test
	$(VENV)/pytest -m hosts tests/contract $(ARGS)

test-versions: ## quick tests with other Pythons, the loop with newer Prometheus, Alertmanager, Docker (ARGS="docker")
	@scripts/setup test
	@scripts/test-versions $(ARGS)

check: ## lint, types, import directions
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports

chaos: ## break the running programs on purpose and check what must hold (ARGS="--minutes 60 --seed 1")
	@scripts/setup test
	@PYTHONPATH=tests:. $(VENV)/python -m faults.chaos $(ARGS)

fuzz: ## a hundred thousand inputs for webhook, /state, policy and the command line's files (some 20 minutes)
	@scripts/setup test
	FUZZ_EXAMPLES=15000 $(VENV)/pytest $(SEARCHING) tests/fuzz --timeout 0 $(ARGS)

accept-replay: ## accept what the planner now decides otherwise on recorded days; read the difference before you commit it
	PYTHONPATH=tests:. $(VENV)/python -m support.replayed
	git diff --stat tests/golden/replay

golden: ## regenerate the golden files and generated code
	PYTHONPATH=tests:. $(VENV)/python -m support.regenerate

docs: ## the documents as a site, in build/site
	@scripts/setup
	NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict

screenshots: ## docs/page-*.png, the scaler's page over a real run (five minutes)
	@scripts/setup test
	PYTHONPATH=tests:. $(VENV)/python -m support.screenshots

images: ## without a registry: the images of docker-compose.yml but Grafana's, and their names in .env
	@scripts/setup docker
	@scripts/compose-env make
	@$(VENV)/python -m tools.images compose --env-file $(or $(ENV_FILE),.env)
	@scripts/compose-env next

ray-image: ## without a registry: the image of head and workers alone
	@scripts/setup docker
	@$(VENV)/python -m tools.images ray

env: ## .env for docker-compose.yml, with this machine's group of the Docker socket
	@scripts/compose-env

bench: ## compare everything with its peers; writes docs/benchmarks.md and README's table (ARGS="planner" for some)
	@scripts/setup test
	$(VENV)/python -m benchmarks $(ARGS)

bench-smoke: ## show that each benchmark still runs, with tiny sizes; writes nothing
	@scripts/setup test
	$(VENV)/python -m benchmarks --smoke $(ARGS)

release: ## build wheel and sdist into dist/ and check them; publishes nothing
	@scripts/setup
	@$(VENV)/python -m tools.release

lock: ## pin every dependency for Python 3.10 to 3.13
	$(VENV)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.10 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet --output-file requirements.lock
	for program in exporter scaler; do \
	  $(VENV)/uv pip compile deploy/$$program.in --constraint requirements.lock --universal --python-version 3.10 \
	    --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --output-file deploy/$$program.lock; done
