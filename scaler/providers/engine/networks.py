"""Networks of the Docker Engine."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from scaler.model.errors import ProviderError
from scaler.providers.engine.connection import Connection
from scaler.providers.engine.errors import ConflictError, translated

if TYPE_CHECKING:
    from collections.abc import Mapping


class Networks(Connection):
    """Networks by their names."""

    def ensure_network(self, name: str, labels: Mapping[str, str]) -> None:
        """Create the network if it does not exist."""
        with translated(f"create the network {name}"):
            if not self._networks(name):
                with contextlib.suppress(ConflictError), translated(f"create the network {name}"):
                    self._api.create_network(name, driver="bridge", labels=dict(labels), check_duplicate=True)

    def remove_network(self, name: str, label: str) -> None:
        """Remove the network if it has `label` and nothing uses it any more; else leave it."""
        with translated(f"remove the network {name}"):
            for network in self._networks(name):
                key, _, value = label.partition("=")
                if (network.get("Labels") or {}).get(key) == value:
                    with contextlib.suppress(ProviderError), translated(f"remove the network {name}"):
                        self._api.remove_network(network["Id"])

    def _networks(self, name: str) -> list[Any]:
        return [network for network in self._api.networks(names=[name]) if network["Name"] == name]
