"""ComponentResources, one in a module; they translate the plan into resources and decide nothing.

The grammar is the same in each: `(name, args, opts)`, frozen keyword-only args, children that take
`parent=self`, typed attributes, and one `register_outputs` at the end with those attributes. Only
they, `tenant_nats`, `settings` and `controlplane.records` use Pulumi; `rendering` replaces its
engine.
"""
