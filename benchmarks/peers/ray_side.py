"""Ray Serve with `@serve.batch`, over HTTP: `python -m` in its environment."""

import asyncio
import sys
import threading
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import ray
from ray import serve

from benchmarks.peers.model import BareEncoder
from benchmarks.peers.wire import MAX_BATCH, WAIT_S, WORKERS, announce


@serve.deployment(num_replicas=WORKERS, max_ongoing_requests=1_000)
class EncoderService:
    """The encoder; a request is the samples, its answer JSON."""

    def __init__(self, model: str) -> None:
        """Load it, once a replica."""
        self.encoder = BareEncoder(model)

    @serve.batch(max_batch_size=MAX_BATCH, batch_wait_timeout_s=WAIT_S)  # type: ignore[untyped-decorator, unused-ignore] # the library is only there in its own environment
    async def encode(self, sounds: Sequence[bytes]) -> list[float]:
        """The call."""
        return await asyncio.to_thread(self.encoder, sounds)

    async def __call__(self, request: Any) -> dict[str, float]:  # noqa: ANN401 - of the web library inside Ray
        """One number."""
        return {"embedding": await self.encode(await request.body())}


def main(model: str, port: str) -> None:
    """Serve the model at the port."""
    ray.init(num_cpus=2 * WORKERS, include_dashboard=False, log_to_driver=False, logging_level="error")
    serve.start(http_options={"host": "127.0.0.1", "port": int(port)})
    serve.run(EncoderService.bind(model), route_prefix="/")  # type: ignore[attr-defined, unused-ignore] # as above
    settings = f"max_batch_size {MAX_BATCH}, batch_wait_timeout_s {WAIT_S:g}, {WORKERS} replicas"
    announce(wire="http", address=f"127.0.0.1:{port}", path="/", version=version("ray"), settings=settings)
    threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
