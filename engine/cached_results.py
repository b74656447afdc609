"""A recording whose result is known already is not processed again."""

import json
import time
from dataclasses import asdict, replace

from engine.config import BatchProcessingConfig
from engine.flow_parts import FlowParts
from engine.recording import Recording, transcribe
from modules.audio.buffer import AudioBuffer
from modules.audio.content_digest import content_digest
from modules.audio.source import Source
from modules.errors import ConfigError
from modules.models.cache_folder import CacheFolder
from modules.models.result_cache import CacheKey, ResultCache
from modules.results import FileResult, Status, Timing
from modules.results_json import file_from_json

MIN_FOLDER_BYTES = 64 << 20
"""A cache folder holds as much as the memory for results, and not less than this."""


async def transcribe_once(
    name: str, content: Source | AudioBuffer, recording: Recording, parts: FlowParts, cache: ResultCache
) -> FileResult:
    """The result of `recording`, whose audio is `content`, or what it was when the same was asked before.

    The same means: the same bytes, and the pipeline's fingerprint, which is that of its settings, its models and this
    version. A result from the cache says `cache_hit`, and its timing is that of looking it up. Raises as `transcribe`.
    """
    started_s = time.perf_counter()
    key, known = await parts.workers.run(lambda: _look_up(content, parts.pipeline.fingerprint, cache))
    if known is not None:
        return replace(known, path=name, cache_hit=True, timing=Timing(wall_s=time.perf_counter() - started_s))
    result = await transcribe(name, recording, parts)
    if key is not None and result.status is Status.OK:
        await parts.workers.run(lambda: cache.put(key, _as_bytes(result)))
    return result


def cache_of(config: BatchProcessingConfig) -> ResultCache | None:
    """The cache that the settings ask for. Raises `ConfigError` for a folder that cannot be made."""
    if not config.result_cache_mb and config.result_cache_dir is None:
        return None
    max_bytes = config.result_cache_mb << 20
    folder = config.result_cache_dir
    try:
        disk = None if folder is None else CacheFolder(folder, max(max_bytes, MIN_FOLDER_BYTES))
    except OSError as error:
        raise ConfigError(f"result_cache_dir {folder} cannot be made: {error.strerror or error}") from error
    return ResultCache(max_bytes, disk)


def _look_up(
    content: Source | AudioBuffer, fingerprint: str, cache: ResultCache
) -> tuple[CacheKey | None, FileResult | None]:
    """On a worker: the key, if the content can have one, and the result that is known."""
    digest = content_digest(content)
    if digest is None:
        return None, None
    key = CacheKey.of(digest, fingerprint, {})
    answer = cache.get(key)
    return key, None if answer is None else file_from_json(answer.decode())


def _as_bytes(result: FileResult) -> bytes:
    """The result with all its digits, where `results.jsonl` rounds; its fields have the same names."""
    return json.dumps({"type": "file", **asdict(result)}, allow_nan=False).encode()
