"""A Ray Serve application that asks for replicas as requests pile up; the watcher brings workers for them."""

import asyncio
import sys

from ray import serve


@serve.deployment(
    max_ongoing_requests=4,  # at one replica; further requests wait in the proxy
    autoscaling_config={
        "min_replicas": 1,
        "max_replicas": 3,
        "target_ongoing_requests": 2,  # for each replica, waiting requests counted in
        "upscale_delay_s": 1,  # Serve's defaults are for slower lives: 30,
        "downscale_delay_s": 5,  # 600
        "look_back_period_s": 11,  # and 30; more than the 10 s at which a proxy reports
    },
    ray_actor_options={"num_cpus": 1},  # what a replica takes of a worker
)
class MyService:
    """Takes half a second for each request."""

    async def __call__(self) -> dict[str, str]:
        """Answer one request."""
        await asyncio.sleep(0.5)
        return {"result": "processed"}


def main(port: int = 8000) -> None:
    """Start the application; it stays when this program ends, until `serve.shutdown()`."""
    serve.start(proxy_location="HeadOnly", http_options={"port": port})
    serve.run(MyService.bind())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
