"""The settings of a stack: their defaults, and what is said of each that is wrong."""

import json
from collections.abc import Callable, Generator
from pathlib import Path

import pulumi
import pytest
from pulumi.runtime.config import get_config_env, get_config_secret_keys_env
from pulumi.runtime.settings import SETTINGS
from pydantic import BaseModel

from controlplane.dsn import DsnError
from settings.control_plane import Database
from settings.pods import Pod
from settings.reading import SettingsError, database_url, read_settings
from settings.service import Service
from settings.stack import Metrics, Settings
from tenancy.inventory.faults import printable

Configure = Callable[..., None]

DIGEST = "@sha256:" + "0123456789abcdef" * 4
DSN = "postgresql://provisioner:hunter2@db.example.com:5432/platform"
KNOWN = (
    "cell, clusterDomain, database, databaseUrl, drain, image, inventory, maxCpu, maxInstances, "
    "maxMemory, metrics, monitoringNamespace, namespace, namespaceMode, pod, podSecurity, "
    "readyTimeout, retainNamespace, rollout, runAsUser, service"
)
NAMESPACE_WORDS = (
    "expected a namespace of lower-case letters a-z, digits and inner hyphens, "
    "at most 63 characters, for example acme-workers"
)
CLUSTER_DOMAIN_WORDS = (
    "expected the DNS domain of the cluster's Services, in lower case, without a dot at either "
    "end, at most 121 characters, for example cluster.local"
)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Generator[Configure]:
    """Gives the stack `dev` a configuration the way the language host does: by the environment."""

    def configured(*, secret: tuple[str, ...] = (), **values: str) -> None:
        config = {f"tenant-nats:{key}": value for key, value in values.items()}
        keys = [f"tenant-nats:{key}" for key in secret]
        monkeypatch.setenv("PULUMI_CONFIG", json.dumps({"kubernetes:context": "kind", **config}))
        monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(keys))
        pulumi.runtime.set_all_config(get_config_env(), get_config_secret_keys_env())

    monkeypatch.setattr(SETTINGS, "project", "tenant-nats")
    monkeypatch.setattr(SETTINGS, "stack", "dev")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    configured()
    yield configured
    pulumi.runtime.set_all_config({}, [])


@pytest.mark.usefixtures("configure")
def test_a_stack_that_says_nothing_has_the_defaults_of_the_design() -> None:
    expected = Settings.model_construct(
        inventory=Path("tenants.yaml"),
        namespace="vrsky-tenants",
        namespace_mode="managed",
        retain_namespace=True,
        monitoring_namespace="vrsky-monitoring",
        cluster_domain="cluster.local",
        pod_security="restricted",
        image="nats:2.15.1-alpine",
        ready_timeout="3m",
        run_as_user=1000,
        pod=Pod(),
        rollout="parallel",
        drain="30s",
        max_instances=None,
        max_cpu=None,
        max_memory=None,
        database=Database(),
        metrics=Metrics(),
        service=Service(),
    )
    assert expected == read_settings()


def test_every_setting_is_read_from_its_camel_case_key(configure: Configure) -> None:
    configure(
        inventory="inventories/eu.yaml",
        namespace="eu-tenants",
        namespaceMode="existing",
        retainNamespace="false",
        monitoringNamespace="monitoring",
        clusterDomain="corp.example",
        podSecurity="baseline",
        image=f"registry.example.com/nats:2.15.1{DIGEST}",
        readyTimeout="90s",
        runAsUser="none",
        pod='{"nodeSelector": {"pool": "nats"}, "nodeLostSeconds": 30}',
        rollout="serial",
        drain="0s",
        maxInstances="100",
        maxCpu="200",
        maxMemory="400Gi",
        database='{"manageRoles": true, "name": "platform", "schema": "nats", "rolePrefix": "eu"}',
        metrics='{"exporterImage": "registry.example.com/exporter:0.20.2", "podMonitor": true, '
        '"labels": {"release": "kube-prometheus-stack"}}',
        service='{"annotations": {"service.kubernetes.io/topology-mode": "Auto", "note": ""}, '
        '"labels": {"example.com/team": "integrations"}, "ipFamilyPolicy": "PreferDualStack"}',
        databaseUrl=DSN,
        secret=("databaseUrl",),
    )
    expected = Settings.model_construct(
        inventory=Path("inventories/eu.yaml"),
        namespace="eu-tenants",
        namespace_mode="existing",
        retain_namespace=False,
        monitoring_namespace="monitoring",
        cluster_domain="corp.example",
        pod_security="baseline",
        image=f"registry.example.com/nats:2.15.1{DIGEST}",
        ready_timeout="90s",
        run_as_user=None,
        pod=Pod.model_validate({"nodeSelector": {"pool": "nats"}, "nodeLostSeconds": 30}),
        rollout="serial",
        drain="0s",
        max_instances=100,
        max_cpu="200",
        max_memory="400Gi",
        database=Database.model_validate(
            {"manageRoles": True, "name": "platform", "schema": "nats", "rolePrefix": "eu"}
        ),
        metrics=Metrics.model_validate(
            {
                "exporterImage": "registry.example.com/exporter:0.20.2",
                "podMonitor": True,
                "labels": {"release": "kube-prometheus-stack"},
            }
        ),
        service=Service.model_validate(
            {
                "annotations": {"service.kubernetes.io/topology-mode": "Auto", "note": ""},
                "labels": {"example.com/team": "integrations"},
                "ipFamilyPolicy": "PreferDualStack",
            }
        ),
    )
    assert expected == read_settings()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        pytest.param("namespace", "Tenants", NAMESPACE_WORDS, id="an upper-case letter"),
        pytest.param("namespace", "", NAMESPACE_WORDS, id="no namespace"),
        pytest.param("monitoringNamespace", "a_b", NAMESPACE_WORDS, id="an underscore"),
        pytest.param("monitoringNamespace", "a" * 64, NAMESPACE_WORDS, id="64 characters"),
        pytest.param("namespaceMode", "own", "expected 'managed' or 'existing'", id="another mode"),
        pytest.param(
            "podSecurity",
            "privileged",
            "expected 'restricted' or 'baseline'",
            id="another pod security",
        ),
        *(
            pytest.param("clusterDomain", domain, CLUSTER_DOMAIN_WORDS, id=f"a domain {why}")
            for domain, why in [
                ("", "of nothing"),
                ("corp.example.", "with a dot at its end"),
                (".corp", "with a dot at its start"),
                ("corp..example", "with two dots"),
                ("Corp.Example", "in upper case"),
                ("corp_example", "with an underscore"),
                ("corp-.example", "with a hyphen at the end of a label"),
                (f"{'a' * 64}.example", "with a label of 64 characters"),
                (f"{'a.' * 61}", "that is too long"),
                ("svc.cluster.local:4222", "with a port"),
                ("b\u00fcro.example", "with an umlaut"),
            ]
        ),
        pytest.param("rollout", "rolling", "expected 'parallel' or 'serial'", id="another rollout"),
        pytest.param(
            "retainNamespace", "maybe", "expected true or false, for example true", id="no flag"
        ),
        *(
            pytest.param(
                "image",
                image,
                "expected an image with a tag and, at best, a digest, "
                "for example nats:2.15.1-alpine",
                id=f"an image {why}",
            )
            for image, why in [
                ("nats", "without a tag"),
                ("nats:", "with an empty tag"),
                ("nats:2 alpine", "with a space"),
                ("NATS:2.15.1", "in upper case"),
                ("nats:\u0442\u0435\u0433", "with a Cyrillic tag"),
                ("nats:2.15.1@sha256:123", "with half a digest"),
            ]
        ),
        *(
            pytest.param(
                "readyTimeout",
                duration,
                "expected a time in whole seconds or minutes, for example 3m",
                id=f"a time {why}",
            )
            for duration, why in [
                ("3", "without a unit"),
                ("0s", "of nothing"),
                ("-3m", "gone by"),
                ("1h", "in hours"),
                ("1.5m", "in fractions"),
                ("3m\t", "and a tab"),
            ]
        ),
        *(
            pytest.param(
                "maxInstances",
                most,
                "expected a whole number, 1 or more, for example 100",
                id=f"a ceiling of {most or 'nothing'}",
            )
            for most in ("", "0", "-1", "ten", "1.5")
        ),
        pytest.param(
            "maxCpu",
            "1.5",
            'expected CPU cores or thousandths of one, as text ("2", 500m), for example "2"',
            id="a ceiling in parts of a core",
        ),
        pytest.param(
            "maxMemory",
            "400GB",
            "expected memory in whole Mi or Gi, for example 4Gi",
            id="a ceiling in gigabytes",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_one_line(
    configure: Configure, key: str, value: str, words: str
) -> None:
    configure(**{key: value})
    expected = f"Pulumi.dev.yaml: {key} is {printable(value)}, {words}. Nothing was changed."
    assert expected == refused()
    assert len(expected.splitlines()) == 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            '{"manageRoles": true}',
            "database.manageRoles is true and database.name is missing, expected the name of the "
            "database that has the tables: `pulumi config set --path database.name platform`",
        ),
        (
            '{"manageRoles": "maybe"}',
            "database.manageRoles is maybe, expected true or false, for example true",
        ),
        (
            '{"manageRole": true}',
            "there is no setting database.manageRole; known are database.manageRoles, "
            "database.name, database.rolePrefix, database.schema, database.statuses, "
            "database.tables",
        ),
        (
            '{"schema": "a;b"}',
            "database.schema is a;b, expected letters a-z, digits and underscores, at most 63, as "
            "the database spells them, for example nats_instances",
        ),
        (
            '{"tables": {"instances": "nats instances"}}',
            "database.tables.instances is nats instances, expected letters a-z, digits and "
            "underscores, at most 63, as the database spells them, for example nats_instances",
        ),
        (
            '{"tables": {"servers": "x"}}',
            "there is no setting database.tables.servers; known are database.tables.instances, "
            "database.tables.integrations",
        ),
        (
            '{"tables": {"instances": "integrations"}}',
            "database.tables has one name for two tables; give each the name that it has there",
        ),
        (
            '{"tables": "servers"}',
            "database.tables is servers, expected settings below it, for example "
            "database.tables.instances",
        ),
        (
            '{"statuses": {"drained": "gone"}}',
            "there is no setting database.statuses.drained; known are database.statuses.active, "
            "database.statuses.draining, database.statuses.provisioning, "
            "database.statuses.terminated",
        ),
        (
            '{"statuses": {"draining": "a;b"}}',
            "database.statuses.draining is a;b, expected a status as the platform's table has it, "
            "for example terminating",
        ),
        (
            '{"statuses": {"draining": "terminated"}}',
            "database.statuses has one word for two statuses; give each a word of its own, as the "
            "platform's table has it",
        ),
        (
            '{"statuses": "terminating"}',
            "database.statuses is terminating, expected settings below it, for example "
            "database.statuses.draining",
        ),
        (
            '{"rolePrefix": "a;b"}',
            "database.rolePrefix is a;b, expected lower-case letters a-z, digits and underscores, "
            "at most 50, for example tenant_nats",
        ),
        *(
            (
                value,
                f"database is {shown}, expected settings below it, for example "
                "database.manageRoles",
            )
            for value, shown in [("platform", "platform"), ("true", "True"), ("[1]", "[1]")]
        ),
    ],
)
def test_what_is_wrong_with_the_database_is_told_by_its_whole_key(
    configure: Configure, value: str, words: str
) -> None:
    configure(database=value)
    assert refused() == f"Pulumi.dev.yaml: {words}. Nothing was changed."


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            '{"exporter": false, "podMonitor": true}',
            "metrics.exporter is false, so there is nothing for metrics.podMonitor to find or to "
            "watch: leave it out as well",
        ),
        (
            '{"podMonitors": true}',
            "there is no setting metrics.podMonitors; known are metrics.exporter, "
            "metrics.exporterImage, metrics.labels, metrics.podMonitor, metrics.prometheusRule",
        ),
        (
            '{"exporterImage": "exporter"}',
            "metrics.exporterImage is exporter, expected an image with a tag and, at best, a "
            "digest, for example nats:2.15.1-alpine",
        ),
        (
            '{"labels": {"release": "a b"}}',
            "metrics.labels.release is a b, expected the value of a Kubernetes label, as text, "
            "for example kube-prometheus-stack",
        ),
        (
            '{"labels": "release"}',
            "metrics.labels is release, expected settings below it, for example "
            "metrics.labels.release",
        ),
        ("true", "metrics is True, expected settings below it, for example metrics.podMonitor"),
    ],
)
def test_what_is_wrong_with_the_metrics_is_told_by_its_whole_key(
    configure: Configure, value: str, words: str
) -> None:
    configure(metrics=value)
    assert refused() == f"Pulumi.dev.yaml: {words}. Nothing was changed."


LABEL_KEY = "expected the key of a Kubernetes label, for example team"
ANNOTATION_KEY = (
    "expected the key of a Kubernetes annotation, for example karpenter.sh/do-not-disrupt"
)
ANNOTATION = 'expected the value of an annotation, as text, for example "true"'


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ('{"labels": {"a b": "x"}}', f"service.labels has the key a b, {LABEL_KEY}"),
        ('{"labels": {"a..b/c": "x"}}', f"service.labels has the key a..b/c, {LABEL_KEY}"),
        ('{"labels": {"A/c": "x"}}', f"service.labels has the key A/c, {LABEL_KEY}"),
        (
            '{"annotations": {"a/b/c": "x"}}',
            f"service.annotations has the key a/b/c, {ANNOTATION_KEY}",
        ),
        ('{"annotations": {"": "x"}}', f"service.annotations has the key '', {ANNOTATION_KEY}"),
        ('{"annotations": {"scrape": true}}', f"service.annotations.scrape is True, {ANNOTATION}"),
        ('{"annotations": {"port": 80}}', f"service.annotations.port is 80, {ANNOTATION}"),
        (
            '{"labels": {"team": "a/b"}}',
            "service.labels.team is a/b, expected the value of a Kubernetes label, as text, for "
            "example kube-prometheus-stack",
        ),
        *(
            (
                json.dumps({section: {key: "x"}}),
                f"service.{section} has the key {key}, expected another key, since {reader} this "
                f"one, for example {example}",
            )
            for section, reader, example, keys in [
                (
                    "labels",
                    "selectors, policies or this program use",
                    "team",
                    ["app", "tenant-id", "instance-num", "app.kubernetes.io/name"],
                ),
                (
                    "annotations",
                    "this program or its engine reads",
                    "karpenter.sh/do-not-disrupt",
                    ["pulumi.com/skipAwait", "tenant-nats/stack"],
                ),
            ]
            for key in keys
        ),
        (
            '{"ipFamilyPolicy": "DualStack"}',
            "service.ipFamilyPolicy is DualStack, expected 'SingleStack', 'PreferDualStack' or "
            "'RequireDualStack'",
        ),
        (
            '{"ipFamilies": ["IPv6"]}',
            "there is no setting service.ipFamilies; known are service.annotations, "
            "service.ipFamilyPolicy, service.labels",
        ),
        (
            '{"labels": "team"}',
            "service.labels is team, expected settings below it, for example service.labels.team",
        ),
        ("true", "service is True, expected settings below it, for example service.ipFamilyPolicy"),
    ],
)
def test_what_is_wrong_with_the_services_is_told_by_its_whole_key(
    configure: Configure, value: str, words: str
) -> None:
    configure(service=value)
    assert refused() == f"Pulumi.dev.yaml: {words}. Nothing was changed."


def test_annotations_beyond_what_kubernetes_takes_are_refused(configure: Configure) -> None:
    configure(service=json.dumps({"annotations": {"note": "x" * 262_144}}))
    assert "expected at most 261120 bytes in all, keys and values together" in refused()


def test_a_setting_within_another_that_was_set_without_its_path_is_told(
    configure: Configure,
) -> None:
    configure(**{"metrics.podMonitor": "true"})
    assert refused() == (
        "Pulumi.dev.yaml: metrics.podMonitor was set without --path: `pulumi config set --path "
        "metrics.podMonitor …`. Nothing was changed."
    )


@pytest.mark.parametrize("key", ["namspace", "drian", "namespace_mode", "Namespace", "foo.bar"])
def test_an_unknown_key_is_refused_with_those_that_are_known(
    configure: Configure, key: str
) -> None:
    configure(**{key: "30s"})
    expected = (
        f"Pulumi.dev.yaml: there is no setting {key}; known are {KNOWN}. Nothing was changed."
    )
    assert expected == refused()


def test_all_faults_come_in_one_line(configure: Configure) -> None:
    configure(podSecurity="none", drian="30s", retainNamespace="maybe")
    assert refused() == (
        "Pulumi.dev.yaml: retainNamespace is maybe, expected true or false, for example true; "
        "podSecurity is none, expected 'restricted' or 'baseline'; "
        f"there is no setting drian; known are {KNOWN}. Nothing was changed."
    )


def test_the_refusal_ends_the_program_without_a_traceback() -> None:
    assert issubclass(SettingsError, pulumi.RunError)


@pytest.mark.usefixtures("configure")
def test_the_settings_cannot_be_changed() -> None:
    settings = read_settings()
    with pytest.raises(ValueError, match="Instance is frozen"):
        settings.namespace = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_database_is_the_secret_of_the_stack(configure: Configure) -> None:
    configure(databaseUrl=DSN, secret=("databaseUrl",))
    assert database_url() == DSN


def test_the_database_is_that_of_the_environment_where_the_stack_names_none(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    monkeypatch.setenv("DATABASE_URL", DSN)
    assert database_url() == DSN


@pytest.mark.parametrize(
    "secret", [pytest.param((), id="no secret"), pytest.param(("image",), id="another secret")]
)
def test_a_database_in_plain_text_is_refused_without_its_password(
    configure: Configure, secret: tuple[str, ...]
) -> None:
    configure(databaseUrl=DSN, secret=secret)
    with pytest.raises(DsnError) as caught:
        database_url()
    assert str(caught.value) == (
        "databaseUrl stands in the stack's configuration as plain text; store it encrypted: "
        "`pulumi config set --secret databaseUrl "
        "postgresql://provisioner:PASSWORD@db.example.com:5432/platform`."
    )


def test_the_database_is_no_part_of_the_settings(configure: Configure) -> None:
    configure(databaseUrl=DSN, secret=("databaseUrl",))
    assert "hunter2" not in repr(read_settings())


def refused() -> str:
    """What is said of the configuration."""
    with pytest.raises(SettingsError) as caught:
        read_settings()
    return str(caught.value)


@pytest.mark.parametrize(
    ("image", "warned"),
    [
        pytest.param(
            "nats:2.15.1-alpine",
            "warning: No digest (@sha256:…): nats:2.15.1-alpine and "
            "natsio/prometheus-nats-exporter:0.20.2; a tag can move to another image.\n",
            id="a tag",
        ),
        pytest.param(
            f"nats:2.15.1-alpine{DIGEST}",
            "warning: No digest (@sha256:…): natsio/prometheus-nats-exporter:0.20.2; a tag "
            "can move to another image.\n",
            id="a digest",
        ),
    ],
)
def test_an_image_that_its_tag_alone_names_is_warned_about_once(
    configure: Configure, capsys: pytest.CaptureFixture[str], image: str, warned: str
) -> None:
    configure(image=image)
    read_settings()
    assert capsys.readouterr().err == warned


@pytest.mark.parametrize(
    "metrics",
    [
        pytest.param({"exporter": False}, id="no exporter"),
        pytest.param({"exporterImage": f"exporter:0.20.2{DIGEST}"}, id="a digest"),
    ],
)
def test_images_that_have_a_digest_or_do_not_run_are_not_warned_about(
    configure: Configure, capsys: pytest.CaptureFixture[str], metrics: dict[str, object]
) -> None:
    configure(image=f"nats:2.15.1-alpine{DIGEST}", metrics=json.dumps(metrics))
    read_settings()
    assert capsys.readouterr().err == ""


def test_each_setting_with_settings_below_it_has_an_example_for_who_gives_none(
    configure: Configure,
) -> None:
    sections = [
        name
        for name, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    ]
    assert sections == ["pod", "database", "metrics", "service"]
    for name in sections:
        configure(**{name: "text"})
        assert f"expected settings below it, for example {name}." in refused()
