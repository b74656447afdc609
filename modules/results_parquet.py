"""Results as a Parquet file, for those who look at many of them in one table. The only importer of pyarrow."""

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from modules.errors import ConfigError
from modules.results import FileResult

_ROWS_AT_ONCE = 1_000


def write_parquet(path: Path, results: Iterable[FileResult]) -> int:
    """Write a row a result, with the fields of `results.jsonl`; how many there were. A thousand are held at once.

    Raises `ConfigError` where pyarrow is not installed, and `OSError`.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, and heavy: only who exports needs it
        from pyarrow import parquet  # noqa: PLC0415 - the same
    except ImportError as error:
        raise ConfigError(f"Parquet needs pyarrow: pip install 'onbeat[parquet]' ({error})") from error
    schema, rows, count = _schema(pa), iter(results), 0
    with parquet.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, _ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist([_row(result) for result in batch], schema=schema))
            count += len(batch)
    return count


def _row(result: FileResult) -> dict[str, Any]:
    """The fields of a result; bytes of a name that are no UTF-8 are spelled out, as in `results.jsonl`."""
    row = asdict(result)
    row["status"] = result.status.value
    row["path"] = result.path.encode("utf-8", "backslashreplace").decode()
    return row


def _schema(pa: Any) -> Any:  # noqa: ANN401 - pyarrow has no types; this is its door
    number, text, whole = pa.float64(), pa.string(), pa.int64()
    word = pa.struct([("word", text), ("start_s", number), ("end_s", number), ("confidence", number)])
    segment = pa.struct([("start_s", number), ("end_s", number), ("text", text), ("words", pa.list_(word))])
    detection = pa.struct([("label", text), ("start_s", number), ("end_s", number), ("score", number)])
    model = pa.struct([("name", text), ("digest", text), ("format", text), ("provider", text)])
    latency = pa.struct([(name, number) for name in ("p50", "p95", "p99", "max")])
    timing = [("wall_s", number), ("decode_s", number), ("model_s", number), ("chunks", whole)]
    return pa.schema(
        [
            ("path", text),
            ("status", text),
            ("duration_s", number),
            ("sample_rate", whole),
            ("channels", whole),
            ("decoder", text),
            ("backend", text),
            ("why", text),
            ("text", text),
            ("segments", pa.list_(segment)),
            ("detections", pa.list_(detection)),
            ("models", pa.list_(model)),
            ("timing", pa.struct([*timing, ("chunk_latency_ms", latency), ("on_time", number), ("queue_s", number)])),
            ("cache_hit", pa.bool_()),
            ("error", pa.struct([("kind", text), ("message", text)])),
        ]
    )
