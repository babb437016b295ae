"""The platform's Postgres: which tenant has which servers, and which integration is on which.

`tables` checks the platform's tables, `reader` takes a snapshot, `store` has every statement that
writes, and `records` is the resource by which an `up` calls it. What the rows should be is decided
in `tenancy.rows`.
"""
