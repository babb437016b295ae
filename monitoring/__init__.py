"""What Prometheus and Grafana need to watch the servers, made from the inventory.

`rule_file` has the recording rules and limits, `alerts` the alerts, `scrape` how servers are found,
`table` the queries of the database, `dashboard` the panels. Nothing here asks Prometheus; that is
`operations.outside.prometheus`.
"""
