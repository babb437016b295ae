"""The type tokens of this program: part of every URN, hence of every stack's state, forever."""

NAMESPACE = "tenant-nats:index:Namespace"
TENANT = "tenant-nats:index:Tenant"
NATS_INSTANCE = "tenant-nats:index:NatsInstance"
ISOLATION = "tenant-nats:index:Isolation"
DATABASE_ROLES = "tenant-nats:index:DatabaseRoles"
TENANT_RECORDS = "pulumi-python:dynamic/tenant-nats:TenantRecords"
"""As the engine makes it up from the module and the name that `TenantRecords` has."""
