"""The packages of the project, for tests that run its program in another folder."""

from sandbox.layout import PROJECT

PACKAGES = tuple(
    sorted(
        file.parent.name
        for file in PROJECT.glob("*/__init__.py")
        if file.parent.name not in ("benchmarks", "tests")
    )
)
