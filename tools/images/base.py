"""Base images made from the Debian packages that are installed on this machine."""

from __future__ import annotations

import hashlib
import tempfile
from typing import TYPE_CHECKING

from ray_watcher.errors import MissingError
from tools.images import debian

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scaler.providers.engine import Engine

BASE_IMAGE = "ray-watcher/base:latest"
BASE_PACKAGES = ("python3", "python3-venv", "libstdc++6", "zlib1g", "ca-certificates", "procps")
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
BASE_ENVIRONMENT = (
    "ENV PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin LANG=C.UTF-8",
    # this machine's certificates, a company's own among them; pip and requests would use lists of their own
    f"ENV PIP_CERT={CA_BUNDLE} SSL_CERT_FILE={CA_BUNDLE} REQUESTS_CA_BUNDLE={CA_BUNDLE}",
)
IMPORT_TIMEOUT_SECONDS = 300  # 90 MB take 2 s here
MADE_OF_LABEL = "ray-watcher.made-of"  # an image of other packages is made again


def build_base(
    engine: Engine, tag: str, roots: Sequence[str], progress: Callable[[str], None], *, essential: bool = True
) -> None:
    """An image of the installed packages `roots` and all they depend on.

    Raises `MissingError` if this is no Debian or a package is not installed, `ProviderError`.
    """
    import_packages(engine, tag, installed_packages(roots, essential=essential), progress)


def import_packages(
    engine: Engine, tag: str, packages: Sequence[debian.Package], progress: Callable[[str], None]
) -> None:
    """An image of these packages' files, unless the engine has it: what was built on it is then used again, too.

    Raises `ProviderError`.
    """
    digest = hashlib.sha256(repr((BASE_ENVIRONMENT, packages)).encode()).hexdigest()
    if (engine.image_labels(tag) or {}).get(MADE_OF_LABEL) == digest:
        return
    progress(f"making {tag} from {len(packages)} Debian packages of this machine")
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
            "this is not Debian, so no base image can be made from its packages; use a base image that the engine has: "
            "ray-watcher build-image --base IMAGE"
        ) from None
    except debian.MissingPackagesError as error:
        raise MissingError(f"not installed: {error}; install with: apt-get install {error}") from None
