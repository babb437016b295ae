"""The command line for people and CI: what is done around `pulumi up`, not by it."""
