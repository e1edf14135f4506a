"""What Swarm says of services, tasks and nodes, folded into workers and hosts. Pure.

Three traps, each seen on real engines. A task on a host that is down is `running` for as long as the host is away, so
the node's state decides. A service that was removed is gone at once while its container still stops. A task for which
the network has no address left stays `new`, without an error.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from scaler.model.cluster import Host, HostStatus, Instance, InstanceStatus, Waiting
from scaler.providers.worker_container import WORKER_ID_LABEL, WORKER_TYPE_LABEL, index_of

Reply = Mapping[str, Any]
"""An object as the engine's API describes it."""

NO_ADDRESS_SECONDS = 5.0  # a new task gets an address within milliseconds
TASKLESS_SECONDS = 30.0  # a new service gets a task within milliseconds; later, its host was drained
NANO = 1_000_000_000
ENDED = frozenset({"complete", "failed", "shutdown", "rejected", "orphaned", "remove"})
NOT_PLACED = frozenset({"new", "allocated", "pending"})
NOT_STARTED = "starting container failed"  # the engine's words
_CODE = re.compile(r"\((\d{1,3})\)$")


def workers(services: Sequence[Reply], tasks: Sequence[Reply], nodes: Sequence[Reply], now: float) -> list[Instance]:
    """Every worker at `now` (unix seconds): one for each service, and one for each that is removed and not gone yet."""
    names, states = host_names(nodes), {node["ID"]: _host_status(node) for node in nodes}
    of_service: defaultdict[str, list[Reply]] = defaultdict(list)
    for task in tasks:
        of_service[task["ServiceID"]].append(task)
    found = [_worker(service, _newest(of_service.pop(service["ID"], [])), names, states, now) for service in services]
    leaving = [task for left in of_service.values() for task in left if _is_leaving(task, states)]
    return found + [_terminating(task, names) for task in leaving]


def holders(tasks: Sequence[Reply], nodes: Sequence[Reply]) -> list[str]:
    """The ids of the workers whose containers may still run, one for each of `tasks` that has not ended.

    Right after its service was removed, a task is as it was before for some milliseconds.
    """
    states = {node["ID"]: _host_status(node) for node in nodes}
    running = [task for task in tasks if _may_run(task, states)]
    return [(task["Spec"]["ContainerSpec"].get("Labels") or {}).get(WORKER_ID_LABEL, "") for task in running]


def hosts(nodes: Sequence[Reply], tasks: Sequence[Reply]) -> list[Host]:
    """Every host, with what is not reserved by `tasks`."""
    names, cpus, memory = host_names(nodes), Counter[str](), Counter[str]()
    for task in tasks:
        reserved = task["Spec"].get("Resources", {}).get("Reservations") or {}
        if task["Status"]["State"] not in ENDED:
            cpus[task.get("NodeID", "")] += reserved.get("NanoCPUs", 0)
            memory[task.get("NodeID", "")] += reserved.get("MemoryBytes", 0)
    return [_host(node, names[node["ID"]], cpus[node["ID"]], memory[node["ID"]]) for node in nodes]


def host_names(nodes: Sequence[Reply]) -> dict[str, str]:
    """The name of each node, by its id: its host's, or the id if another node has the same."""
    names = {node["ID"]: str(node.get("Description", {}).get("Hostname") or node["ID"]) for node in nodes}
    many = Counter(names.values())
    return {node_id: name if many[name] == 1 else node_id for node_id, name in names.items()}


def _host(node: Reply, name: str, cpus: int, memory: int) -> Host:
    resources = node.get("Description", {}).get("Resources") or {}
    total_cpus, total_memory = resources.get("NanoCPUs", 0), resources.get("MemoryBytes", 0)
    return Host(
        name=name,
        status=_host_status(node),
        takes_workers=node["Spec"]["Availability"] == "active",
        cpus=total_cpus / NANO,
        memory=total_memory,
        free_cpus=max(0, total_cpus - cpus) / NANO,
        free_memory=max(0, total_memory - memory),
        resources=_countable(resources),
        labels=tuple(sorted((node["Spec"].get("Labels") or {}).items())),
    )


def _countable(resources: Reply) -> tuple[tuple[str, float], ...]:
    """Generic resources of a node: a number of them, or each by its name."""
    many = Counter[str]()
    for one in resources.get("GenericResources") or ():
        if number := one.get("DiscreteResourceSpec"):
            many[number["Kind"]] += number["Value"]
        elif named := one.get("NamedResourceSpec"):
            many[named["Kind"]] += 1
    return tuple(sorted((kind, float(amount)) for kind, amount in many.items()))


def _host_status(node: Reply) -> HostStatus:
    state = node["Status"]["State"]
    return {"ready": HostStatus.READY, "down": HostStatus.DOWN}.get(state, HostStatus.UNKNOWN)


def takes_workers(node: Reply) -> bool:
    """Whether new tasks may be placed on a node."""
    return node["Spec"]["Availability"] == "active" and _host_status(node) is HostStatus.READY


def _newest(tasks: Sequence[Reply]) -> Reply | None:
    return max(tasks, key=lambda task: str(task["CreatedAt"]), default=None)


def _is_leaving(task: Reply, states: Mapping[str, HostStatus]) -> bool:
    """Whether a removed worker is still stopping; a task that is to run is of a service made since they were listed."""
    return bool(task["DesiredState"] == "remove") and _may_run(task, states)


def _may_run(task: Reply, states: Mapping[str, HostStatus]) -> bool:
    """Whether a placed task has not ended. On a host that is down there is nothing to wait for."""
    away = states.get(task.get("NodeID", ""), HostStatus.DOWN) is HostStatus.DOWN
    return task["Status"]["State"] not in ENDED and not away


def _worker(
    service: Reply, task: Reply | None, names: Mapping[str, str], states: Mapping[str, HostStatus], now: float
) -> Instance:
    labels, name = service["Spec"].get("Labels") or {}, service["Spec"]["Name"]
    created = seconds(service["CreatedAt"])
    node = (task or {}).get("NodeID", "")
    status, detail, waiting = _status(task, node, states, now, created)
    return Instance(
        worker_id=labels.get(WORKER_ID_LABEL, ""),
        index=index_of(labels),
        worker_type=labels.get(WORKER_TYPE_LABEL, ""),
        status=status,
        created_at=created,
        detail=f"{name}: {detail}" if detail else name,
        host=names.get(node, node) if node else None,
        waiting=waiting,
    )


def _status(
    task: Reply | None, node: str, states: Mapping[str, HostStatus], now: float, created: float
) -> tuple[InstanceStatus, str, Waiting | None]:
    """The status, what is said about it, and what it waits for."""
    if task is None:
        gone = now - created > TASKLESS_SECONDS
        return (InstanceStatus.EXITED, "Swarm has stopped it", None) if gone else (InstanceStatus.REQUESTED, "", None)
    state = task["Status"]["State"]
    if state in ENDED:
        return InstanceStatus.EXITED, why_ended(task), None
    if not node:
        return InstanceStatus.REQUESTED, *_not_placed(task, now)
    host = states.get(node, HostStatus.DOWN)  # a node that was removed from the swarm is not listed
    if host is HostStatus.DOWN:
        return InstanceStatus.LOST, "its host is down", None
    waiting = Waiting.HOST_UNKNOWN if host is HostStatus.UNKNOWN else None
    return InstanceStatus.RUNNING if state == "running" else InstanceStatus.REQUESTED, "", waiting


def _not_placed(task: Reply, now: float) -> tuple[str, Waiting | None]:
    problem = str(task["Status"].get("Err") or "")
    if task["Status"]["State"] == "pending" and problem:
        return problem, Waiting.NO_ROOM
    if task["Status"]["State"] == "new" and now - seconds(task["CreatedAt"]) > NO_ADDRESS_SECONDS:
        return Waiting.NO_ADDRESS.value, Waiting.NO_ADDRESS
    return "", None


def _terminating(task: Reply, names: Mapping[str, str]) -> Instance:
    labels = task["Spec"]["ContainerSpec"].get("Labels") or {}
    return Instance(
        worker_id=labels.get(WORKER_ID_LABEL, ""),
        index=index_of(labels),
        worker_type=labels.get(WORKER_TYPE_LABEL, ""),
        status=InstanceStatus.TERMINATING,
        created_at=seconds(task["CreatedAt"]),
        host=names.get(task["NodeID"]),
    )


def why_ended(task: Reply) -> str:
    """Exit code of a task that ended, or the error of one whose container was not even started."""
    status = task["Status"]
    problem = str(status.get("Err") or "")
    code = (status.get("ContainerStatus") or {}).get("ExitCode")
    if not code and (match := _CODE.search(problem)):
        code = int(match[1])
    ran = code is not None and status["State"] != "rejected" and not problem.startswith(NOT_STARTED)
    return f"exit code {code}" if ran else problem or str(status["State"])


def seconds(text: str) -> float:
    """Unix seconds of a time of the engine, such as `2026-11-28T18:14:16.433184733Z`."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
    return moment + float(f"0.{fraction or 0}")
