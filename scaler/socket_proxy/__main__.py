"""`python -m scaler.socket_proxy`: serve the Docker Engine to the scaler, as far as the scaler needs it."""

from __future__ import annotations

import structlog

from ray_watcher_common.program import logs
from ray_watcher_common.program.settings import SettingsError, load
from ray_watcher_common.web.limits import MIB, Limits
from ray_watcher_common.web.server import serve
from ray_watcher_common.web.serving import AddressInUseError, bind, fail
from scaler.socket_proxy.app import LARGEST_BODY_BYTES, create_app
from scaler.socket_proxy.engine import EngineSocket
from scaler.socket_proxy.settings import SocketProxySettings

LIMITS = Limits(
    threads=80,  # as many as the scaler has calls at once: each removal waits for its worker to stop
    trusted_body=LARGEST_BODY_BYTES,
    bodies=16 * MIB,
)

log = structlog.get_logger()


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit code 2 for settings that cannot be used or an address that is taken."""
    logs.configure("socket-proxy")
    try:
        settings = load(SocketProxySettings)
        listening = bind(settings.listen)
    except (SettingsError, AddressInUseError) as error:
        fail(str(error))
    app = create_app(EngineSocket(settings.socket), settings.limits)
    log.info("listening", address=settings.listen, cluster=settings.cluster)
    serve(app, listening, LIMITS, trusts=lambda _authorization: True)


if __name__ == "__main__":
    main()
