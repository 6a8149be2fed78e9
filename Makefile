# Two commands do everything: `make demo` and `make test`. Each sets up what it needs, once.
PYTHON ?= python3
VENV   := .venv
SCAN   := .venv-scan
RUN    := $(VENV)/bin/python

# As they were given: the shell is not to take quotes or brackets out of them.
export PARAMS AUDIO VENDOR

.DEFAULT_GOAL := help
.PHONY: help demo local ctl simulators test chaos bench lint scan sbom check lock docs schema clean

help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/local.ok  ## a spoken recording through every vendor (AUDIO=path VENDOR=name for your own)
	@$(RUN) -m devstack demo $(if $(AUDIO),--audio "$$AUDIO") $(if $(VENDOR),--vendor "$$VENDOR")

local: $(VENV)/local.ok  ## the stack on this machine until Ctrl-C (PARAMS="Name=value …" PORT= API_PORT= BIND= REGION=)
	@$(RUN) -m devstack local $(if $(PARAMS),--params "$$PARAMS") $(if $(PORT),--port $(PORT)) $(if $(BIND),--bind $(BIND)) $(if $(REGION),--region $(REGION)) $(if $(API_PORT),--api-port $(API_PORT))

ctl: $(VENV)/local.ok  ## the operator's commands (ARGS="status --local", ARGS="why JOB", ARGS=--help; docs/operating.md)
	@$(RUN) -m asrctl $(ARGS)

simulators: $(VENV)/local.ok  ## the vendor simulators alone
	@$(RUN) -m simulators

test: $(VENV)/dev.ok  ## every test, most of the time of which is waiting, so four at a time (ARGS="-k word")
	@$(RUN) -m pytest -n 4 --dist worksteal -q $(ARGS)

chaos: $(VENV)/dev.ok  ## crashes, refusals and delays at every point, for longer than in `make test` (SEED=7 BUDGET_S=600)
	@PYTHONPATH=layers/asrcore $(RUN) -m tests.simulation --seed $(or $(SEED),0) --budget-s $(or $(BUDGET_S),60)

bench: $(VENV)/dev.ok  ## every figure beside its floor or peer (docs/performance.md); takes minutes
	@PYTHONPATH=layers/asrcore $(RUN) -m benchmarks

lint: $(VENV)/dev.ok  ## formatting, lint, types and the template
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy
	@$(VENV)/bin/cfn-lint template.yaml

scan: $(SCAN)/scan.ok  ## security scanners: the template and our code (.checkov.yaml, pyproject.toml), what the layer brings
	@$(SCAN)/bin/checkov --config-file .checkov.yaml
	@$(SCAN)/bin/bandit -q -c pyproject.toml -r layers functions asrctl devstack simulators tools benchmarks
	@$(SCAN)/bin/python -m tools.audit $(if $(MUST_AUDIT),--must-ask)

sbom: $(SCAN)/scan.ok  ## write out/sbom.cdx.json: the layer's bill of materials (CycloneDX)
	@mkdir -p out
	@$(SCAN)/bin/python -W ignore -m cyclonedx_py requirements layers/asrcore/requirements.txt --pyproject pyproject.toml \
	  --output-reproducible --of JSON -o out/sbom.cdx.json
	@echo "out/sbom.cdx.json"

check: lint scan test  ## what CI runs

docs: $(VENV)/dev.ok  ## write the documentation's tables from the code
	@PYTHONPATH=layers/asrcore $(RUN) -m tools.tables

schema: $(VENV)/dev.ok  ## write schemas/transcript.schema.json from the models
	@PYTHONPATH=layers/asrcore $(RUN) -c 'import json; from asrcore.core.transcript import Transcript; \
	  print(json.dumps(Transcript.model_json_schema(by_alias=True, mode="serialization"), indent=2, ensure_ascii=False))' \
	  > schemas/transcript.schema.json

# The layer and the local stack take their versions from the largest set: what is deployed is what was tested
# (boto3 apart, which Lambda's runtime brings).
lock: $(VENV)/dev.ok  ## pin every dependency again, with hashes
	@$(RUN) -m pip install -q uv
	@for pair in "dev requirements/dev" "local requirements/local" "layer layers/asrcore/requirements" "scan requirements/scan"; do \
	  set -- $$pair; $(VENV)/bin/uv pip compile -q --universal --generate-hashes --python-version 3.11 \
	    --custom-compile-command "make lock" $$( case $$1 in local|layer) echo -c requirements/dev.txt ;; esac ) \
	    requirements/$$1.in -o $$2.txt || exit 1; done

$(VENV)/%.ok: requirements/%.txt devstack/setup.sh
	@PYTHON="$(PYTHON)" sh devstack/setup.sh $(VENV) $<
	@touch $@

# An environment of its own: checkov wants an old boto3.
$(SCAN)/%.ok: requirements/%.txt devstack/setup.sh
	@PYTHON="$(PYTHON)" sh devstack/setup.sh $(SCAN) $<
	@touch $@

clean:  ## forget everything that was installed or built here
	rm -rf $(VENV) $(SCAN) .aws-sam out .local
