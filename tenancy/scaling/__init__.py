"""How many servers each tenant needs, judged by its integrations and by how busy its servers are.

`usage` asks Prometheus, `verdict` judges one tenant, `proposal` chooses which tenants change now.
Queries and answers are plain values here; `operations.outside.prometheus` sends and receives them.
"""
