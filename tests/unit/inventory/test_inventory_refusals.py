"""Refused keys at the top of a file, and whole reports."""

from tests.unit.inventory.tables import report_on, reported, table


@table(
    {
        "size: {}": "size: unknown key; did you mean `sizes`?",
        "version: 1": "version: unknown key; known are tenants, sizes.",
        "sizes:": (
            'sizes: expected a mapping. For example: sizes: {"large": {"requests": {"cpu": "2", '
            '"memory": "4Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}, "capacity": 100}}'
        ),
    }
)
def test_what_does_not_belong_at_the_top_is_refused(text: str, line: str) -> None:
    assert reported(f"tenants:\n  acme: {{}}\n{text}\n") == [f"line 3, {line}"]


def test_the_report_cuts_what_is_too_long_to_read() -> None:
    expected = (
        "tenants.yaml has 1 fault; nothing is deployed from it.\n"
        f"  line 2, tenant {'x' * 70}…: {'x' * 70}… — expected a tenant id of lower-case letters "
        "a-z, digits and inner hyphens, at most 55 characters. For example: acme-corp:"
    )
    assert expected == report_on(f"tenants:\n  {'x' * 400}: {{}}\n")


def test_a_file_with_faults_of_many_kinds_gives_all_of_them_in_one_report() -> None:
    content = """\
tenants:
  Acme:
    integrations: -1
  acme-corp:
    integrations: 120
    instances: 2
    size: standard
    colour: red
  no: {}
  globex:
    size: huge
    egress: everything
    clients:
      namespaces: [globex-jobs, Workers, globex-jobs]
  initech:
  acme-corp: {}
  \u0430cme: {instances: "2"}
sizes:
  standard:
    requests: {cpu: 1500m, memory: 9Gi}
    limits: {cpu: "1", memory: 8Gi}
    maxPayload: 9MB
    maxConnections: 0
  tiny:
    request: {}
    limits: {cpu: 2, memory: 4GB}
"""
    expected = """\
tenants.yaml has 22 faults; nothing is deployed from it.
  line 2, tenant Acme: Acme — expected a tenant id of lower-case letters a-z, digits and inner \
hyphens, at most 55 characters. For example: acme-corp:
  line 3, tenant Acme, integrations: -1 — expected a whole number, 0 or more, not in quotes. For \
example: integrations: 42
  line 6, tenant acme-corp, instances: 2 — 120 integrations need 3 (size standard holds 50 each). \
For example: instances: 3
  line 8, tenant acme-corp, colour: unknown key; known are integrations, instances, size, \
clients, tls, placement, state, egress.
  line 9, tenant no: no — YAML readers do not agree that this key is text; put it in quotes. For \
example: "no":
  line 11, tenant globex, size: huge — no such size; there are standard. For example: size: \
standard
  line 12, tenant globex, egress: everything — expected 'dns', 'none' or 'open'. For example: \
egress: none
  line 14, tenant globex, clients.namespaces[1]: Workers — expected a namespace of lower-case \
letters a-z, digits and inner hyphens, at most 63 characters. For example: acme-workers
  line 14, tenant globex, clients.namespaces[2]: globex-jobs — it is listed already. For example: \
[globex-jobs]
  line 15, tenant initech: expected a mapping. For example: initech: {}
  line 16, tenant acme-corp: the key stands on line 4 already; keep one of the two.
  line 17, tenant '\\u0430cme', instances: 2 — expected a whole number from 1 to 99, not in \
quotes. For example: instances: 2
  line 17, tenant '\\u0430cme': '\\u0430cme' — expected a tenant id of lower-case letters a-z, \
digits and inner hyphens, at most 55 characters. For example: acme-corp:
  line 19, sizes.standard: this size is built in; define one of another name. For example: large:
  line 20, sizes.standard.requests.cpu: 1500m — it is more than the limit of 1. For example: cpu: \
"1"
  line 20, sizes.standard.requests.memory: 9Gi — it is more than the limit of 8Gi. For example: \
memory: 8Gi
  line 22, sizes.standard.maxPayload: 9MB — nats-server advises against more than 8MB. For \
example: maxPayload: 8MB
  line 23, sizes.standard.maxConnections: 0 — expected a whole number, 1 or more, not in quotes. \
For example: maxConnections: 50
  line 24, sizes.tiny.requests: it is missing. For example: requests: {"cpu": "1", "memory": \
"2Gi"}
  line 25, sizes.tiny.request: unknown key; did you mean `requests`?
  line 26, sizes.tiny.limits.cpu: 2 — expected CPU cores or thousandths of one, as text ("2", \
500m). For example: cpu: "2"
  line 26, sizes.tiny.limits.memory: 4GB — expected memory in whole Mi or Gi. For example: \
memory: 4Gi"""
    assert expected == report_on(content)
