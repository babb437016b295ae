"""What the API server has, asked through kubectl.

`strangers` finds objects of our names that somebody else made, before an `up` touches anything, and
`quotas` what the namespace allows. The Kubernetes plugin changes the cluster, and this package only
reads it.
"""
