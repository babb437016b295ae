"""Taking over what the old scripts made: what is there, and what an `up` makes of it.

The scripts made a Deployment and a Service for each server and a NetworkPolicy for each tenant, by
`kubectl apply`, and a row for each server by hand. Names and selectors are those of this project;
what differs is what each object says besides. All of it is pure: `operations adopt` asks the
cluster and the table, and runs the patches.
"""
