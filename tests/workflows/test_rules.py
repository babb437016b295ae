"""What holds for every workflow, beyond what linters know."""

import re
from pathlib import Path

import pytest

from sandbox.layout import PROJECT
from tests.workflows.workflow import FOLDER, Job, jobs, made_by, read_by, targets, texts

JOBS = jobs(PROJECT)
NO_FORK = "github.event.pull_request.head.repo.full_name == github.repository"
CALLED = {"pull-request", "deploy", "cell", "drift", "autoscale"}
"""The workflows that other repositories call."""
DEPLOYING = ("base", "edits", "canary", "tenth", "rest")
"""The jobs that deploy members of a cell, in this order."""
NO_PULL_REQUEST = "github.event_name == 'push' && github.ref == 'refs/heads/main'"

WRITES = {
    ("pull-request", "changes"): {"pull-requests": "write"},
    ("drift", "drift"): {"issues": "write"},
    ("autoscale", "autoscale"): {"contents": "write", "pull-requests": "write"},
    ("docs", "publish"): {"pages": "write", "id-token": "write"},
}
"""The jobs whose token may write, and what."""

ENVIRONMENTS = {
    ("pull-request", "preview"): "preview",
    ("deploy", "up"): "production",
    **{("cell", name): "production" for name in ("check", *DEPLOYING)},
    ("drift", "drift"): "drift",
    ("autoscale", "autoscale"): "autoscale",
    ("docs", "publish"): "github-pages",
}
"""The jobs that have an environment, which may have secrets."""

WITHOUT_THE_CODE = {("docs", "publish")}
"""The jobs that run nothing of the repository, and so need no checkout and no right to read it."""

every_job = pytest.mark.parametrize("job", JOBS, ids=lambda job: f"{job.workflow}/{job.name}")


def key(job: Job) -> tuple[str, str]:
    return job.workflow, job.name


def test_the_tables_here_name_jobs_that_are_there() -> None:
    assert {*WRITES, *ENVIRONMENTS, *WITHOUT_THE_CODE} <= {key(job) for job in JOBS}


@every_job
def test_a_job_starts_by_nothing_that_gives_a_fork_more_than_a_fork_has(job: Job) -> None:
    called = {"workflow_call"} if job.workflow in CALLED else set[str]()
    own = {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert called <= {*job.triggers} <= own | called


@every_job
def test_a_called_workflow_is_given_the_secrets_that_it_uses_and_no_others(job: Job) -> None:
    if job.workflow not in CALLED:
        return
    steps = [step for each in JOBS if each.workflow == job.workflow for step in each.steps]
    used = {name for text in texts(steps) for name in re.findall(r"secrets\.(\w+)", text)}
    assert job.triggers["workflow_call"]["secrets"] == {name: {"required": False} for name in used}


@every_job
def test_a_job_that_was_given_no_secret_says_so_before_it_does_anything(job: Job) -> None:
    if key(job) not in ENVIRONMENTS or job.workflow not in CALLED:
        return
    number, asked = next((n, step) for n, step in enumerate(job.steps) if "run" in step)
    assert asked["run"] == "make secrets"
    assert "if" not in asked
    assert [text for step in job.steps[:number] for text in texts(step) if "secrets" in text] == []
    names = sorted(job.triggers["workflow_call"]["secrets"])
    any_of_them = " || ".join(f"secrets.{name} != ''" for name in names)
    assert asked["env"] == {"SECRETS": ", ".join(names), "GIVEN": f"${{{{ {any_of_them} }}}}"}


@every_job
def test_what_a_caller_says_comes_before_the_variables_of_its_repository(job: Job) -> None:
    if job.workflow in CALLED:
        inputs = job.triggers["workflow_call"]["inputs"]
        used = {name for text in texts(job.settings) for name in re.findall(r"inputs\.(\w+)", text)}
        assert used <= {*inputs}
        assert all(each["type"] == "string" and each["description"] for each in inputs.values())
        given = job.settings.get("env", {})
        assert all(text.startswith("${{ inputs.") for text in texts(given) if "inputs" in text)
        say = ("STACK", "INVENTORY", "CELL")
        assert all("inputs" in given[name] for name in say if name in given)


@every_job
def test_each_variable_that_a_called_job_reads_can_be_set_for_it(job: Job) -> None:
    if job.workflow not in CALLED:
        return
    # The inventory's name says the one, and GitHub the others.
    by_itself = {"APPROVAL", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"}
    for step in job.steps:
        given = job.shared.keys() | job.settings.get("env", {}).keys() | step.get("env", {}).keys()
        for target in made_by(step.get("run", "make")):
            assert read_by(PROJECT, target) - given - by_itself == set(), target
    if any(step.get("uses", "").startswith("pulumi/actions@") for step in job.steps):
        assert job.settings["env"]["DEPLOY_EXTRAS"] == "${{ vars.DEPLOY_EXTRAS }}"


def test_what_a_target_reads_is_known() -> None:
    assert read_by(PROJECT, "deploy") == {"STACK", "INVENTORY", "APPROVAL"}
    assert "SETTINGS" in read_by(PROJECT, "autoscale")
    assert read_by(PROJECT, "shards") == {"CELL", "SHARDS", "PARALLEL"}


@every_job
def test_a_called_job_has_the_uv_of_this_project_where_the_caller_has_none(job: Job) -> None:
    steps = [step for step in job.steps if step.get("uses", "").startswith("astral-sh/setup-uv@")]
    assert len(steps) == (job.workflow in CALLED)
    for step in steps:
        assert step["if"] == "hashFiles('sandbox/uv.sh') == ''"
        pinned = re.search(r"^uv==(\S+)", (PROJECT / "sandbox/uv.txt").read_text(), re.MULTILINE)
        assert pinned
        assert step["with"] == {"version": pinned[1], "enable-cache": False}
        assert job.steps.index(step) == 1


@every_job
def test_a_token_reads_the_code_and_writes_only_what_the_job_is_for(job: Job) -> None:
    reads = {} if key(job) in WITHOUT_THE_CODE else {"contents": "read"}
    assert job.permissions == {**reads, **WRITES.get(key(job), {})}


@every_job
def test_secrets_are_in_steps_of_jobs_behind_an_environment_and_nowhere_else(job: Job) -> None:
    name = ENVIRONMENTS.get(key(job))
    wanted = f"${{{{ inputs.environment || '{name}' }}}}" if job.workflow in CALLED else name
    assert job.settings.get("environment") == (wanted if name else None)
    every = [text for text in texts(job.settings) if text != "make secrets"]
    secret = [text for text in every if "secrets" in text]
    in_steps = [text for step in job.steps for text in texts(step.get("env", {}))]
    assert all(text in in_steps for text in secret)
    if key(job) not in ENVIRONMENTS:
        assert secret == []


@every_job
def test_no_job_with_a_secret_runs_for_a_fork(job: Job) -> None:
    if "pull_request" in job.triggers and "environment" in job.settings:
        condition = job.settings["if"]
        assert NO_FORK in condition or NO_PULL_REQUEST in condition
        assert "||" not in condition


@every_job
def test_no_token_that_writes_is_given_to_a_step_for_a_fork(job: Job) -> None:
    if "pull_request" in job.triggers:
        given = [step for step in job.steps if any("token" in each for each in texts(step))]
        conditions = [re.split(r"\s*&&\s*", step["if"]) for step in given]
        assert all(NO_FORK in each and "||" not in "".join(each) for each in conditions)


@every_job
def test_a_deploying_job_is_for_main_alone_and_never_stopped_for_another(job: Job) -> None:
    if not job.targets & {"deploy", "shards", "cell"}:
        return
    assert key(job) in {("deploy", "up"), *(("cell", name) for name in DEPLOYING)}
    own = {name: each for name, each in job.triggers.items() if name != "workflow_call"}
    assert own == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    first = next(each for each in JOBS if each.workflow == job.workflow)
    assert first is job or first.name in job.settings["needs"]
    assert "github.ref == 'refs/heads/main'" in first.settings["if"]
    what = "stack" if job.workflow == "deploy" else "cell"
    group = f"{job.workflow}-${{{{ inputs.{what} || vars.{what.upper()} }}}}"
    assert job.concurrency == {"group": group, "cancel-in-progress": False}
    assert job.settings["timeout-minutes"] >= 120


@pytest.mark.parametrize("name", ["deploy", "cell"])
def test_no_other_workflow_waits_in_the_group_of_a_deploying_one(name: str) -> None:
    others = [job.concurrency["group"] for job in JOBS if job.workflow != name]
    assert others
    assert [group for group in others if group.startswith(name)] == []


IN_CELL = {job.name: job.settings for job in JOBS if job.workflow == "cell"}
DONE = 'contains(fromJSON(\'["success", "skipped"]\'), needs.{}.result)'


def test_the_jobs_of_a_cell_begin_one_wave_after_the_other() -> None:
    """`!cancelled()` is there since a job is skipped after one that was skipped or has failed."""
    wave = "fromJSON(needs.check.outputs.due).waves[{}].batches[0]".format
    green = "needs.{}.result == 'success'".format
    conditions = {name: " ".join(job["if"].split()).split(" && ") for name, job in IN_CELL.items()}
    assert {name: conditions[name] for name in DEPLOYING} == {
        "base": ["fromJSON(needs.check.outputs.due).base"],
        "edits": ["!cancelled()", green("check"), DONE.format("base"), wave(0)],
        "canary": ["!cancelled()", green("check"), DONE.format("base"), wave(1)],
        "tenth": ["!cancelled()", green("canary"), wave(2)],
        "rest": ["!cancelled()", green("canary"), DONE.format("tenth"), wave(3)],
    }
    for name, condition in conditions.items():
        asked = set(re.findall(r"needs\.(\w+)", " ".join(condition)))
        needs = IN_CELL[name].get("needs", [])
        assert asked <= {*([needs] if isinstance(needs, str) else needs)}
    assert "edits" in IN_CELL["canary"]["needs"], "as many jobs at once as `jobs` says"
    assert {*DEPLOYING} < {*IN_CELL["summary"]["needs"]}


def test_all_waves_do_the_same_with_their_batches_and_a_red_one_stops_no_other() -> None:
    for number, name in enumerate(DEPLOYING[1:]):
        batches = f"${{{{ fromJSON(needs.check.outputs.due).waves[{number}].batches }}}}"
        assert IN_CELL[name]["strategy"] == {
            "fail-fast": False,
            "max-parallel": "${{ fromJSON(inputs.jobs || vars.JOBS || '5') }}",
            "matrix": {"shards": batches},
        }
        assert IN_CELL[name]["env"] == IN_CELL["base"]["env"]
        assert IN_CELL[name]["steps"] == IN_CELL["base"]["steps"]
    assert IN_CELL["base"]["strategy"] == {"matrix": {"shards": ["base"]}}


def test_what_became_of_a_batch_is_kept_also_where_it_is_red() -> None:
    *_, kept = IN_CELL["base"]["steps"]
    assert kept["if"] == "${{ !cancelled() }}"
    assert kept["with"]["path"] == ".shards/*.result"
    assert kept["with"]["include-hidden-files"] is True, "else files in .shards are left out"
    assert kept["with"]["name"] == "results-${{ github.job }}-${{ strategy.job-index }}"
    taken = [step["with"] for step in IN_CELL["summary"]["steps"] if "download" in str(step)]
    assert taken[1] == {"pattern": "results-*", "path": ".shards", "merge-multiple": True}


@every_job
def test_what_a_job_runs_is_a_target_of_the_makefile_and_nothing_else(job: Job) -> None:
    assert (job.runs == []) is (key(job) in WITHOUT_THE_CODE)
    assert job.targets <= targets(PROJECT)


def test_what_was_put_into_an_expression_never_becomes_a_command() -> None:
    assert [line for job in JOBS for line in job.runs if "${{" in line] == []


@pytest.mark.parametrize("line", ["make deploy; id", "make $(id)", "pulumi up", "make deploy X=1"])
def test_a_line_that_does_something_else_is_noticed(line: str) -> None:
    with pytest.raises(ValueError, match="is not `make` of a target"):
        made_by(line)


@every_job
def test_a_checkout_leaves_no_token_behind(job: Job) -> None:
    checkouts = [step for step in job.steps if step.get("uses", "").startswith("actions/checkout@")]
    assert (checkouts == []) is (key(job) in WITHOUT_THE_CODE)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("file", sorted((PROJECT / FOLDER).iterdir()), ids=lambda file: file.stem)
def test_an_action_is_pinned_by_a_commit_with_its_version_beside_it(file: Path) -> None:
    used = re.findall(r"^ *(?:- )?uses: (.*)$", file.read_text(), re.MULTILINE)
    assert used
    assert [line for line in used if not re.fullmatch(r"\S+@[0-9a-f]{40} # v[\d.]+", line)] == []


def test_a_target_that_no_workflow_runs_is_told_as_such() -> None:
    paper = (PROJECT / "docs" / "ci.md").read_text()
    listed = {
        target
        for cell in re.findall(r"^\| (`make [^|]*) \|", paper, re.MULTILINE)
        for target in re.findall(r"`make ([a-z]+)`", cell)
    }
    left = listed - {target for job in JOBS for target in job.targets}
    assert len(listed) > 15
    assert {target for target in left if f"No workflow runs `make {target}`." not in paper} == set()


def test_every_target_for_ci_is_in_its_papers() -> None:
    paper = (PROJECT / "docs" / "ci.md").read_text()
    made = {target for job in JOBS for target in job.targets}
    assert {target for target in made if f"`make {target}`" not in paper} == set()
