"""Which servers speak TLS, so that workers are given `tls://`."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("ALTER TABLE nats_instances ADD COLUMN tls boolean NOT NULL DEFAULT false")
    op.execute(
        """
        CREATE OR REPLACE VIEW integration_servers AS
        SELECT g.id AS integration_id, g.tenant_id, i.instance_number,
               CASE WHEN i.tls THEN 'tls://' ELSE 'nats://' END || i.dns_name AS url
        FROM integrations g
        JOIN nats_instances i ON i.id = g.nats_instance_id AND i.tenant_id = g.tenant_id
        WHERE i.status IN ('active', 'draining')
        """
    )
    op.execute(
        """
        CREATE OR REPLACE VIEW tenant_servers AS
        SELECT tenant_id, instance_number,
               CASE WHEN tls THEN 'tls://' ELSE 'nats://' END || dns_name AS url
        FROM nats_instances WHERE status = 'active'
        """
    )
