"""The type tokens of the components: part of every URN, hence of every stack's state, forever."""

NAMESPACE = "tenant-nats:index:Namespace"
TENANT = "tenant-nats:index:Tenant"
NATS_INSTANCE = "tenant-nats:index:NatsInstance"
ISOLATION = "tenant-nats:index:Isolation"
DATABASE_ROLES = "tenant-nats:index:DatabaseRoles"
