# Every target runs in the locked Python environment, which uv makes on the first call.
UV := sandbox/uv.sh
RUN := $(UV) run --quiet --locked
PYTHON_FILES := .
# A process for each core: with one more, on two, a run took 17 min 38 s in place of 13 min 45 s. They
# share one cluster and one Postgres (tests/conftest.py).
PROCESSES ?= logical
PYTEST := $(RUN) pytest --numprocesses $(PROCESSES) --dist loadscope --no-loadscope-reorder \
  --max-worker-restart 0 # else pytest-xdist would run again a test in which a process died

.DEFAULT_GOAL := help
.PHONY: help up preview recover status down check test soak kind golden schema charts format benchmark
.PHONY: docs programs monitoring audit sbom changes comment kubeconfig diff guard deploy drift issue autoscale propose

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

up: ## bring the local stack (cluster, Postgres, engine) to what tenants.yaml says
	@$(RUN) python -m sandbox up

preview: ## show what `make up` would change
	@$(RUN) python -m sandbox preview

recover: ## put right what a killed `make up` left, as the next one would
	@$(RUN) python -m sandbox recover

status: ## show what runs, without starting anything
	@$(RUN) python -m sandbox status

down: ## stop the local servers and remove the local stack with all its data
	@$(RUN) python -m sandbox down

check: ## format, lint, types, import contracts and the fast tests, in three quarters of a minute
	$(UV) lock --quiet --check
	$(RUN) ruff format --check $(PYTHON_FILES)
	$(RUN) ruff check $(PYTHON_FILES)
	$(RUN) basedpyright
	$(RUN) lint-imports
	$(RUN) python -m operations check tenants.yaml
	$(RUN) zizmor --offline --quiet --persona pedantic .github
	$(PYTEST) -q tests/unit tests/components

programs: ## build the programs that the tests run and no registry carries, where the cache lacks them
	@$(RUN) python -m sandbox programs

test: check programs ## everything: also real Postgres, nats-server, API server and engine
	$(PYTEST) -q --durations 10 $(addprefix tests/,sandbox e2e isolation workers metrics admission supply \
	  monitoring nats controlplane simulation workflows)

# Each night the seed is another one; the run says which, and the same seed draws the same again.
ROUNDS ?= 3
SEED := $(or $(SEED),$(shell date +%s))
soak: programs ## all cases of what `make test` takes a sample of, in ROUNDS rounds of some ten minutes
	TENANT_NATS_SOAK=$(ROUNDS) TENANT_NATS_SEED=$(SEED) $(PYTEST) -q -m sweep --hypothesis-seed $(SEED) tests

kind: ## the end-to-end tests on the kind cluster of KUBECONFIG, with the official plugin (for CI; no outages)
	TENANT_NATS_E2E=kind $(PYTEST) tests/e2e --ignore tests/e2e/test_outages.py --ignore tests/e2e/test_database_roles.py

golden: ## rewrite the golden files; read the difference before you commit it
	$(RUN) pytest -q tests/components tests/unit/edit/test_description.py --snapshot-update

schema: ## rewrite tenants.schema.json and docs/inventory.md from the models
	$(RUN) python -m reference.json_schema
	$(RUN) python -m reference.page

monitoring: ## rewrite deploy/monitoring: rules, scrape configuration, queries of the database, dashboard
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
	$(RUN) python -m benchmarks.engine_parts

# Without --strict, pip-audit passes when the service knows none of the packages.
AUDIT := --vulnerability-service pypi
audit: ## look up every locked Python package among the known vulnerabilities (asks pypi.org itself)
	@$(UV) export --quiet --locked --all-groups --format requirements.txt \
	  --output-file .requirements.txt >/dev/null
	@$(RUN) pip-audit --requirement .requirements.txt --require-hashes --disable-pip --strict \
	  --progress-spinner off $(AUDIT) || { echo "The audit did not pass. Where no vulnerability is \
	listed above, the service could not be asked, and nothing is known: a mirror of PyPI has no \
	list of vulnerabilities." >&2; exit 1; }

sbom: ## write sbom.cdx.json (CycloneDX): what `make deploy` runs with, as uv.lock pins it
	@$(UV) export --quiet --locked --no-default-groups --group operations --format cyclonedx1.5 \
	  --output-file sbom.cdx.json >/dev/null

# What CI runs, on GitHub or elsewhere: docs/ci.md. All of it reads the environment, so that nothing
# that came from outside, such as the name of a branch, is ever part of a command line.
export INVENTORY ?= tenants.yaml
export APPROVAL ?= $(basename $(INVENTORY)).approval
export BASE ?= origin/main
export PROPOSAL ?= autoscale
export NAMESPACE ?= vrsky-tenants

# Without what the local stack and the tests need. A stack that manages the database's roles has the
# group database-roles as well.
DEPLOY_GROUPS ?= operations
changes comment diff guard deploy drift issue autoscale propose: RUN = \
  $(UV) run --quiet --locked --no-default-groups $(addprefix --group ,$(DEPLOY_GROUPS))

changes: ## write changes.md: what the edit of INVENTORY since the commit BASE means, or what is wrong with it
	@$(RUN) python -m operations changes --base "$$BASE" --head "$$INVENTORY" --format markdown >changes.md \
	  2>.changes.err || { cat .changes.err >&2; { printf '**This edit could not be compared.**\n\n'; \
	  sed 's/^/    /' .changes.err; } >changes.md; exit 1; }
	@cat changes.md

comment: ## put changes.md on PULL_REQUEST, in place of an earlier one
	@$(RUN) python -m operations post changes.md --pull-request "$$PULL_REQUEST"

kubeconfig: ## write the file KUBECONFIG from the variable KUBECONFIG_TEXT
	@umask 077 && printf '%s\n' "$$KUBECONFIG_TEXT" >"$$KUBECONFIG"

diff: ## show what `pulumi up` would change in STACK
	@$(RUN) pulumi preview --stack "$$STACK" --non-interactive --diff

guard: ## refuse what `pulumi up` would do in STACK, where it needs an approval and has none
	@$(RUN) pulumi preview --stack "$$STACK" --non-interactive --json >.preview.json || \
	  { cat .preview.json >&2; exit 1; }
	@$(RUN) python -m operations deployed "$$INVENTORY" --stack "$$STACK" >.deployed.yaml
	@[ ! -s .deployed.yaml ] || $(RUN) python -m operations guard --base .deployed.yaml \
	  --head "$$INVENTORY" --preview .preview.json --approval "$$APPROVAL"

deploy: guard ## the guard, then `pulumi up` of STACK
	@$(RUN) pulumi up --stack "$$STACK" --yes --skip-preview --non-interactive

drift: ## write drift.md: what somebody else changed in STACK; fails where that is something
	@rm -f drift.md
	@$(RUN) python -m operations drift --stack "$$STACK" --report drift.md

issue: ## put drift.md in the open issue about STACK, or close that when nothing differs
	@$(RUN) python -m operations post drift.md --issue "Drift of $$STACK"

autoscale: ## edit INVENTORY as its tenants need, and write autoscale.md: what, and why
	@$(RUN) python -m operations autoscale --inventory "$$INVENTORY" --namespace "$$NAMESPACE" >autoscale.md
	@cat autoscale.md

propose: ## put the edit of INVENTORY on the branch PROPOSAL and in one open pull request, or close that
	@$(RUN) python -m operations propose autoscale.md --inventory "$$INVENTORY" --branch "$$PROPOSAL"
