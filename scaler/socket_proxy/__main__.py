"""`python -m scaler.socket_proxy`: serve the Docker Engine to the scaler, as far as the scaler needs it."""

from __future__ import annotations

import structlog
import waitress

from ray_watcher_common import logs
from ray_watcher_common.serving import AddressInUseError, bind, fail, until_signalled
from ray_watcher_common.settings import SettingsError, load
from scaler.socket_proxy.app import LARGEST_BODY_BYTES, create_app
from scaler.socket_proxy.engine import EngineSocket
from scaler.socket_proxy.settings import SocketProxySettings

THREADS = 80  # as many as the scaler has calls at once: each removal waits for its worker to stop

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
    server = waitress.create_server(
        app, sockets=[listening], threads=THREADS, ident=None, max_request_body_size=LARGEST_BODY_BYTES
    )
    log.info("listening", address=settings.listen, cluster=settings.cluster)
    with until_signalled():
        server.run()
    server.close()


if __name__ == "__main__":
    main()
