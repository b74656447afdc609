"""The program of one PocketSphinx process: a decoder is loaded once, then answers utterances until stdin ends.

PocketSphinx holds the interpreter lock while it decodes, so it runs outside the process that keeps time. This file is
its only importer. It is started by its path and imports nothing of Onbeat.

The wire, both ways: a frame is a 4-byte little-endian length and that many bytes. The child's first frame is empty if
it is ready; else it says why it is not and the child ends. Then each frame of 16 kHz mono 16-bit PCM, one whole
utterance, is answered by one frame of JSON: {"words": [[word, start_s, end_s, confidence], ...]} or {"error": "..."}.
"""

import json
import os
import re
import signal
import struct
import sys
import warnings
from pathlib import Path
from typing import IO, Any

_LENGTH = struct.Struct("<I")
_FRAMES_PER_S = 100
_FILLER = re.compile(r"<.*>|\[.*\]|\+\+.*\+\+")
_ALTERNATE = re.compile(r"\(\d+\)$")

# Measured with PocketSphinx 5.1 and its en-us model on 21 recordings of spoken English, 156 s:
# - fwdflat off: the second pass took a quarter of the time and made as many words wrong as it corrected, or more.
# - bestpath on: it costs 3 % of the time, and without it every word has the confidence 1.
# - compallsen on: else the scorer starts from the last frames of the utterance before, and the same audio gets other
#   confidences depending on what was decoded earlier.
_OPTIONS = {"loglevel": "FATAL", "samprate": 16_000.0, "fwdflat": False, "bestpath": True, "compallsen": True}


_ADVICE = "the English model comes with `pip install pocketsphinx`, another one is named by its folder"


def main() -> None:
    """Serve standard input until it ends; the folder of a model may be the only argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    wire = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what native code prints must not land between two frames
    try:
        decoder = _load(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    except Exception as error:  # noqa: BLE001 - whatever the library raises, the parent is told and raises it there
        write_frame(wire, f"{_said(error)}; {_ADVICE}".encode())
        return
    write_frame(wire, b"")
    while (pcm := read_frame(sys.stdin.buffer)) is not None:
        try:
            answer: dict[str, Any] = {"words": _words(decoder, pcm)}
        except Exception as error:  # noqa: BLE001 - as above
            answer = {"error": _said(error)}
        write_frame(wire, json.dumps(answer).encode())


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame's bytes, or None when the stream ended before the frame was whole."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    body = stream.read(size)
    return body if len(body) == size else None


def write_frame(stream: IO[bytes], body: bytes) -> None:
    """The frame is written and flushed."""
    stream.write(_LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _load(model_dir: Path | None) -> Any:  # noqa: ANN401 - PocketSphinx has no types; this process is its door
    from pocketsphinx import Decoder, get_model_path  # noqa: PLC0415 - the parent reads this file for its frames only

    warnings.simplefilter("ignore", DeprecationWarning)  # start_stream, see _words
    folder = model_dir or Path(get_model_path()) / "en-us"
    parts = {"hmm": folder / "en-us", "lm": folder / "en-us.lm.bin", "dict": folder / "cmudict-en-us.dict"}
    for part in parts.values():
        if not part.exists():
            raise FileNotFoundError(f"the model has no {part}")
    return Decoder(**_OPTIONS, **{name: str(part) for name, part in parts.items()})


def _words(decoder: Any, pcm: bytes) -> list[tuple[str, float, float, float]]:  # noqa: ANN401 - as above
    """The words of one utterance, whatever was decoded before it.

    The utterance is given whole: then its own cepstral mean normalises it, which is how the model was trained. Given in
    pieces, normalised from the library's initial mean, 57 % of the words read aloud were wrong instead of 45 %.
    """
    decoder.start_stream()  # called needless by the library, yet the noise statistics are else the last utterance's
    decoder.start_utt()
    decoder.process_raw(pcm, False, True)  # noqa: FBT003 - no_search, full_utt: the older releases take no keywords
    decoder.end_utt()
    return [
        (
            _ALTERNATE.sub("", segment.word),
            segment.start_frame / _FRAMES_PER_S,
            (segment.end_frame + 1) / _FRAMES_PER_S,
            min(1.0, max(0.0, segment.prob)),  # the log table is coarse: 1.0001 occurs
        )
        for segment in decoder.seg() or ()
        if not _FILLER.fullmatch(segment.word)
    ]


if __name__ == "__main__":
    main()
