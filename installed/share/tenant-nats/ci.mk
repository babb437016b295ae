# What CI runs, on GitHub or elsewhere: docs/ci.md. These targets read the environment, so that text
# from outside, such as the name of a branch, is never part of a command line.
#
# The Makefile of tenant-nats includes this file, and so does that of a repository which has it as a
# dependency (docs/adopting.md): an installation puts it into .venv/share/tenant-nats.
UV ?= uv

.DEFAULT_GOAL := help
.PHONY: help changes comment secrets kubeconfig diff guard deploy drift issue autoscale propose
.PHONY: stack gate due shards previews cell summary

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# A cell, or one member of it: a shard, or `base`. Of what comes from the environment make takes the
# `value`, since it would run a function in the text.
export CELL ?=
export SHARD ?=
ifneq ($(value SHARD),)
export STACK = $(value CELL)-$(value SHARD)
export INVENTORY = inventory/$(value CELL)/$(value SHARD).yaml
export APPROVAL = inventory/$(value CELL)/$(value SHARD).approval
CONFIG = --config-file "Pulumi.$$CELL.yaml"
GATED = --gated
PREVIEW = .shards/"$$SHARD".json
else
PREVIEW = .preview.json
ifneq ($(value CELL),)
export STACK = $(value CELL)
export INVENTORY = inventory/$(value CELL)
endif
endif

export INVENTORY ?= tenants.yaml
export APPROVAL ?= $(basename $(INVENTORY)).approval
export BASE ?= origin/main
export PROPOSAL ?=
export NAMESPACE ?= vrsky-tenants
export SETTINGS ?=
export FILES_ONLY ?=
export SHARDS ?=
export PARALLEL ?= 2
export CANARY ?=

# Leaves out what only the local stack and the tests need. A stack that manages the database's roles
# needs the extra database-roles.
DEPLOY_EXTRAS ?=
changes comment diff guard deploy drift issue autoscale propose \
stack gate due shards previews cell summary: RUN = \
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
	@$(RUN) pulumi preview --stack "$$STACK" $(CONFIG) --non-interactive --diff

ifeq ($(value SHARD),base)
# It has no inventory and no tenants, and a provider of its own keeps it while there are servers.
guard: diff
else
guard: ## fail if `pulumi up` of STACK needs an approval and has none
	@$(if $(GATED),mkdir -p .shards)
	@$(RUN) pulumi preview --stack "$$STACK" $(CONFIG) --non-interactive --json --show-sames >$(PREVIEW) || \
	  { cat $(PREVIEW) >&2; exit 1; }
	@$(RUN) tenant-nats guard --head "$$INVENTORY" --preview $(PREVIEW) \
	  --approval "$$APPROVAL" $(GATED)
	@$(if $(GATED),rm -f $(PREVIEW)) # megabytes, for each shard
endif

# What one tenant lacks holds up no other; the exit code is not 0 all the same.
deploy: stack guard ## run the guard, then `pulumi up` of STACK
	@$(RUN) pulumi up --continue-on-error --stack "$$STACK" $(CONFIG) --yes --skip-preview --non-interactive

drift: ## write drift.md: the out-of-band changes of STACK or CELL; fails if there are any
	@rm -f drift.md
	@$(RUN) tenant-nats drift $(if $(value CELL),--cell "$$CELL",--stack "$$STACK") --report drift.md

issue: ## post drift.md as the open issue about STACK, or close it if nothing differs
	@$(RUN) tenant-nats post drift.md --issue "Drift of $$STACK"

autoscale: ## grow or shrink tenants in INVENTORY, and write autoscale.md: what and why
	@$(RUN) tenant-nats autoscale --inventory "$$INVENTORY" --namespace "$$NAMESPACE" \
	  $(if $(SETTINGS),--settings "$$SETTINGS") >autoscale.md
	@cat autoscale.md

propose: ## open, update or close the pull request with INVENTORY's edit
	@$(RUN) tenant-nats propose autoscale.md --inventory "$$INVENTORY" \
	  $(if $(PROPOSAL),--branch "$$PROPOSAL")

# Cells: docs/scale.md. In .shards is what became of each member: NAME.log, NAME.result.
NO_STACK = $(RUN) pulumi stack --show-name --stack "$$CELL-$$SHARD" --non-interactive 2>&1 | \
  grep -q 'no stack named'

# The settings of a member are its cell's. What `stack init` writes would only confuse.
ifneq ($(value SHARD),)
stack:
	@! { $(NO_STACK); } || { kept=$$(ls "Pulumi.$$STACK.yaml" 2>/dev/null); \
	  secrets=$$(sed -n 's/^secretsprovider: *//p' "Pulumi.$$CELL.yaml" 2>/dev/null); \
	  $(RUN) pulumi stack init --no-select --stack "$$STACK" --non-interactive \
	  $${secrets:+--secrets-provider="$$secrets"} && \
	  { test -n "$$kept" || rm -f "Pulumi.$$STACK.yaml"; }; }
endif

gate: ## fail if CELL has a fault, or if deploying it needs an approval and has none
	@$(RUN) tenant-nats shards check --cell "$$CELL" $(if $(value FILES_ONLY),--files-only)

due: ## write due.json: which members of CELL are to be deployed, in which wave, and why
	@rm -rf .shards
	@$(RUN) tenant-nats shards due --cell "$$CELL" $(if $(value CANARY),--canary "$$CANARY") --json \
	  >due.json
	@test -z "$$GITHUB_OUTPUT" || echo "due=$$(tr -d '\n' <due.json)" >>"$$GITHUB_OUTPUT"

# A make of its own for each member; by a variable, so that `make -n` does not run it.
AGAIN = $(MAKE) --no-print-directory -f $(firstword $(MAKEFILE_LIST))

# The shell's program for one member: makes the targets DO, and prints each line behind the name.
define EACH
export SHARD="$$1"
began=$$(date +%s)
rm -f ".shards/$$SHARD.result"
{
  if test "$$DO" != deploy && { $(NO_STACK); }; then
    echo "There is no stack $$CELL-$$SHARD yet, so an \`up\` makes all of it."
  else
    $(AGAIN) $$DO
  fi && echo green >".shards/$$SHARD.result"
} </dev/null 2>&1 | tee ".shards/$$SHARD.log" |
  while IFS= read -r line; do printf '%s | %s\n' "$$CELL-$$SHARD" "$$line"; done
outcome=$$(cat ".shards/$$SHARD.result" 2>/dev/null || echo red)
echo "$$outcome $$(($$(date +%s) - began))" >".shards/$$SHARD.result"
test "$$outcome" = green
endef
export EACH

# PARALLEL of SHARDS at once. One that fails holds up no other.
define ALL
set -f; SHARDS=$$(echo $$SHARDS); \
case "$$CELL/$$SHARDS" in /*|*/|*/*[!abcdefghijklmnopqrstuvwxyz0123456789\ ]*) \
  echo "CELL is \"$$CELL\" and SHARDS is \"$$SHARDS\", expected a cell and members of it." \
  "For example: make $@ CELL=eu SHARDS=\"001 002\"" >&2; exit 2;; esac; \
mkdir -p .shards; \
printf '%s\n' $$SHARDS | xargs -n 1 -P "$$PARALLEL" sh -c "$$EACH" each; code=$$?; \
for each in $$SHARDS; do \
  read -r outcome seconds <".shards/$$each.result" && \
  printf '%-33s %-5s %5s s  .shards/%s.log\n' "$$CELL-$$each" "$$outcome" "$$seconds" "$$each"; \
done; \
exit $$code
endef

shards: ## deploy the SHARDS of CELL, PARALLEL at once, and tell which are red
	@DO=deploy; export DO; $(ALL)

previews: ## show what would be deployed first: the base, the edits, the canary
	@mkdir -p .shards; $(RUN) tenant-nats shards waves >.shards/waves
	@SHARDS=$$(sed -En 's/^(base|edits|canary) //p' .shards/waves); \
	test -n "$$SHARDS" || { echo "Nothing is due."; exit 0; }; \
	DO='diff guard'; export DO; $(ALL)

# Edits that fail stop no other wave. A new version goes on only where no wave of it has failed.
cell: gate due ## deploy what is due of CELL: the base, the edits, then a new version in waves
	@mkdir -p .shards; $(RUN) tenant-nats shards waves >.shards/waves
	@failed=; while read -r wave SHARDS; do \
	  export SHARDS; echo "$$wave:"; $(AGAIN) shards </dev/null && continue; \
	  failed=yes; test "$$wave" = edits || break; \
	done <.shards/waves; \
	$(AGAIN) summary && test -z "$$failed"

summary: ## tell what became of each member that due.json has: green, red, or not begun
	@$(RUN) tenant-nats shards summary >.summary.md
	@cat .summary.md; test -z "$$GITHUB_STEP_SUMMARY" || cat .summary.md >>"$$GITHUB_STEP_SUMMARY"
