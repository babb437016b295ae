"""What sql_exporter, which no registry carries, would do: run a metric's query as a reader."""

import psycopg
from psycopg.sql import SQL

from monitoring.table import sql_exporter
from sandbox import database

Samples = dict[tuple[str, ...], float]
"""Samples, by the values of a metric's labels."""

METRICS = {each["metric_name"]: each for each in sql_exporter()["collectors"][0]["metrics"]}


def scraped(dsn: str, metric: str) -> Samples:
    """What sql_exporter would make of a metric's query: labels are text, the value a number."""
    said = METRICS[metric]
    [value] = said["values"]
    with psycopg.connect(database.worker(dsn)) as connection:
        cursor = connection.execute(SQL(said["query"]))
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor]
    assert set(columns) == {*said.get("key_labels", []), value}
    samples = {
        tuple(row[label] for label in said.get("key_labels", [])): row[value] for row in rows
    }
    assert len(samples) == len(rows), "two samples of one series are an error of Prometheus"
    assert {str} >= {type(label) for labels in samples for label in labels}
    return samples
