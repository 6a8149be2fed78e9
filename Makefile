# `make demo` and `make test` set up what they need, once.
PYTHON  ?= python3
VENV    := .venv
SCAN    := .venv-scan
OWN_SAM := .venv-sam
CLIENTS := .venv-clients
STATES  := tests/states/node_modules
RUN     := $(VENV)/bin/python

# This project's SAM CLI unless another one is given (SAM=sam), without telemetry.
SAM     ?= $(OWN_SAM)/bin/sam
HAS_SAM := $(if $(filter $(OWN_SAM)/%,$(SAM)),$(OWN_SAM)/sam.ok)
export SAM_CLI_TELEMETRY ?= 0

# A shell that forbids compiled files would have every test process compile every test anew: 15 s of CPU each.
unexport PYTHONDONTWRITEBYTECODE

# Exported, so that the shell does not remove quotes or brackets from them.
export PARAMS AUDIO VENDOR RECOGNIZER ASR_MODEL

.DEFAULT_GOAL := help
.PHONY: help demo local simulators recognizer ctl smoke build deploy check states clients test test-all test-oldest flaky lint readability scan chaos bench bench-all oracle sam-local has-python3.13 has-node has-docker sbom docs messages schema lock clean

help:  ## this list
	@awk -F':.*## ' '/^##/ {print substr($$0, 4)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## On this machine

demo: $(VENV)/local.ok $(if $(AUDIO),recognizer)  ## transcribe a spoken sample by every vendor (AUDIO=path VENDOR=name for your own)
	@$(RUN) -m devstack demo $(if $(AUDIO),--audio "$$AUDIO") $(if $(VENDOR),--vendor "$$VENDOR")

local: $(VENV)/local.ok recognizer  ## run the stack on this machine until Ctrl-C (PARAMS="Name=value …" PORT= API_PORT= BIND= REGION= CREDENTIAL=)
	@$(RUN) -m devstack local $(if $(PARAMS),--params "$$PARAMS") $(if $(PORT),--port $(PORT)) $(if $(BIND),--bind $(BIND)) $(if $(REGION),--region $(REGION)) $(if $(API_PORT),--api-port $(API_PORT)) $(if $(CREDENTIAL),--credential $(CREDENTIAL))

simulators: $(VENV)/local.ok recognizer  ## run the vendor simulators alone
	@$(RUN) -m simulators

# The engine that recognizes speech locally; RECOGNIZER=none leaves it out. Where it cannot be installed, all else runs.
recognizer: $(VENV)/local.ok
	@$(if $(filter none,$(RECOGNIZER)),,$(MAKE) --no-print-directory $(VENV)/recognizer.ok || true)

## A stack, here or in AWS
# Names in ARGS are quoted as for bash, and make expands no `$` in them.
ctl: SHELL := bash
ctl: $(VENV)/local.ok  ## the operator's commands (ARGS="status --local", ARGS="why 'incoming/auto/my file.wav'"; docs/operating.md)
	@$(RUN) -m asrctl $(value ARGS)

IN_AWS = $(if $(LOCAL),,$(if $(STACK),--stack $(STACK) $(if $(REGION),--region $(REGION)) $(if $(CLI_PROFILE),--profile $(CLI_PROFILE))))

smoke: $(VENV)/local.ok  ## transcribe a short sample on `make local`, or in AWS (STACK= REGION= CLI_PROFILE= ARGS="--keep")
	@$(RUN) -m asrctl smoke $(or $(IN_AWS),--local) $(ARGS)

build: has-python3.13 $(HAS_SAM)  ## build functions and layer as they are deployed, in .aws-sam (needs Python 3.13)
	@PATH="$$($(SHELL) tools/lambda_python.sh):$$PATH" "$(SAM)" build

# It builds itself, once its checks have passed: in a container where there is no Python 3.13.
deploy: $(VENV)/local.ok $(HAS_SAM)  ## deploy to your AWS account; asks the first time (PROFILE=default|prod|china; docs/deploy.md)
	@PYTHONPATH=layers/asrcore $(RUN) -m tools.deploy --sam "$(SAM)" $(PROFILE)

## For changes
check: lint scan states clients test-all test-oldest  ## what CI runs (needs Node.js 20 or newer)

# A file's tests share fixtures, so a file stays on one worker; tests/conftest.py orders the files.
PYTEST_OPTIONS = -n $(WORKERS) --dist loadfile --no-loadscope-reorder -q
# The tests of the stack wait, so more workers than cores run them sooner. Those of these two folders compute.
WORKERS ?= $(if $(filter-out tests/unit% tests/template%,$(or $(filter tests/%,$(ARGS)),all)),4,auto --maxprocesses 4)
SAMPLE = -m "not exhaustive"

test: $(VENV)/dev.ok  ## the tests, without those that repeat a proof exhaustively (ARGS=tests/unit, ARGS="-k word")
	@$(RUN) -m pytest $(PYTEST_OPTIONS) $(SAMPLE) $(ARGS)

test-all: $(VENV)/dev.ok  ## every test
	@$(RUN) -m pytest $(PYTEST_OPTIONS) $(ARGS)

# The README promises "3.11 or newer"; Debian 12 has an early 3.11.
OLDEST := /usr/bin/python3.11
test-oldest:  ## the tests without a stack or a browser with Debian's Python 3.11, the oldest supported, where it is installed
	@if [ -x $(OLDEST) ]; then $(MAKE) --no-print-directory VENV=.venv-oldest PYTHON=$(OLDEST) test ARGS="tests/unit tests/contract tests/template"; \
	else echo "make test-oldest: there is no $(OLDEST) here"; fi

flaky: $(VENV)/dev.ok  ## `make test` under CPU load, in random order; adds up which tests fail (RUNS=10 SEED=7 ARGS=tests/unit)
	@$(RUN) -m tools.flaky --runs $(or $(RUNS),1) $(if $(SEED),--seed $(SEED)) -- $(PYTEST_OPTIONS) $(SAMPLE) $(ARGS)

states: has-node $(VENV)/dev.ok $(STATES)/.ok  ## check the state machines with a third-party validator and interpreter (needs Node.js 20 or newer)
	@$(RUN) -m pytest -q tests/states $(ARGS)

clients: $(VENV)/dev.ok $(CLIENTS)/clients.ok  ## published third-party clients against the simulators (ARGS=--record-clients)
	@$(RUN) -m pytest -q tests/clients $(ARGS)

lint: $(VENV)/dev.ok  ## formatting, lint, types, imports between the layer's parts, and the template
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@PYTHONPATH=layers/asrcore $(VENV)/bin/lint-imports --no-cache --no-logo
	@$(VENV)/bin/cfn-lint -r us-east-1 cn-north-1 cn-northwest-1 -- template.yaml deploy/key.yaml

readability: $(VENV)/dev.ok  ## measure each page of the documentation (ARGS=--findings, ARGS="--draw 20 --seed 7", ARGS=docs/api.md)
	@$(RUN) -m tools.readability $(ARGS)

scan: $(SCAN)/scan.ok  ## security scanners: template, code (.checkov.yaml, pyproject.toml) and the layer's packages
	@$(SCAN)/bin/checkov --config-file .checkov.yaml
	@$(SCAN)/bin/bandit -q -c pyproject.toml -r layers functions asrctl devstack recognizer simulators tools benchmarks
	@$(SCAN)/bin/python -m tools.audit $(if $(MUST_AUDIT),--must-ask)

chaos: $(VENV)/dev.ok  ## simulate crashes, errors and delays at every point, for longer than `make test` (SEED=7 BUDGET_S=600)
	@PYTHONPATH=layers/asrcore $(RUN) -m tests.simulation --seed $(or $(SEED),0) --budget-s $(or $(BUDGET_S),60)

bench: $(VENV)/dev.ok  ## measure, compare with limits and peers, misses first, and write the tables of docs/performance.md
	@PYTHONPATH=layers/asrcore $(RUN) -m benchmarks

bench-all: $(VENV)/dev.ok  ## the same, and the long ones: hours of words, a hundred thousand recordings
	@PYTHONPATH=layers/asrcore $(RUN) -m benchmarks --all

# Not in CI: it downloads published test recordings. Those that cannot be downloaded are left out.
oracle: $(VENV)/dev.ok  ## compare the probe with FFmpeg over other projects' test recordings, in out/corpus
	@$(RUN) -m tools.corpus out/corpus
	@PYTHONPATH=layers/asrcore $(RUN) -m tools.oracle out/corpus

sam-local: has-docker $(VENV)/dev.ok build  ## invoke every function in a container with each event (needs Docker; SAM_PULL_IMAGE=yes downloads the image)
	@SAM="$(SAM)" $(RUN) -m pytest -q tests/stack/test_events.py tests/containers --in-containers $(ARGS)

# Programs that this Makefile does not install.
has-python3.13:
	@$(SHELL) tools/lambda_python.sh >/dev/null || { echo "make build needs Python 3.13, which Lambda runs: have it in PATH as python3.13, or run: uv python install 3.13" >&2; exit 1; }

has-node:
	@node -e "process.exit(+(parseInt(process.versions.node) < 20))" 2>/dev/null && npm --version >/dev/null 2>&1 || { echo "make states, and so make check, needs Node.js 20 or newer with npm: have both in PATH (make test needs neither)" >&2; exit 1; }

has-docker:
	@docker info >/dev/null 2>&1 || { echo "make sam-local needs Docker: install it, start it, and see that \`docker info\` answers" >&2; exit 1; }

## Files that are generated
sbom: $(SCAN)/scan.ok  ## write out/sbom.cdx.json: the layer's bill of materials (CycloneDX)
	@mkdir -p out
	@$(SCAN)/bin/python -W ignore -m cyclonedx_py requirements layers/asrcore/requirements.txt --pyproject pyproject.toml \
	  --output-reproducible --of JSON -o out/sbom.cdx.json
	@echo "out/sbom.cdx.json"

docs: $(VENV)/dev.ok  ## write the documentation's tables from the code, and its excerpts from the local stack
	@PYTHONPATH=layers/asrcore $(RUN) -m tools.tables
	@PYTHONPATH=layers/asrcore $(RUN) -m tools.exports

messages: $(VENV)/dev.ok  ## put the message catalogues in order and compile them (docs/developing.md)
	@PYTHONPATH=layers/asrcore $(RUN) -m tools.messages

schema: $(VENV)/dev.ok  ## write schemas/ from the models
	@PYTHONPATH=layers/asrcore $(RUN) -m tools.schemas

# The layer and the local stack use the versions of the largest set: what is deployed is what was tested
# (except boto3, which is part of Lambda's runtime).
lock: $(VENV)/dev.ok  ## pin every dependency again, with hashes
	@$(RUN) -m pip install -q uv
	@for pair in "dev requirements/dev" "local requirements/local" "recognizer requirements/recognizer" "layer layers/asrcore/requirements" "media layers/media/requirements" "scan requirements/scan" "sam requirements/sam" "clients requirements/clients"; do \
	  set -- $$pair; $(VENV)/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 \
	    --custom-compile-command "make lock" $$( case $$1 in local|recognizer|layer|media) echo -c requirements/dev.txt ;; esac ) \
	    requirements/$$1.in -o $$2.txt || exit 1; done

$(VENV)/%.ok: requirements/%.txt devstack/setup.sh
	@PYTHON="$(PYTHON)" sh devstack/setup.sh $(VENV) $<
	@touch $@

# Separate environments: checkov and the SAM CLI need an old boto3; published clients have requirements of their own.
$(SCAN)/%.ok: requirements/%.txt devstack/setup.sh
	@PYTHON="$(PYTHON)" sh devstack/setup.sh $(SCAN) $<
	@touch $@

$(OWN_SAM)/%.ok: requirements/%.txt devstack/setup.sh
	@PYTHON="$(PYTHON)" sh devstack/setup.sh $(OWN_SAM) $<
	@touch $@

$(CLIENTS)/%.ok: requirements/%.txt devstack/setup.sh
	@PYTHON="$(PYTHON)" sh devstack/setup.sh $(CLIENTS) $<
	@touch $@

$(STATES)/.ok: tests/states/package-lock.json
	@echo "setting up: packages of $< (once)" >&2
	@npm ci --prefix tests/states --loglevel error
	@touch $@

clean:  ## delete everything that was installed or built here
	rm -rf $(VENV) .venv-oldest $(SCAN) $(OWN_SAM) $(CLIENTS) $(STATES) .aws-sam out .local
