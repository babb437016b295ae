"""Which status may follow which; where workers find their server, and how they hear of a move."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        CREATE FUNCTION nats_instances_hold_transitions() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF (OLD.status, NEW.status) NOT IN (
                ('provisioning', 'active'), ('provisioning', 'terminated'),
                ('active', 'draining'),
                ('draining', 'active'), ('draining', 'terminated'),
                ('terminated', 'provisioning'), ('terminated', 'active')
            ) THEN
                RAISE EXCEPTION 'the status of % instance % cannot go from % to %',
                    NEW.tenant_id, NEW.instance_number, OLD.status, NEW.status
                    USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER nats_instances_hold_transitions
        BEFORE UPDATE OF status ON nats_instances FOR EACH ROW
        WHEN (OLD.status IS DISTINCT FROM NEW.status)
        EXECUTE FUNCTION nats_instances_hold_transitions()
        """
    )
    # A tenant that leaves keeps its rows, so the foreign key does not refuse an integration that is
    # added to one at that very moment; this trigger does. Like the key, it waits for whoever has
    # locked the row. It runs as the table's owner, since the lock requires the right to update.
    # pg_temp is named last, since otherwise it is searched first: somebody's temporary table could
    # say that nothing is terminated.
    op.execute(
        "SELECT set_config('search_path', current_setting('search_path') || ', pg_temp', true)"
    )
    op.execute(
        """
        CREATE FUNCTION integrations_refuse_terminated() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
        DECLARE found_status text;
        BEGIN
            SELECT status INTO found_status FROM nats_instances
            WHERE id = NEW.nats_instance_id FOR KEY SHARE;
            IF found_status = 'terminated' THEN
                RAISE EXCEPTION 'instance % is terminated and takes no integration',
                    NEW.nats_instance_id USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER integrations_refuse_terminated
        BEFORE INSERT OR UPDATE OF nats_instance_id ON integrations
        FOR EACH ROW WHEN (NEW.nats_instance_id IS NOT NULL)
        EXECUTE FUNCTION integrations_refuse_terminated()
        """
    )
    # No row for an integration that has no server yet, and never another tenant's server.
    op.execute(
        """
        CREATE VIEW integration_servers AS
        SELECT g.id AS integration_id, g.tenant_id, i.instance_number,
               'nats://' || i.dns_name AS url
        FROM integrations g
        JOIN nats_instances i ON i.id = g.nats_instance_id AND i.tenant_id = g.tenant_id
        WHERE i.status IN ('active', 'draining')
        """
    )
    op.execute(
        """
        CREATE VIEW tenant_servers AS
        SELECT tenant_id, instance_number, 'nats://' || dns_name AS url
        FROM nats_instances WHERE status = 'active'
        """
    )
    op.execute(
        """
        CREATE FUNCTION integrations_notify() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_notify('integration_moved', json_build_object(
                'tenant_id', NEW.tenant_id, 'integration_id', NEW.id)::text);
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER integrations_tell_placement AFTER INSERT ON integrations
        FOR EACH ROW WHEN (NEW.nats_instance_id IS NOT NULL)
        EXECUTE FUNCTION integrations_notify()
        """
    )
    op.execute(
        """
        CREATE TRIGGER integrations_tell_moves
        AFTER UPDATE OF nats_instance_id ON integrations
        FOR EACH ROW WHEN (OLD.nats_instance_id IS DISTINCT FROM NEW.nats_instance_id)
        EXECUTE FUNCTION integrations_notify()
        """
    )
    op.execute("CREATE INDEX ON integrations (tenant_id)")
