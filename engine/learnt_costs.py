"""`LearntCosts`: what calls cost on this machine, kept in a file between runs, so that the second start is tuned."""

import contextlib
import json
import logging
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from modules.batching.cost_model import CostLimits, CostModel
from modules.errors import OnbeatError
from modules.monitoring.installation import cpu_model, installation
from modules.monitoring.resources import effective_cpus

FILE_NAME = "learnt-costs.json"

_TIMED = ("numpy", "onnxruntime", "vosk")  # what the times depend on besides the machine

_log = logging.getLogger(__name__)


class NothingLearnt(OnbeatError):
    """There is no file of learnt costs, or none for this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class LearntCosts:
    """A file of learnt costs. A machine, a library or a model that has changed since makes what depends on it void."""

    path: Path

    @classmethod
    def usual(cls) -> Self:
        """Where it is kept: in `onbeat` below `$XDG_CACHE_HOME`, or else below `~/.cache`."""
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - Path.expanduser raises where there is no home
        return cls(Path(cache) / "onbeat" / FILE_NAME)

    def read(self, digest: str | None = None, limits: CostLimits | None = None) -> CostModel:
        """What was learnt of models with this digest, or of all when it is not given. Raises `NothingLearnt`."""
        try:
            fields = json.loads(self.path.read_text(encoding="utf-8"))
            digests = {cost["model"]: digest or cost["digest"] for cost in fields["costs"]}
            return CostModel.from_dict(fields, machine=machine(), digests=digests, limits=limits)
        except FileNotFoundError as error:
            raise NothingLearnt(f"nothing was learnt yet: there is no {self.path}") from error
        except OSError as error:
            raise NothingLearnt(f"{self.path} cannot be read: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise NothingLearnt(f"{self.path} is of no use here: {error}") from error

    def load(self, digest: str, limits: CostLimits) -> CostModel:
        """What was learnt of models with this digest; nothing when there is no such file for this machine."""
        try:
            return self.read(digest, limits)
        except NothingLearnt as why:
            _log.info("%s", why)
            return CostModel(limits)

    def save(self, costs: CostModel, digests: Mapping[str, str]) -> None:
        """Keep what is known of these models, beside what the file has of others; a disk that fails is logged."""
        fields = costs.to_dict(machine=machine(), digests=digests)
        if not fields["costs"]:
            return
        fields["costs"] += self._others(digests)
        beside = self.path.with_name(f"{FILE_NAME}.{os.getpid()}.new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(fields), encoding="utf-8")
            beside.replace(self.path)
        except OSError as error:
            _log.warning("what was learnt could not be kept in %s: %s", self.path, error)
            with contextlib.suppress(OSError):
                beside.unlink()

    def _others(self, digests: Mapping[str, str]) -> list[object]:
        """What the file has of other models, if it is of this machine."""
        try:
            fields = json.loads(self.path.read_text(encoding="utf-8"))
            same = fields["machine"] == machine()
            return [cost for cost in fields["costs"] if same and cost["model"] not in digests]
        except (OSError, ValueError, KeyError, TypeError):
            return []


def machine() -> str:
    """What times depend on, in words: processor, effective CPUs, Python and the libraries that do the work."""
    versions = {package.name: package.version for package in installation().packages}
    libraries = ", ".join(f"{name} {versions.get(name)}" for name in _TIMED)
    cpus = effective_cpus().cpus
    return f"{cpu_model()}, {cpus:g} CPUs, {platform.machine()}, Python {platform.python_version()}, {libraries}"
