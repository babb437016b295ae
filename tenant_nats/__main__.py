"""NATS servers for every tenant in the inventory: see README.md."""

import pulumi

from settings.reading import read_settings, stack_member
from tenant_nats.construction import build
from tenant_nats.decision import decide, stack

settings = read_settings()
decision = decide(settings, stack_member(settings))
tenants = build(settings, decision, stack=stack())

pulumi.export("namespace", decision.plan.namespace)
pulumi.export("urls", {tenant_id: tenant.urls for tenant_id, tenant in tenants.items()})
