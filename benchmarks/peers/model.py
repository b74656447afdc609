"""The encoder as a peer runs it: bare ONNX Runtime with one thread a call. Numpy and ONNX Runtime alone."""

from collections.abc import Sequence

import numpy as np
import onnxruntime

FRAME = 160
"""Samples of a frame, as in `benchmarks.workloads`."""


class BareEncoder:
    """How large the embedding of each sound is; sounds of one length, 32-bit floats at 16 kHz, share a call."""

    def __init__(self, path: str) -> None:
        """Load the graph."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, sounds: Sequence[bytes]) -> list[float]:
        """One number for each."""
        rows = np.stack([np.frombuffer(sound, np.float32).reshape(-1, FRAME) for sound in sounds])
        (embeddings,) = self._session.run(None, {"sound": rows})
        found: list[float] = np.linalg.norm(embeddings, axis=1).tolist()
        return found
