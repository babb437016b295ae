# Every target runs in the locked Python environment, which uv makes on the first call.
RUN := sandbox/uv.sh run --quiet --locked
PYTHON_FILES := .

.DEFAULT_GOAL := help
.PHONY: help up preview recover status down check test kind golden schema charts format benchmark

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

up: ## bring the local stack (cluster, Postgres, engine) to what tenants.yaml says
	@$(RUN) python -m sandbox up

preview: ## show what `make up` would change
	@$(RUN) python -m sandbox preview

recover: ## put right what a killed `make up` left; then `make up`
	@$(RUN) python -m sandbox recover

status: ## show what runs, without starting anything
	@$(RUN) python -m sandbox status

down: ## stop the local servers and remove the local stack with all its data
	@$(RUN) python -m sandbox down

check: ## format, lint, types, import contracts and the fast tests, in under a minute
	$(RUN) ruff format --check $(PYTHON_FILES)
	$(RUN) ruff check $(PYTHON_FILES)
	$(RUN) basedpyright
	$(RUN) lint-imports
	$(RUN) pytest -q tests/unit tests/components

test: check ## everything: also real Postgres, nats-server, API server and engine
	$(RUN) pytest tests/controlplane tests/nats tests/simulation tests/workers tests/sandbox tests/e2e

kind: ## the end-to-end tests on the kind cluster of KUBECONFIG, with the official plugin (for CI; no outages)
	TENANT_NATS_E2E=kind $(RUN) pytest tests/e2e --ignore tests/e2e/test_outages.py

golden: ## rewrite the golden files; read the difference before you commit it
	$(RUN) pytest -q tests/components tests/unit/test_description.py --snapshot-update

schema: ## rewrite tenants.schema.json from the models
	$(RUN) python -m tenancy.schema

charts: ## draw docs/autoscaling.svg from the simulated week
	$(RUN) --group charts python -m benchmarks.autoscaling --chart docs/autoscaling.svg

format: ## format and fix what can be fixed mechanically
	$(RUN) ruff format $(PYTHON_FILES)
	$(RUN) ruff check --fix $(PYTHON_FILES)

benchmark: ## measure; prints tables (about ten minutes)
	$(RUN) python -m benchmarks.graph
	$(RUN) python -m benchmarks.up
	$(RUN) python -m benchmarks.autoscaling
