"""Services of a Swarm, with their tasks, hosts, secrets and configs, as the engine's API describes them."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

from scaler.model.errors import LaunchFailedError, ProviderError
from scaler.providers.engine.connection import Connection
from scaler.providers.engine.errors import ConflictError, GoneError, translated
from scaler.providers.service import StoredFile, task_template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scaler.providers.service import ServiceSpec

Reply = dict[str, Any]
NAME_DIGITS = 12
ONE = {"Replicated": {"Replicas": 1}}
BY_NAME = {"Mode": "dnsrr"}  # a virtual address would need IPVS in the host's kernel, and one address more


class Services(Connection):
    """Services by their labels; only a manager of a Swarm answers."""

    @property
    def _swarm(self) -> Any:
        """docker-py's types have no services."""
        return self._api

    def services(self, labels: Sequence[str]) -> list[Reply]:
        """Services that have all `labels` (`KEY` or `KEY=VALUE`)."""
        with translated("list services"):
            found: list[Reply] = self._swarm.services(filters={"label": list(labels)})
            return found

    def tasks(self, labels: Sequence[str] = ()) -> list[Reply]:
        """Tasks of services that have all `labels`."""
        with translated("list tasks"):
            found: list[Reply] = self._swarm.tasks(filters={"label": list(labels)} if labels else {})
            return found

    def nodes(self) -> list[Reply]:
        """All hosts of the Swarm."""
        with translated("list the hosts of the Swarm"):
            found: list[Reply] = self._swarm.nodes()
            return found

    def service_named(self, name: str) -> Reply | None:
        """The service of exactly this name."""
        with translated("list services"):
            listed: list[Reply] = self._swarm.services(filters={"name": name})
        return next((service for service in listed if service["Spec"]["Name"] == name), None)

    def create_service(self, spec: ServiceSpec) -> str:
        """Returns the id of the new service. Raises `ConflictError` if another has its name, `LaunchFailedError`."""
        with translated("create the service", LaunchFailedError):
            created = self._swarm.create_service(
                task_template(spec), name=spec.name, labels=dict(spec.labels), mode=ONE, endpoint_spec=BY_NAME
            )
        return str(created["ID"])

    def remove_service(self, service_id: str) -> None:
        """Its container stops afterwards; fine if it is gone."""
        with contextlib.suppress(GoneError), translated("remove the service"):
            self._swarm.remove_service(service_id)

    def service_logs(self, service_id: str, tail: int | None) -> bytes:
        """What the service has written, each line with its time; the last `tail` lines, or all."""
        with translated("read the service's output"):
            return b"".join(
                self._swarm.service_logs(
                    service_id, stdout=True, stderr=True, timestamps=True, tail="all" if tail is None else tail
                )
            )

    def secret(self, name: str, text: str, path: str, labels: Mapping[str, str]) -> StoredFile:
        """A secret of this text; what it replaces is removed, unless a service uses it."""
        return self._stored("secret", name, text, path, labels)

    def config(self, name: str, text: str, path: str, labels: Mapping[str, str]) -> StoredFile:
        """A config of this text; what it replaces is removed, unless a service uses it."""
        return self._stored("config", name, text, path, labels)

    def _stored(self, kind: str, name: str, text: str, path: str, labels: Mapping[str, str]) -> StoredFile:
        """Neither can be changed: a new text is a new one, named by its digest."""
        wanted = f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:NAME_DIGITS]}"
        found = self._named(kind, name)
        if wanted not in found:
            with contextlib.suppress(ConflictError), translated(f"create the {kind}"):
                getattr(self._swarm, f"create_{kind}")(wanted, text.encode(), dict(labels))
            for other in found.values():
                with contextlib.suppress(ProviderError), translated(f"remove the {kind}"):
                    getattr(self._swarm, f"remove_{kind}")(other)
            found = self._named(kind, name)
        return StoredFile(found[wanted], wanted, path, 0o400 if kind == "secret" else 0o444)

    def _named(self, kind: str, name: str) -> dict[str, str]:
        """Ids by name of those whose name begins so."""
        with translated(f"list {kind}s"):
            listed = getattr(self._swarm, f"{kind}s")(filters={"name": f"{name}-"})
        return {one["Spec"]["Name"]: one["ID"] for one in listed if one["Spec"]["Name"].startswith(f"{name}-")}
