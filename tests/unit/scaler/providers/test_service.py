"""What the engine is asked for: the parts of a service that Swarm's traps demand."""

from __future__ import annotations

import pytest

from scaler.providers.service import ServiceSpec, StoredFile, task_template

SPEC = ServiceSpec("ray-worker-1", "ray:9", ["python3", "start.py", "--block"], labels={"cluster": "one"})


def test_a_task_that_ends_is_not_started_again() -> None:
    assert task_template(SPEC)["RestartPolicy"] == {"Condition": "none"}


def test_the_container_has_the_labels_too_because_it_outlives_its_service() -> None:
    assert task_template(SPEC)["ContainerSpec"]["Labels"] == {"cluster": "one"}


def test_the_program_is_the_entrypoint_whatever_the_image_has() -> None:
    container = task_template(SPEC)["ContainerSpec"]

    assert (container["Command"], container["Args"]) == (["python3"], ["start.py", "--block"])


def test_what_a_worker_may_use_is_reserved_for_it() -> None:
    spec = ServiceSpec("n", "i", ["c"], cpus=1.5, memory=1000, pids_limit=7, resources={"GPU": 2})
    amounts = {"NanoCPUs": 1_500_000_000, "MemoryBytes": 1000}

    assert task_template(spec)["Resources"] == {
        "Limits": {**amounts, "Pids": 7},
        "Reservations": {
            **amounts,
            "GenericResources": [{"DiscreteResourceSpec": {"Kind": "GPU", "Value": 2}}],
        },
    }


def test_a_secret_is_readable_by_its_user_alone() -> None:
    spec = ServiceSpec("n", "i", ["c"], secrets=[StoredFile("id", "token-1", "/run/token", 0o400)], user_id=1000)

    assert task_template(spec)["ContainerSpec"]["Secrets"] == [
        {
            "SecretID": "id",
            "SecretName": "token-1",
            "File": {"Name": "/run/token", "UID": "1000", "GID": "1000", "Mode": 0o400},
        }
    ]


@pytest.mark.parametrize(("confined", "dropped"), [(True, ["ALL"]), (False, None)])
def test_it_has_no_capabilities_unless_they_are_wanted(confined: bool, dropped: list[str] | None) -> None:  # a row
    container = task_template(ServiceSpec("n", "i", ["c"], confined=confined))["ContainerSpec"]

    assert container.get("CapabilityDrop") == dropped


def test_shared_memory_is_a_tmpfs_and_the_grace_stands_in_the_service() -> None:
    container = task_template(ServiceSpec("n", "i", ["c"], shm_size=64, stop_seconds=2.5))["ContainerSpec"]

    assert container["Mounts"] == [{"Type": "tmpfs", "Target": "/dev/shm", "TmpfsOptions": {"SizeBytes": 64}}]  # noqa: S108
    assert container["StopGracePeriod"] == 2_500_000_000
