"""Exceptions of docker-py as ours.

A dead or hung daemon shows up in docker-py as an exception of requests or urllib3, a refusal as one of
docker.errors; here the first becomes `ProviderUnavailableError`, the second `ProviderError` or, for a
container that was to be, `LaunchFailedError`.
"""

from __future__ import annotations

import contextlib
import os
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

import docker.errors
import requests
import urllib3

from scaler.model.errors import LaunchFailedError, ProviderError, ProviderUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator


class GoneError(ProviderError):
    """The container, network or image does not exist."""


class ConflictError(ProviderError):
    """The name is taken, or the thing is in use or already being removed."""


@contextlib.contextmanager
def translated(doing: str, refused: type[ProviderError] = ProviderError) -> Iterator[None]:
    """Translate exceptions of docker-py into ours."""
    try:
        yield
    except docker.errors.APIError as error:
        raise _refusal(error, doing, refused) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, docker.errors.DockerException, OSError) as error:
        raise ProviderUnavailableError(_unavailable(doing, error)) from error


def _refusal(error: docker.errors.APIError, doing: str, refused: type[ProviderError]) -> ProviderError:
    message = f"cannot {doing}: {(error.explanation or str(error)).strip()}"
    if "could not select device driver" in message:
        message += " (the engine offers no GPUs: install the nvidia-container-toolkit, or ask for none)"
    if refused is LaunchFailedError and re.search(r"network \S+ not found", message):
        message += "; create it with `docker network create`, or set WATCHER_NETWORK to one that exists"
    if error.status_code == HTTPStatus.CONFLICT:
        return ConflictError(message)
    if error.status_code == HTTPStatus.NOT_FOUND and refused is ProviderError:
        return GoneError(message)
    return refused(message)


def _unavailable(doing: str, error: Exception) -> str:
    where = os.environ.get("DOCKER_HOST") or "the local Docker socket"
    if isinstance(error, PermissionError):
        where += f" (as user id {os.getuid()}, who may not use it)"
    hung = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError)
    what = "does not reply in time" if hung else f"does not answer ({_innermost(error)})"
    return (
        f"cannot {doing}: the Docker Engine at {where} {what}; start it, or set DOCKER_HOST to one that runs, "
        "or use processes with `--provider process` (WATCHER_PROVIDER=process)"
    )


def _innermost(error: BaseException) -> str:
    while (deeper := error.__cause__ or error.__context__) is not None:
        error = deeper
    return str(error)


def missing_image(image: str) -> str:
    """The message for an engine without `image`."""
    return (
        f"the engine has no image {image}: get it with `docker pull {image}`, or build one with "
        "`ray-watcher build-image`; RAY_IMAGE names the image to use"
    )
