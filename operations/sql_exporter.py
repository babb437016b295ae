"""`sql-exporter`: the queries of the database's exporter, for a platform's own tables and words."""

import json

import typer
from psycopg.sql import SQL, Literal

from controlplane.platform import Platform
from monitoring.output import in_yaml
from monitoring.table import sql_exporter as configuration
from operations.exits import Exit, stopped
from operations.options import Json, SettingsFile
from operations.outside.stack_file import StackFileError, platform_in
from tenancy.rows.lifecycle import STATUSES


def sql_exporter(settings_file: SettingsFile = None, as_json: Json = False) -> None:
    """Print the configuration of sql_exporter for a platform.

    It is deploy/monitoring/sql-exporter.yaml with the tables and the words for statuses that the
    settings name. Series have our words all the same, so that alerts need no change.

    \b
    For example:
      tenant-nats sql-exporter --settings Pulumi.prod.yaml > sql-exporter.yaml

    \b
    Exit codes:
      0  the configuration is printed
      1  the settings cannot be used
      2  wrong usage
    """
    try:
        platform = platform_in(settings_file)
    except StackFileError as error:
        raise stopped(Exit.FAILED, str(error)) from None
    content = configuration(
        instances=platform.regclass(platform.instances),
        integrations=platform.regclass(platform.integrations),
        status=_status(platform),
    )
    if as_json:
        typer.echo(json.dumps(content, indent=2))
    else:
        comment = "Written by `tenant-nats sql-exporter`."
        # In UTF-8 whatever the terminal has, since sql_exporter reads it.
        typer.echo(in_yaml(content, comment).encode(), nl=False)


def _status(platform: Platform) -> str:
    """SQL for our word for the status of the row `instance`."""
    theirs = "instance.status::pg_catalog.text"
    renamed = [(platform.words.word(each), each) for each in STATUSES]
    cases = [
        SQL(" WHEN {theirs} OPERATOR(pg_catalog.=) {word} THEN {ours}")
        .format(theirs=SQL(theirs), word=Literal(word), ours=Literal(ours))
        .as_string(None)
        for word, ours in renamed
        if word != ours
    ]
    return f"CASE{''.join(cases)} ELSE {theirs} END" if cases else theirs
