"""The servers of each tenant, and which integration is on which of them."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE nats_instances (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            tenant_id text NOT NULL,
            instance_number integer NOT NULL CHECK (instance_number BETWEEN 1 AND 99),
            dns_name text NOT NULL UNIQUE,
            status text NOT NULL
                CHECK (status IN ('provisioning', 'active', 'draining', 'terminated')),
            UNIQUE (tenant_id, instance_number)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE integrations (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            tenant_id text NOT NULL,
            nats_instance_id bigint REFERENCES nats_instances (id) ON DELETE RESTRICT
        )
        """
    )
    op.execute("CREATE INDEX ON integrations (nats_instance_id)")
