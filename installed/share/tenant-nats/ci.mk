# What CI runs, on GitHub or elsewhere: docs/ci.md. These targets read the environment, so that text
# from outside, such as the name of a branch, is never part of a command line.
#
# The Makefile of tenant-nats includes this file, and so does that of a repository which has it as a
# dependency (docs/adopting.md): an installation puts it into .venv/share/tenant-nats.
UV ?= uv

.DEFAULT_GOAL := help
.PHONY: help changes comment secrets kubeconfig diff guard deploy drift issue autoscale propose

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

export INVENTORY ?= tenants.yaml
export APPROVAL ?= $(basename $(INVENTORY)).approval
export BASE ?= origin/main
export PROPOSAL ?=
export NAMESPACE ?= vrsky-tenants
export SETTINGS ?=

# Leaves out what only the local stack and the tests need. A stack that manages the database's roles
# needs the extra database-roles.
DEPLOY_EXTRAS ?=
changes comment diff guard deploy drift issue autoscale propose: RUN = \
  $(UV) run --quiet --locked --no-default-groups $(addprefix --extra ,$(DEPLOY_EXTRAS))

changes: ## write changes.md: what INVENTORY changes since the commit BASE, or its faults
	@$(RUN) tenant-nats changes --base "$$BASE" --head "$$INVENTORY" --format markdown >changes.md \
	  2>.changes.err || { cat .changes.err >&2; { printf '**This edit could not be compared.**\n\n'; \
	  sed 's/^/    /' .changes.err; } >changes.md; exit 1; }
	@cat changes.md

comment: ## post changes.md on PULL_REQUEST, in place of the earlier comment on INVENTORY
	@$(RUN) tenant-nats post changes.md --pull-request "$$PULL_REQUEST" --inventory "$$INVENTORY"

# GIVEN and not the secrets, so that this step has none.
secrets: ## fail unless GIVEN is true: whether any of SECRETS has reached this job
	@test "$$GIVEN" = true || { echo "GitHub gave this job none of its secrets ($$SECRETS): set them in" \
	  "the environment that the job names, in the repository that it runs for, or, if they are set there," \
	  "copy the workflow into that repository in place of the call, as docs/adopting.md says below" \
	  "\"Secrets\"." >&2; exit 1; }

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

propose: ## open, update or close the pull request with INVENTORY's edit
	@$(RUN) tenant-nats propose autoscale.md --inventory "$$INVENTORY" \
	  $(if $(PROPOSAL),--branch "$$PROPOSAL")
