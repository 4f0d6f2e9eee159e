"""The manifests of deploy/kubernetes: valid, restricted, and in agreement with the worker."""

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import psycopg
import pytest
import yaml

from tests.deploy.conftest import DEPLOY, LaidOut
from worker.settings.model import Settings, load

KUBERNETES = DEPLOY / "kubernetes"

#: The oldest that is supported by its makers when this was written, and the newest that there is a schema of.
VERSIONS = ("1.34", kubernetes_validate.latest_version())

#: Kinds that are no part of Kubernetes itself.
CUSTOM = {"Kustomization", "Component", "ServiceMonitor", "PodMonitor", "ScaledObject", "TriggerAuthentication"}

Manifest = dict[str, Any]


def manifests() -> dict[str, Manifest]:
    return {
        f"{path.relative_to(KUBERNETES)}-{number}": document
        for path in sorted(KUBERNETES.rglob("*.yaml"))
        for number, document in enumerate(yaml.safe_load_all(path.read_text()))
    }


def the(kind: str, name: str = "order-sync") -> Manifest:
    (found,) = [one for one in manifests().values() if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def pods(documents: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    for document in documents:
        if document["kind"] in {"Deployment", "Job"}:
            yield document["metadata"]["name"], document["spec"]["template"]


def violations(pod: Manifest) -> list[str]:
    """What the profile "restricted" of the Pod Security Standards has against a pod."""
    spec = pod["spec"]
    wrong = [f"{name} is set" for name in ("hostNetwork", "hostPID", "hostIPC", "initContainers") if name in spec]
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    wrong += [f"volume {one['name']}" for one in spec.get("volumes", ()) if not allowed & one.keys()]
    for container in spec["containers"]:
        # What the container doesn't say, the pod says.
        says = spec.get("securityContext", {}) | container.get("securityContext", {})
        expected = {
            "privileged": says.get("privileged", False) is False,
            "allowPrivilegeEscalation": says.get("allowPrivilegeEscalation") is False,
            "runAsNonRoot": says.get("runAsNonRoot") is True,
            "runAsUser": says.get("runAsUser") != 0,
            "capabilities": says.get("capabilities") == {"drop": ["ALL"]},
            "seccompProfile": says.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"},
            "hostPort": not any("hostPort" in port for port in container.get("ports", ())),
            # Beyond the profile.
            "readOnlyRootFilesystem": says.get("readOnlyRootFilesystem") is True,
            "resources": {"requests", "limits"} <= container.get("resources", {}).keys(),
        }
        wrong += [f"{container['name']}: {name}" for name, holds in expected.items() if not holds]
    return wrong


@functools.cache
def kustomize(overlay: str) -> list[Manifest]:
    """What a directory comes to."""
    kubectl = Path(sys.executable).with_name("kubectl")
    built = subprocess.run([kubectl, "kustomize", KUBERNETES / overlay], capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    return list(yaml.safe_load_all(built.stdout))


@pytest.mark.parametrize("version", VERSIONS)
def test_each_is_valid(version: str) -> None:
    for name, manifest in manifests().items():
        if manifest["kind"] not in CUSTOM:
            try:
                kubernetes_validate.validate(manifest, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                pytest.fail(f"{name}: {error}")


def test_each_pod_is_restricted() -> None:
    for name, pod in pods(list(manifests().values())):
        assert violations(pod) == [], name
        assert pod["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("broken", ["allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem"])
def test_one_that_is_not_would_be_seen(broken: str) -> None:
    pod = the("Deployment")["spec"]["template"]
    del pod["spec"]["containers"][0]["securityContext"][broken]
    assert violations(pod) == [f"worker: {broken}"]


def test_the_worker_can_use_its_settings(tmp_path: Path) -> None:
    pod = the("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    secrets = {one["metadata"]["name"]: one["stringData"] for one in manifests().values() if one["kind"] == "Secret"}
    for name, value in secrets["order-sync"].items():
        (tmp_path / name).write_text(value)
    mounted = container["volumeMounts"][0]["mountPath"]
    given = {one["name"]: one["value"].replace(mounted, str(tmp_path)) for one in container["env"]}
    settings = load(the("ConfigMap")["data"] | given)
    assert settings.listen is not None
    assert [settings.listen.port] == [port["containerPort"] for port in container["ports"]]
    assert pod["terminationGracePeriodSeconds"] > settings.drain + 10
    assert settings.drain == Settings().drain

    # The migration connects as somebody else.
    addresses = [secrets[name]["database_url"] for name in ("order-sync", "order-sync-migrate")]
    assert ["order_sync_worker" in addresses[0], "order_sync_owner" in addresses[1]] == [True, True]


@pytest.mark.parametrize("overlay", ["base", "overlays/production", "overlays/trial"])
def test_what_kustomize_builds(overlay: str) -> None:
    built = kustomize(overlay)
    for manifest in built:
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(manifest, VERSIONS[-1], strict=True)
        assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == "order-sync"
        assert manifest["kind"] != "Secret"
    found = dict(pods(built))
    assert [violations(pod) for pod in found.values()] == [[]] * len(found)
    labels = found["order-sync"]["metadata"]["labels"]
    for manifest in built:
        if manifest["metadata"]["name"] != "order-sync":
            continue
        match manifest["kind"], manifest.get("spec", {}):
            case "PodDisruptionBudget" | "Deployment" | "PodMonitor", {"selector": {"matchLabels": selected}}:
                assert selected.items() <= labels.items()
            case "Service", {"selector": selected}:
                assert selected.items() <= labels.items()
            case "NetworkPolicy", {"podSelector": {"matchLabels": selected}}:
                assert all(selected.items() <= pod["metadata"]["labels"].items() for pod in found.values())


def test_the_overlay_for_production() -> None:
    built = {one["kind"]: one for one in kustomize("overlays/production")}
    assert "replicas" not in built["Deployment"]["spec"]  # they are KEDA's
    assert (
        built["ServiceMonitor"]["spec"]["selector"]["matchLabels"].items()
        <= built["Service"]["metadata"]["labels"].items()
    )
    images = {pod["spec"]["containers"][0]["image"] for _, pod in pods(list(built.values()))}
    assert images == {"registry.example/order-sync:0.1.0"}
    assert "PodMonitor" not in built


def test_waiting_orders_call_for_workers_and_those_that_cannot_be_sent_do_not(laid_out: LaidOut) -> None:
    (trigger,) = the("ScaledObject")["spec"]["triggers"]
    with psycopg.connect(laid_out.superuser_url, autocommit=True) as admin:
        admin.execute(
            "INSERT INTO orders (service, panel, not_before, retry_at, state, panel_order_id, reference) VALUES "
            "(1, 'default', now(), NULL, 'pending', NULL, 'runnable'),"
            "(1, 'default', now(), now() - interval '1 s', 'pending', NULL, 'retried'),"
            "(1, 'default', now() + interval '1 h', NULL, 'pending', NULL, 'later'),"
            "(1, 'default', now(), now() + interval '1 h', 'pending', NULL, 'backs off'),"
            "(1, 'default', now(), NULL, 'pending', NULL, 'to be canceled'),"
            "(1, 'default', now(), NULL, 'submitted', '1', 'sent'),"
            "(1, 'paused', now(), NULL, 'pending', NULL, 'paused')"
        )
        admin.execute("INSERT INTO cancels (order_id) SELECT id FROM orders WHERE reference = 'to be canceled'")
        admin.execute("INSERT INTO pauses (panel, scope, reason, until) VALUES ('paused', 'add', 'outage', now())")
    with psycopg.connect(laid_out.url("reader")) as reader:
        assert reader.execute(trigger["metadata"]["query"]).fetchall() == [(2,)]
