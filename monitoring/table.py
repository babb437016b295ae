"""The queries to the platform's database, as a configuration of sql_exporter.

The format is that of https://github.com/burningalchemist/sql_exporter. The connection string is not
in it: it comes from the environment, as SQLEXPORTER_TARGET_DSN, and is a reader's.
"""

from typing import Any

_COLLECTOR = "tenant_nats"

# Ids and statuses are read as text, whatever type the platform gives them.
# The namespace comes from addresses: `nats-acme-corp-1.vrsky-tenants.svc.cluster.local:4222`.
_ROWS = """\
SELECT split_part(instance.dns_name::text, '.', 2) AS namespace, instance.tenant_id::text,
       instance.instance_number::text AS instance_num, instance.status::text AS status, 1 AS rows
FROM nats_instances AS instance
"""
_INTEGRATIONS = """\
SELECT split_part(instance.dns_name::text, '.', 2) AS namespace, instance.tenant_id::text,
       instance.instance_number::text AS instance_num, count(integration.id) AS integrations
FROM nats_instances AS instance
LEFT JOIN integrations AS integration
  ON integration.nats_instance_id = instance.id
  AND integration.tenant_id::text = instance.tenant_id::text
WHERE instance.status::text <> 'terminated'
GROUP BY instance.id, instance.dns_name, instance.tenant_id, instance.instance_number
"""
_READ = """\
SELECT (SELECT count(*) FROM nats_instances) + (SELECT count(*) FROM integrations) AS rows
"""
# Only for tenants that have a live row, since the stack of the others is unknown. It also counts
# those on another tenant's row: the view `integration_servers` shows their workers no server.
_UNPLACED = """\
SELECT tenant.namespace, tenant.tenant_id, count(integration.id) AS integrations
FROM (
  SELECT DISTINCT split_part(instance.dns_name::text, '.', 2) AS namespace,
         instance.tenant_id::text AS tenant_id
  FROM nats_instances AS instance WHERE instance.status::text <> 'terminated'
) AS tenant
LEFT JOIN integrations AS integration
  ON integration.tenant_id::text = tenant.tenant_id AND NOT EXISTS (
    SELECT FROM nats_instances AS instance
    WHERE instance.id = integration.nats_instance_id
      AND instance.tenant_id::text = integration.tenant_id::text
  )
GROUP BY tenant.namespace, tenant.tenant_id
"""


def sql_exporter() -> dict[str, Any]:
    """The configuration: one target, one collector, a query for each metric."""
    return {
        # One connection is enough; each scrape runs the queries again.
        "global": {"max_connections": 1, "max_idle_connections": 1},
        "target": {
            "data_source_name": "postgres://given-by-SQLEXPORTER_TARGET_DSN",
            "collectors": [_COLLECTOR],
        },
        "collectors": [
            {
                "collector_name": _COLLECTOR,
                "metrics": [
                    _gauge(
                        "tenant_nats_row",
                        "1 for each row of nats_instances.",
                        ["namespace", "tenant_id", "instance_num", "status"],
                        "rows",
                        _ROWS,
                    ),
                    _gauge(
                        "tenant_nats_integrations",
                        "Integrations on an instance that is not terminated.",
                        ["namespace", "tenant_id", "instance_num"],
                        "integrations",
                        _INTEGRATIONS,
                    ),
                    _gauge(
                        "tenant_nats_table_rows",
                        "Rows of both tables; missing if they cannot be read.",
                        [],
                        "rows",
                        _READ,
                    ),
                    _gauge(
                        "tenant_nats_integrations_unplaced",
                        "Integrations of a tenant that have no instance.",
                        ["namespace", "tenant_id"],
                        "integrations",
                        _UNPLACED,
                    ),
                ],
            }
        ],
    }


def _gauge(name: str, text: str, labels: list[str], value: str, query: str) -> dict[str, Any]:
    return {
        "metric_name": name,
        "type": "gauge",
        "help": text,
        **({"key_labels": labels} if labels else {}),
        "values": [value],
        "query": query,
    }
