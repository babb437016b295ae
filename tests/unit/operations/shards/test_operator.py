"""`shards --format operator`: what it prints, and what it refuses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from operations.__main__ import app
from operations.shards.operator import BACKEND_VARIABLE, for_operator
from sandbox.layout import PROJECT
from tests.unit.operations.shards.repository import SETTINGS, Repository

DIGEST = "@sha256:" + "0" * 64
IMAGE = f"registry.example.com/workspace:1{DIGEST}"
HTTPS = "https://github.com/example/platform"
GIVEN = ("--image", IMAGE, "--repository", HTTPS, "--backend", "s3://my-state")
"""Without these a command of its own would ask this machine."""


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    made = Repository(tmp_path)
    monkeypatch.chdir(made.folder)
    monkeypatch.delenv(BACKEND_VARIABLE, raising=False)
    return made


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["shards", "--format", "operator", *arguments])


def printed(*arguments: str) -> list[dict[str, Any]]:
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return list(YAML(typ="safe").load_all(result.stdout))


def spec(*arguments: str) -> dict[str, Any]:
    [base, *_] = printed(*arguments)
    return base["spec"]


def test_a_stack_object_for_the_base_and_for_each_shard(repository: Repository) -> None:
    objects = printed(*GIVEN)
    assert [each["metadata"]["name"] for each in objects] == [
        "eu-base", "eu-001", "eu-002", "eu-003",
    ]  # fmt: skip
    assert {each["metadata"]["namespace"] for each in objects} == {"vrsky-tenants-deploy"}
    assert {each["spec"]["commit"] for each in objects} == {repository.first}
    assert {each["spec"]["projectRepo"] for each in objects} == {HTTPS}


def test_the_example_of_the_page_is_right(repository: Repository) -> None:
    repository.git("remote", "set-url", "origin", HTTPS)
    page = (PROJECT / "docs" / "scale.md").read_text()
    [example] = re.findall(r"^tenant-nats (shards --format operator .*?) >", page, re.M | re.S)
    arguments = example.replace("\\\n", " ").replace("@sha256:…", DIGEST).split()
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    [base, *_] = YAML(typ="safe").load_all(result.stdout)
    assert base["spec"]["gitAuth"]
    assert "AWS_REGION" in base["spec"]["envRefs"]


def test_programs_get_the_same_as_json() -> None:
    answer = json.loads(run(*GIVEN, "--json").stdout)
    assert answer == {"apiVersion": "v1", "kind": "List", "items": printed(*GIVEN)}


def test_an_edit_of_another_shard_leaves_every_byte_of_the_other_objects(
    repository: Repository,
) -> None:
    before = run(*GIVEN).stdout.split("---\n")
    edit = repository.push(**{"inventory/eu/002.yaml": "2", "README.md": "2"})
    after = run(*GIVEN).stdout.split("---\n")
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    [(one, other)] = changed
    assert one.replace(repository.first, edit) == other


def test_what_the_cells_settings_say_goes_into_the_objects(repository: Repository) -> None:
    repository.push(
        **{
            "Pulumi.eu.yaml": SETTINGS.format("eu")
            + "  tenant-nats:namespace: eu-tenants\n  kubernetes:context: my-cluster\n"
            "  tenant-nats:databaseUrl: {secure: encrypted}\n"
        }
    )
    [_, shard, *_] = printed(*GIVEN)
    assert shard["metadata"]["namespace"] == "eu-tenants-deploy"
    assert shard["spec"]["envRefs"].keys() == {"KUBECONFIG", "PULUMI_CONFIG_PASSPHRASE"}
    [container] = shard["spec"]["workspaceTemplate"]["spec"]["podTemplate"]["spec"][
        "initContainers"
    ]
    assert container["command"][-1] == "my-cluster"
    assert "encrypted" not in run(*GIVEN).stdout


def test_the_state_is_where_the_engine_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = spec(*GIVEN[:4], "--organization", "example")
    assert "backend" not in cloud
    assert cloud["stack"] == "example/eu-base"
    assert cloud["envRefs"].keys() == {"DATABASE_URL", "PULUMI_ACCESS_TOKEN"}
    monkeypatch.setenv(BACKEND_VARIABLE, "s3://of-the-environment")
    assert spec(*GIVEN[:4])["backend"] == "s3://of-the-environment"
    bucket = spec(*GIVEN, "--variable", "AWS_REGION", "--secret", "eu")
    assert bucket["backend"] == "s3://my-state"
    assert {name: each["secret"] for name, each in bucket["envRefs"].items()} == {
        name: {"name": "eu", "key": name}
        for name in ("AWS_REGION", "DATABASE_URL", "PULUMI_CONFIG_PASSPHRASE")
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://github.com/example/platform.git", "https://github.com/example/platform.git"),
        ("https://ci-token:glpat-5ecret@git.example.com/p.git", "https://git.example.com/p.git"),
        ("git@github.com:example/platform.git", "git@github.com:example/platform.git"),
        ("ssh://git@git.example.com:2222/p.git", "ssh://git@git.example.com:2222/p.git"),
    ],
)
def test_the_repository_is_the_remote_without_a_password(
    repository: Repository, url: str, shown: str
) -> None:
    repository.git("remote", "set-url", "origin", url)
    result = run("--image", IMAGE, "--git-key", "gitKey")
    assert f"projectRepo: {shown}\n" in result.stdout
    assert "5ecret" not in result.output
    is_ssh = not shown.startswith("https")
    [method] = spec("--image", IMAGE, "--git-key", "gitKey")["gitAuth"]
    assert method == ("sshAuth" if is_ssh else "accessToken")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--repository", "https://me:5ecret@x.com/y"], "has a user or a password in it"),
        (["--repository", "https://5ecret@x.com/y"], "has a user or a password in it"),
        (["--repository", "ssh://git:5ecret@x.com/y"], "has a user or a password in it"),
        (["--repository", "git@github.com:example/platform"], "Name the key of the Secret"),
        (["--repository", "/srv/git/x"], "/srv/git/x, expected a URL that a pod can clone"),
        (["--repository", "https://["], "expected a URL that a pod can clone"),
        (["--backend", "file:///tmp/state"], "expected a place that outlives a pod"),
        (["--backend", "postgres://me:5ecret@x/y"], "The URL of the state has a password"),
        (["--commit", "nowhere"], "nowhere is no commit"),
        (["--cell", "us"], "has no cell us: it has eu. For example: --cell eu"),
    ],
)
def test_what_is_given_wrong_is_one_line_with_an_example(arguments: list[str], said: str) -> None:
    result = run(*GIVEN, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert "5ecret" not in result.output
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--image", "a b"], "a b: expected an image"),
        (["--image", "x@sha256:123"], "expected an image"),
        (["--secret", "Secret"], "Secret: expected the name of a Secret, for example tenant-nats"),
        (["--variable", "A-B"], "A-B: expected the name of a variable, for example AWS_REGION"),
        (["--git-key", "a/b"], "a/b: expected a key of a Secret"),
        (["--service-account", "A"], "A: expected the name of a service account"),
        (["--deploy-namespace", "A"], "A: expected the name of a namespace"),
        (["--organization", "a b"], "a b: expected the name of an organization"),
    ],
)
def test_a_wrong_value_is_wrong_usage(arguments: list[str], said: str) -> None:
    result = run(*GIVEN, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_without_an_image_or_a_format_it_says_what_is_missing() -> None:
    result = run(*GIVEN[2:])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "which image? For example: --image" in result.stderr
    result = CliRunner().invoke(app, ["shards"])
    assert result.exit_code == 2
    assert "--format" in result.output


def test_an_option_before_a_command_is_refused() -> None:
    """It would be read by neither, and the command would take another cell."""
    group = typer.Typer(callback=for_operator, invoke_without_command=True)
    done: list[str] = []
    group.command("list")(lambda: done.append("list"))
    group.command("due")(lambda: done.append("due"))
    result = CliRunner().invoke(group, ["--cell", "eu", "list"])
    assert (result.exit_code, done) == (2, [])
    assert "--cell before list" in result.stderr
    assert CliRunner().invoke(group, ["due"]).exit_code == 0
    assert done == ["due"]


def test_an_image_without_a_digest_is_told() -> None:
    result = run(*GIVEN[2:], "--image", "workspace:1")
    assert result.exit_code == 0
    assert result.stderr == "No digest (@sha256:…): workspace:1; a tag can move to another image.\n"


def test_what_is_not_committed_or_not_pushed_is_refused(repository: Repository) -> None:
    """The operator would fetch something else than what the person sees."""
    repository.write(**{"inventory/eu/002.yaml": "2"})
    result = run(*GIVEN)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(
        "inventory/eu/002.yaml: the working tree has something else than HEAD"
    )
    assert len(printed(*GIVEN, "--commit", "origin/main")) == 4
    repository.commit()
    result = run(*GIVEN)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "which no branch of a remote has as far as this clone knows" in result.stderr
    repository.push()
    assert len(printed(*GIVEN)) == 4


def test_settings_that_are_not_the_cells_are_refused(repository: Repository) -> None:
    repository.push(**{"Pulumi.eu.yaml": SETTINGS.format("us")})
    assert "Pulumi.eu.yaml: config.tenant-nats:cell is us, expected eu" in run(*GIVEN).stderr
    repository.push(**{"Pulumi.eu.yaml": "config: {tenant-nats:cell: eu, kubernetes:context: 1}"})
    assert "config.kubernetes:context is 1, expected text" in run(*GIVEN).stderr
    repository.push(**{"Pulumi.eu.yaml": "config: ["})
    assert run(*GIVEN).stderr.startswith("Pulumi.eu.yaml, line 1: not valid YAML")
    (repository.folder / "Pulumi.eu.yaml").unlink()
    repository.push()
    assert "has no Pulumi.eu.yaml, which has the settings of the cell" in run(*GIVEN).stderr


def test_of_several_cells_one_is_named_and_of_none_it_is_said(repository: Repository) -> None:
    repository.push(
        **{"inventory/us/001.yaml": "1", "Pulumi.us.yaml": SETTINGS.format("us")},
    )
    assert "has not exactly one cell: it has eu, us. For example: --cell eu" in run(*GIVEN).stderr
    names = [each["metadata"]["name"] for each in printed(*GIVEN, "--cell", "us")]
    assert names == ["us-base", "us-001"]
    repository.git("rm", "-r", "--quiet", "inventory")
    repository.push()
    assert "it has none. For example: --cell eu, with inventory/eu/001.yaml" in run(*GIVEN).stderr
