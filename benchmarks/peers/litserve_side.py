"""LitServe with batches, over HTTP: `python -m` in its environment."""

import base64
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import litserve

from benchmarks.peers.model import BareEncoder
from benchmarks.peers.wire import MAX_BATCH, WAIT_S, WORKERS, announce


class EncoderAPI(litserve.LitAPI):  # type: ignore[misc] # the library is only there in its own environment
    """The encoder; a request is JSON with the samples in base64."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - the library's own signature
        """Load it, once a worker."""
        self.encoder = BareEncoder(sys.argv[1])

    def decode_request(self, request: Mapping[str, str]) -> bytes:
        """The samples."""
        return base64.b64decode(request["sound"])

    def batch(self, inputs: Sequence[bytes]) -> Sequence[bytes]:
        """What shares a call."""
        return inputs

    def predict(self, x: Sequence[bytes]) -> list[float]:
        """The call."""
        return self.encoder(x)

    def unbatch(self, output: list[float]) -> list[float]:
        """One number for each."""
        return output

    def encode_response(self, output: float) -> dict[str, float]:
        """As JSON."""
        return {"embedding": output}


def main(port: str) -> None:
    """Serve the model at the port."""
    settings = f"max_batch_size {MAX_BATCH}, batch_timeout {WAIT_S:g} s, {WORKERS} workers"
    announce(wire="http", address=f"127.0.0.1:{port}", path="/predict", version=version("litserve"), settings=settings)
    api = EncoderAPI(max_batch_size=MAX_BATCH, batch_timeout=WAIT_S)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=WORKERS)
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[2])
