# Every target runs in the locked Python environment, which uv makes on the first call.
UV := sandbox/uv.sh
RUN := $(UV) run --quiet --locked
PYTHON_FILES := .
# One process per core: with one more, on two cores, a run took 17 min 38 s instead of 13 min 45 s.
# The processes share one cluster and one Postgres (tests/conftest.py).
PROCESSES ?= logical
PYTEST := $(RUN) pytest --numprocesses $(PROCESSES) --dist loadscope --no-loadscope-reorder \
  --max-worker-restart 0 # else pytest-xdist reruns a test whose process died

.DEFAULT_GOAL := help
.PHONY: help up preview recover status down check test soak kind golden schema charts format benchmark
.PHONY: docs programs monitoring audit sbom changes comment kubeconfig diff guard deploy drift issue autoscale propose

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

up: ## bring the local stack (cluster, Postgres, engine) to what tenants.yaml says
	@$(RUN) python -m sandbox up

preview: ## show what `make up` would change
	@$(RUN) python -m sandbox preview

recover: ## repair what a killed `make up` left; the next `make up` does so too
	@$(RUN) python -m sandbox recover

status: ## show what runs, without starting anything
	@$(RUN) python -m sandbox status

down: ## stop the local servers and remove the local stack with all its data
	@$(RUN) python -m sandbox down

check: ## format, lint, types, import contracts and the fast tests, in 45 seconds
	$(UV) lock --quiet --check
	$(RUN) ruff format --check $(PYTHON_FILES)
	$(RUN) ruff check $(PYTHON_FILES)
	$(RUN) basedpyright
	$(RUN) lint-imports
	$(RUN) tenant-nats check tenants.yaml
	$(RUN) zizmor --offline --quiet --persona pedantic .github
	$(PYTEST) -q tests/unit tests/components

programs: ## build the programs that the tests run and no registry carries, unless cached
	@$(RUN) python -m sandbox programs

test: check programs ## everything: also real Postgres, nats-server, API server and engine
	$(PYTEST) -q --durations 10 $(addprefix tests/,sandbox e2e isolation workers metrics admission supply \
	  monitoring nats controlplane simulation workflows)

# Each run has another seed and prints it; the same seed draws the same cases again.
ROUNDS ?= 3
SEED := $(or $(SEED),$(shell date +%s))
soak: programs ## all cases that `make test` samples, in ROUNDS rounds of about ten minutes
	TENANT_NATS_SOAK=$(ROUNDS) TENANT_NATS_SEED=$(SEED) $(PYTEST) -q -m sweep --hypothesis-seed $(SEED) tests

# With the official Kubernetes plugin. For CI.
kind: ## the end-to-end tests, without outages, on the kind cluster of KUBECONFIG
	TENANT_NATS_E2E=kind $(PYTEST) tests/e2e --ignore tests/e2e/test_outages.py --ignore tests/e2e/test_database_roles.py

golden: ## rewrite the golden files; read the difference before you commit it
	$(RUN) pytest -q tests/components tests/unit/edit/test_description.py --snapshot-update

schema: ## rewrite tenants.schema.json and docs/inventory.md from the models
	$(RUN) python -m reference.json_schema
	$(RUN) python -m reference.page

monitoring: ## rewrite deploy/monitoring: rules, scrape configuration, SQL, dashboard
	$(RUN) python -m monitoring

docs: RUN = $(UV) run --quiet --locked --no-default-groups --group docs
docs: ## build the documentation as a site with search, in site/; a broken link fails
	@NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build
	@echo "Open site/index.html. Its search needs a web server: python3 -m http.server --directory site"

charts: ## draw docs/autoscaling.svg from the simulated week
	$(RUN) --group charts python -m benchmarks.autoscaling --chart docs/autoscaling.svg

format: ## format and fix what can be fixed mechanically
	$(RUN) ruff format $(PYTHON_FILES)
	$(RUN) ruff check --fix $(PYTHON_FILES)

benchmark: ## measure; prints tables (about half an hour; the last needs a `make up` before)
	$(RUN) python -m benchmarks.graph
	$(RUN) python -m benchmarks.up
	$(RUN) python -m benchmarks.autoscaling
	$(RUN) python -m benchmarks.stalled_clients
	$(RUN) python -m benchmarks.engine_parts

# Without --strict, pip-audit passes when the service knows none of the packages.
AUDIT := --vulnerability-service pypi
audit: ## check all locked Python packages for known vulnerabilities (asks the public index)
	@$(UV) export --quiet --locked --all-groups --no-emit-project --format requirements.txt \
	  --output-file .requirements.txt >/dev/null
	@$(RUN) pip-audit --requirement .requirements.txt --require-hashes --disable-pip --strict \
	  --progress-spinner off $(AUDIT) || { echo "The audit did not pass. If no vulnerability is \
	listed above, the service could not be asked, and nothing is known: a mirror of PyPI has no \
	list of vulnerabilities." >&2; exit 1; }

sbom: ## write sbom.cdx.json (CycloneDX): the packages of `make deploy`, from uv.lock
	@$(UV) export --quiet --locked --no-default-groups --group operations --format cyclonedx1.5 \
	  --output-file sbom.cdx.json >/dev/null

# What CI runs, on GitHub or elsewhere: docs/ci.md. These targets read the environment, so that text
# from outside, such as the name of a branch, is never part of a command line.
export INVENTORY ?= tenants.yaml
export APPROVAL ?= $(basename $(INVENTORY)).approval
export BASE ?= origin/main
export PROPOSAL ?= autoscale
export NAMESPACE ?= vrsky-tenants
export SETTINGS ?=

# Leaves out what only the local stack and the tests need. A stack that manages the database's roles
# needs the group database-roles as well.
DEPLOY_GROUPS ?= operations
changes comment diff guard deploy drift issue autoscale propose: RUN = \
  $(UV) run --quiet --locked --no-default-groups $(addprefix --group ,$(DEPLOY_GROUPS))

changes: ## write changes.md: what INVENTORY changes since the commit BASE, or its faults
	@$(RUN) tenant-nats changes --base "$$BASE" --head "$$INVENTORY" --format markdown >changes.md \
	  2>.changes.err || { cat .changes.err >&2; { printf '**This edit could not be compared.**\n\n'; \
	  sed 's/^/    /' .changes.err; } >changes.md; exit 1; }
	@cat changes.md

comment: ## post changes.md on PULL_REQUEST, in place of the earlier comment
	@$(RUN) tenant-nats post changes.md --pull-request "$$PULL_REQUEST"

kubeconfig: ## write the file KUBECONFIG from the variable KUBECONFIG_TEXT
	@umask 077 && printf '%s\n' "$$KUBECONFIG_TEXT" >"$$KUBECONFIG"

diff: ## show what `pulumi up` would change in STACK
	@$(RUN) pulumi preview --stack "$$STACK" --non-interactive --diff

guard: ## fail if `pulumi up` of STACK needs an approval and has none
	@$(RUN) pulumi preview --stack "$$STACK" --non-interactive --json --show-sames >.preview.json || \
	  { cat .preview.json >&2; exit 1; }
	@$(RUN) tenant-nats guard --head "$$INVENTORY" --preview .preview.json \
	  --approval "$$APPROVAL"

# What one tenant lacks holds up no other; the exit code is not 0 all the same.
deploy: guard ## run the guard, then `pulumi up` of STACK
	@$(RUN) pulumi up --continue-on-error --stack "$$STACK" --yes --skip-preview --non-interactive

drift: ## write drift.md: the out-of-band changes of STACK; fails if there are any
	@rm -f drift.md
	@$(RUN) tenant-nats drift --stack "$$STACK" --report drift.md

issue: ## post drift.md as the open issue about STACK, or close it if nothing differs
	@$(RUN) tenant-nats post drift.md --issue "Drift of $$STACK"

autoscale: ## grow or shrink tenants in INVENTORY, and write autoscale.md: what and why
	@$(RUN) tenant-nats autoscale --inventory "$$INVENTORY" --namespace "$$NAMESPACE" \
	  $(if $(SETTINGS),--settings "$$SETTINGS") >autoscale.md
	@cat autoscale.md

propose: ## open, update or close the pull request of branch PROPOSAL: INVENTORY's edit
	@$(RUN) tenant-nats propose autoscale.md --inventory "$$INVENTORY" --branch "$$PROPOSAL"
