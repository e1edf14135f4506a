"""The Ray image, built on this machine without any registry.

Its base is made from the Debian packages that are installed here, so its Python is Debian's `python3`; Ray
comes by pip in the version that is installed here, so that head, workers and this machine's own agree.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from ray_watcher.errors import MissingError, WatcherError
from ray_watcher.images import debian
from scaler.model.errors import ProviderError, ProviderUnavailableError
from scaler.providers.engine import Engine, missing_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BASE_IMAGE = "ray-watcher/base:latest"
BASE_PACKAGES = ("python3", "python3-venv", "libstdc++6", "zlib1g", "ca-certificates", "procps")
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
BASE_ENVIRONMENT = (
    "ENV PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin LANG=C.UTF-8",
    # this machine's certificates, a company's own among them; pip and requests would use lists of their own
    f"ENV PIP_CERT={CA_BUNDLE} SSL_CERT_FILE={CA_BUNDLE} REQUESTS_CA_BUNDLE={CA_BUNDLE}",
)
IMPORT_TIMEOUT_SECONDS = 300  # 90 MB take 2 s here
INSTALLED_LABEL = "ray-watcher.installed"  # an image of other extras is not the one that is wanted
MADE_OF_LABEL = "ray-watcher.made-of"  # likewise one of other packages
DOCKERFILE_DIRECTORY = Path(__file__).with_name("context")


def ray_version() -> str:
    """The version of the Ray that is installed beside us. Raises `MissingError`."""
    try:
        return metadata.version("ray")
    except metadata.PackageNotFoundError:
        raise MissingError("Ray is not installed here, so its version is unknown; pip install 'ray[serve]'") from None


def default_tag() -> str:
    """`ray-watcher/ray:<version>`. Raises `MissingError`."""
    return f"ray-watcher/ray:{ray_version()}"


def build_ray_image(tag: str | None, progress: Callable[[str], None], engine: Engine | None = None) -> str:
    """Build the Ray image unless it is there already; returns its tag.

    `progress` gets a line at a time. Raises `MissingError` (no Debian, no package, no engine), `WatcherError`.
    """
    engine, version = engine or Engine(IMPORT_TIMEOUT_SECONDS), ray_version()
    tag, installed = tag or f"ray-watcher/ray:{version}", f"ray[serve]=={version}"
    try:
        if (engine.image_labels(tag) or {}).get(INSTALLED_LABEL) == installed:
            progress(f"{tag} is here already")
            return tag
        build_base(engine, BASE_IMAGE, BASE_PACKAGES, progress)
        progress(f"building {tag} with Ray {version}; pip downloads some hundred MB")
        arguments = {"BASE": BASE_IMAGE, "RAY_VERSION": version}
        for line in engine.build(DOCKERFILE_DIRECTORY, tag, arguments=arguments, labels={INSTALLED_LABEL: installed}):
            progress(line)
    except ProviderUnavailableError as error:
        raise MissingError(str(error)) from error
    except ProviderError as error:
        raise WatcherError(str(error)) from error
    return tag


def provide_image(named: str, progress: Callable[[str], None], engine: Engine | None = None, *, chosen: bool) -> str:
    """The image of head and workers, got where the engine lacks it: pulled, or built where no registry has it.

    `named` is a user's own choice where `chosen`, which nothing takes the place of. `progress` gets a line at a time.
    Raises `MissingError`, `WatcherError`.
    """
    engine = engine or Engine(IMPORT_TIMEOUT_SECONDS)
    try:
        if image := image_here(named, engine, chosen=chosen):
            return image
        progress(f"pulling {named}, which is not here yet; it is large")
        for line in engine.pull(named):
            progress(line)
    except ProviderUnavailableError as error:
        raise MissingError(str(error)) from error
    except ProviderError as error:
        if chosen:
            raise MissingError(f"{missing_image(named)} ({error})") from error
        progress(f"{error}; so one is built here")
        return build_ray_image(None, progress, engine)
    return named


def image_here(named: str, engine: Engine, *, chosen: bool) -> str | None:
    """The image that the engine has: `named`, or, unless a user has `chosen` that, one of `build-image`."""
    names = [named]
    if not chosen:
        with contextlib.suppress(MissingError):  # no Ray here, so none was built
            names.append(default_tag())
    return next((name for name in names if engine.image_labels(name) is not None), None)


def build_base(
    engine: Engine, tag: str, roots: Sequence[str], progress: Callable[[str], None], *, essential: bool = True
) -> None:
    """An image of the installed packages `roots` and all they depend on.

    Raises `MissingError` where this is no Debian or a package is not installed, `ProviderError`.
    """
    import_packages(engine, tag, installed_packages(roots, essential=essential), progress)


def import_packages(
    engine: Engine, tag: str, packages: Sequence[debian.Package], progress: Callable[[str], None]
) -> None:
    """An image of these packages' files, unless it is there: then what was built on it is used again, too.

    Raises `ProviderError`.
    """
    digest = hashlib.sha256(repr((BASE_ENVIRONMENT, packages)).encode()).hexdigest()
    if (engine.image_labels(tag) or {}).get(MADE_OF_LABEL) == digest:
        return
    progress(f"making {tag} of {len(packages)} Debian packages of this machine")
    with tempfile.TemporaryFile() as archive:
        debian.write_archive(debian.files(packages), archive)
        archive.seek(0)
        engine.import_image(archive, tag, [*BASE_ENVIRONMENT, f"LABEL {MADE_OF_LABEL}={digest}"])


def installed_packages(roots: Sequence[str], *, essential: bool) -> list[debian.Package]:
    """The packages `roots` of this machine and all they depend on. Raises `MissingError`."""
    try:
        installed = debian.parse((debian.DPKG / "status").read_text(encoding="utf-8"))
        return debian.closure(installed, roots, essential=essential)
    except FileNotFoundError:
        raise MissingError(
            "this is no Debian, so no base image can be made of its packages; "
            f"build {DOCKERFILE_DIRECTORY / 'Dockerfile'} with docker, or set RAY_IMAGE to an image with Ray"
        ) from None
    except debian.MissingPackagesError as error:
        raise MissingError(f"not installed: {error}; install with: apt-get install {error}") from None
