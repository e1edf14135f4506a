"""The Docker Engine as plain values and our own errors: the only package that imports docker."""

from __future__ import annotations

from scaler.providers.engine.connection import docker_answers, wait_until
from scaler.providers.engine.containers import CREATION_SECONDS, Containers
from scaler.providers.engine.errors import ConflictError, missing_image
from scaler.providers.engine.images import Images
from scaler.providers.engine.networks import Networks
from scaler.providers.engine.services import Services

__all__ = [
    "CREATION_SECONDS",
    "ConflictError",
    "Engine",
    "docker_answers",
    "missing_image",
    "wait_until",
]


class Engine(Containers, Networks, Images, Services):
    """The engine that DOCKER_HOST (or Docker's current context) names; connects with the first call."""
