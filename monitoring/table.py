"""The queries to the platform's database, as a configuration of sql_exporter.

The format is that of https://github.com/burningalchemist/sql_exporter. The connection string is not
in it: it comes from the environment, as SQLEXPORTER_TARGET_DSN, and is a reader's.
"""

from typing import Any

_COLLECTOR = "tenant_nats"

# Ids and statuses are read as text, whatever type the platform gives them. Everything is named with
# its schema, so that no search_path of the exporter's role decides what is read.
# The namespace comes from addresses: `nats-acme-corp-1.vrsky-tenants.svc.cluster.local:4222`.
_ROWS = """\
SELECT pg_catalog.split_part(instance.dns_name::pg_catalog.text, '.', 2) AS namespace,
       instance.tenant_id::pg_catalog.text,
       instance.instance_number::pg_catalog.text AS instance_num, {status} AS status, 1 AS rows
FROM {instances} AS instance
"""
_INTEGRATIONS = """\
SELECT pg_catalog.split_part(instance.dns_name::pg_catalog.text, '.', 2) AS namespace,
       instance.tenant_id::pg_catalog.text,
       instance.instance_number::pg_catalog.text AS instance_num,
       pg_catalog.count(integration.id) AS integrations
FROM {instances} AS instance
LEFT JOIN {integrations} AS integration
  ON integration.nats_instance_id OPERATOR(pg_catalog.=) instance.id
  AND integration.tenant_id::pg_catalog.text
    OPERATOR(pg_catalog.=) instance.tenant_id::pg_catalog.text
WHERE {status} OPERATOR(pg_catalog.<>) 'terminated'
GROUP BY instance.id, instance.dns_name, instance.tenant_id, instance.instance_number
"""
_READ = """\
SELECT (SELECT pg_catalog.count(*) FROM {instances})
  OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM {integrations}) AS rows
"""
# Only for tenants that have a live row, since the stack of the others is unknown. It also counts
# those on another tenant's row: the view `integration_servers` shows their workers no server.
_UNPLACED = """\
SELECT tenant.namespace, tenant.tenant_id, pg_catalog.count(integration.id) AS integrations
FROM (
  SELECT DISTINCT pg_catalog.split_part(instance.dns_name::pg_catalog.text, '.', 2) AS namespace,
         instance.tenant_id::pg_catalog.text AS tenant_id
  FROM {instances} AS instance WHERE {status} OPERATOR(pg_catalog.<>) 'terminated'
) AS tenant
LEFT JOIN {integrations} AS integration
  ON integration.tenant_id::pg_catalog.text OPERATOR(pg_catalog.=) tenant.tenant_id
  AND NOT EXISTS (
    SELECT FROM {instances} AS instance
    WHERE instance.id OPERATOR(pg_catalog.=) integration.nats_instance_id
      AND instance.tenant_id::pg_catalog.text
        OPERATOR(pg_catalog.=) integration.tenant_id::pg_catalog.text
  )
GROUP BY tenant.namespace, tenant.tenant_id
"""


def sql_exporter(
    instances: str = "public.nats_instances",
    integrations: str = "public.integrations",
    status: str = "instance.status::pg_catalog.text",
) -> dict[str, Any]:
    """The configuration: one target, one collector, a query for each metric.

    Args:
        instances: the table that has a row for each server, as SQL has it.
        integrations: the table that has a row for each integration, as SQL has it.
        status: SQL for our word for the status of the row `instance`.
    """

    def gauge(name: str, text: str, labels: list[str], value: str, query: str) -> dict[str, Any]:
        named = query.format(instances=instances, integrations=integrations, status=status)
        return _gauge(name, text, labels, value, named)

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
                    gauge(
                        "tenant_nats_row",
                        "1 for each row of nats_instances.",
                        ["namespace", "tenant_id", "instance_num", "status"],
                        "rows",
                        _ROWS,
                    ),
                    gauge(
                        "tenant_nats_integrations",
                        "Integrations on an instance that is not terminated.",
                        ["namespace", "tenant_id", "instance_num"],
                        "integrations",
                        _INTEGRATIONS,
                    ),
                    gauge(
                        "tenant_nats_table_rows",
                        "Rows of both tables; missing if they cannot be read.",
                        [],
                        "rows",
                        _READ,
                    ),
                    gauge(
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
