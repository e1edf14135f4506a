"""The socket proxy's settings."""

from __future__ import annotations

from pydantic import Field

from ray_watcher_common.program.settings import EnvSettings, HostPort
from scaler.socket_proxy.descriptions import Limits


class SocketProxySettings(EnvSettings):
    """All of it, typed."""

    listen: HostPort = Field(
        "127.0.0.1:2375", validation_alias="WATCHER_SOCKET_PROXY_LISTEN", description="address of the socket proxy"
    )
    socket: str = Field(
        "/var/run/docker.sock", validation_alias="WATCHER_DOCKER_SOCKET", description="path of the Docker socket"
    )
    cluster: str = Field("default", validation_alias="WATCHER_CLUSTER", description="cluster of the workers")
    network: str = Field("ray-cluster", validation_alias="WATCHER_NETWORK", description="network of the workers")
    image: str = Field(
        "rayproject/ray:2.60.0-py311", validation_alias="RAY_IMAGE", description="image that workers run"
    )
    more_images: str = Field(
        "",
        validation_alias="WATCHER_WORKER_IMAGES",
        description="further images that workers may run, with commas between them: those of the policy file",
    )

    @property
    def limits(self) -> Limits:
        """Which workers there may be."""
        images = {self.image, *(image.strip() for image in self.more_images.split(","))} - {""}
        return Limits(self.cluster, frozenset(images), self.network)
