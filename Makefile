# Every target runs in the locked Python environment, which uv makes on the first call.
UV := sandbox/uv.sh
RUN := $(UV) run --quiet --locked
PYTHON_FILES := .
# One process per core: with one more, on two cores, a run took 17 min 38 s instead of 13 min 45 s.
# The processes share one cluster and one Postgres (tests/conftest.py).
PROCESSES ?= logical
PYTEST := $(RUN) pytest --numprocesses $(PROCESSES) --dist loadscope --no-loadscope-reorder \
  --max-worker-restart 0 # else pytest-xdist reruns a test whose process died

.PHONY: up preview recover status down check test soak kind node golden schema charts format benchmark
.PHONY: docs programs monitoring audit sbom

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
	$(RUN) zizmor --offline --quiet --persona pedantic .github examples/platform-repository
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

# In namespaces of its own, which keep the machine's network, mounts and kernel settings as they are.
node: ## test verify, TLS and pods on a real kubelet (root, Debian or Ubuntu, 7 minutes)
	$(RUN) python -m tests.node -q --durations 5 tests/node

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

benchmark: ## measure; prints tables (more than an hour; the last needs a `make up` before)
	$(RUN) python -m benchmarks.graph
	$(RUN) python -m benchmarks.up
	$(RUN) python -m benchmarks.shards
	$(RUN) python -m benchmarks.autoscaling
	$(RUN) python -m benchmarks.stalled_clients
	$(RUN) python -m benchmarks.cell_files
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
	@$(UV) export --quiet --locked --no-default-groups --format cyclonedx1.5 \
	  --output-file sbom.cdx.json >/dev/null

# By the folder of this file, since tests make targets in other folders.
include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))installed/share/tenant-nats/ci.mk
