"""`ModelStore`: models fetched by name or address into a folder of this user, each only as what its checksum says.

Nothing is fetched unless it was asked for by name, and nothing without a SHA-256.
"""

import contextlib
import hashlib
import http.client
import json
import os
import re
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from modules.errors import ConfigError, ModelError
from modules.models.digest import file_digest
from modules.models.onnx_file import read_summary

MAX_BYTES: Final = 4 * 2**30
"""The largest file that is fetched."""

_TIMEOUT_S: Final = 30.0
_BLOCK_BYTES: Final = 1 << 20
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


class Answer(Protocol):
    """What a server sends: a stream of bytes."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


Opener = Callable[[str], contextlib.AbstractContextManager[Answer]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model can be had: its address, its content's SHA-256 in hexadecimal, its licence."""

    name: str
    url: str
    sha256: str
    licence: str = "not stated"

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"a model's name has letters, digits, '.', '_' and '-', at most 100; got {self.name!r}")
        if not _SHA256.fullmatch(self.sha256):
            raise ConfigError(f"the SHA-256 of {self.name} must be 64 hexadecimal digits, got {self.sha256!r}")
        if urllib.parse.urlsplit(self.url).scheme != "https" or not urllib.parse.urlsplit(self.url).hostname:
            raise ConfigError(f"the address of {self.name} must begin with https:// and name a host, got {self.url!r}")


_SILERO: Final = "https://raw.githubusercontent.com/snakers4/silero-vad/806dcba3f0b5d95282d0889a074954a2f8c6397b"
_DTLN: Final = "https://raw.githubusercontent.com/breizhn/DTLN/1de1f15a8b5b7e1c44905618ff2ef70ca8277fbc"

CATALOGUE: Final[Mapping[str, Source]] = {
    source.name: source
    for source in (
        Source(
            "silero-vad.onnx",
            f"{_SILERO}/src/silero_vad/data/silero_vad.onnx",
            "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
            "MIT",
        ),
        Source(
            "silero-vad-16k.onnx",
            f"{_SILERO}/src/silero_vad/data/silero_vad_16k_op15.onnx",
            "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
            "MIT",
        ),
        Source(
            "dtln-1.onnx",
            f"{_DTLN}/pretrained_model/model_1.onnx",
            "22b91cae3855e5a0620e66a917ca6c82c58db0e842c770f58d86751c5e8d4ae3",
            "MIT",
        ),
        Source(
            "dtln-2.onnx",
            f"{_DTLN}/pretrained_model/model_2.onnx",
            "e20c92f9233fccf29cddf86970d0d0161a03aebccc26d6f4d5639c4d5ec2e639",
            "MIT",
        ),
    )
}
"""Models that may be named: each at one commit, so that its content cannot change, under a licence that allows it."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model in the store; `source` is unknown for a file that was put there by hand."""

    name: str
    path: Path
    size_bytes: int
    source: Source | None


class ModelStore:
    """A folder of models; every verb looks at the disk, so several processes may share it."""

    def __init__(self, folder: Path | None = None, *, opener: Opener | None = None) -> None:
        """Use `folder`, by default `models` in Onbeat's cache folder; `opener` opens addresses."""
        self.folder = folder or cache_folder() / "models"
        self._opener = opener or _open

    def models(self) -> list[StoredModel]:
        """What is there, by name."""
        if not self.folder.is_dir():
            return []
        files = (file for file in self.folder.iterdir() if file.is_file() and _NAME.fullmatch(file.name))
        kept = [file for file in sorted(files) if file.suffix not in (".json", ".part")]
        return [StoredModel(file.name, file, file.stat().st_size, self._source(file)) for file in kept]

    def find(self, wanted: str | Path) -> Path:
        """The file of that path, or else of that name in the store. Raises `ModelError` when there is neither."""
        path = Path(wanted)
        stored = self.folder / path.name
        if path.is_file() or (path.name != str(wanted)):
            return path
        if stored.is_file():
            return stored
        hint = f"; onbeat models pull {wanted} fetches it" if str(wanted) in CATALOGUE else ""
        raise ModelError(f"there is no file {wanted}, and no model of that name in {self.folder}{hint}")

    def pull(self, source: Source) -> Path:
        """The file, fetched unless it is there already; what does not have the checksum is not kept.

        Raises `ModelError` when it cannot be fetched, is too large, is something else than was promised, or cannot be
        written.
        """
        target = self.folder / source.name
        try:
            if target.is_file() and file_digest(target) == source.sha256:
                return target
            self.folder.mkdir(parents=True, exist_ok=True)
            beside = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
            try:
                self._fetch(source, beside, target)
                self._note(target).write_text(json.dumps(asdict(source), indent=2) + "\n")
                beside.replace(target)
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            raise ModelError(f"{source.name} cannot be kept in {self.folder}: {error}") from error
        return target

    def _fetch(self, source: Source, beside: Path, target: Path) -> None:
        digest, size = hashlib.sha256(), 0
        with beside.open("wb") as out:
            for block in self._blocks(source, target):
                size += len(block)
                if size > MAX_BYTES:
                    raise ModelError(f"{source.url} is larger than {MAX_BYTES:,} bytes, the most that is fetched")
                digest.update(block)
                out.write(block)
        if digest.hexdigest() != source.sha256:
            raise ModelError(
                f"{source.url} is not what was promised: {size:,} bytes with SHA-256 {digest.hexdigest()}, "
                f"not {source.sha256}; nothing was kept"
            )
        if target.suffix == ".onnx":
            read_summary(beside)

    def _blocks(self, source: Source, target: Path) -> Iterator[bytes]:
        """What the server sends, piece by piece."""
        try:
            with self._opener(source.url) as answer:
                while block := answer.read(_BLOCK_BYTES):
                    yield block
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            raise ModelError(
                f"{source.name} cannot be fetched from {urllib.parse.urlsplit(source.url).hostname}: {reason}. "
                f"Without a network, fetch {source.url} elsewhere and put it at {target}; its SHA-256 must be "
                f"{source.sha256}"
            ) from error

    def _source(self, file: Path) -> Source | None:
        try:
            known: Any = json.loads(self._note(file).read_text())
            return Source(**known)
        except (OSError, ValueError, TypeError):
            return None

    def _note(self, file: Path) -> Path:
        """Where it stands from where a file came."""
        return file.with_name(f".{file.name}.json")


def cache_folder() -> Path:
    """Onbeat's folder for what can be fetched or made again: `$XDG_CACHE_HOME/onbeat`, or `~/.cache/onbeat`."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(named) if named else Path.home() / ".cache") / "onbeat"


def source_of(wanted: str, sha256: str | None = None, name: str | None = None) -> Source:
    """The source for a name of the catalogue, or for an https address with a SHA-256.

    Raises `ConfigError` for a name that is not in the catalogue, and for an address without a checksum.
    """
    if "://" not in wanted:
        if wanted not in CATALOGUE:
            raise ConfigError(f"no model is called {wanted!r}; there are {', '.join(CATALOGUE)}, or an https address")
        return CATALOGUE[wanted]
    if sha256 is None:
        raise ConfigError(f"{wanted} needs --sha256: nothing is fetched of which the content is not known")
    last = urllib.parse.unquote(urllib.parse.urlsplit(wanted).path.rpartition("/")[2])
    return Source(name or last, wanted, sha256.lower())


def _open(url: str) -> contextlib.AbstractContextManager[Answer]:
    """The address, by https only, whatever it leads on to."""
    opener = urllib.request.build_opener(_HttpsOnly())
    answer: contextlib.AbstractContextManager[Answer] = opener.open(url, timeout=_TIMEOUT_S)
    return answer


class _HttpsOnly(urllib.request.HTTPRedirectHandler):
    """Follows no address that leads to another scheme."""

    def redirect_request(self, *arguments: Any) -> urllib.request.Request | None:  # noqa: ANN401 - urllib's own
        """As urllib does, but for other schemes."""
        if urllib.parse.urlsplit(arguments[-1]).scheme != "https":
            raise urllib.error.URLError(f"it leads on to {arguments[-1]}, which is no https address")
        return super().redirect_request(*arguments)
