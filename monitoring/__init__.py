"""What Prometheus and Grafana need to watch the servers: pure, made from the inventory."""
