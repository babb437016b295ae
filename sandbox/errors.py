"""The one exception of this package."""


class SandboxError(Exception):
    """Something a person has to know: one sentence that says what failed and what to do."""
