"""Every error Onbeat raises on purpose. Each is also the builtin a caller would expect."""


class OnbeatError(Exception):
    """Something Onbeat was asked to do could not be done; the text says what was tried and what to do."""


class AudioError(OnbeatError, ValueError):
    """Samples handed to Onbeat are not what it takes: wrong type, shape, rate, or NaN or infinite values."""


class DecodeError(OnbeatError, OSError):
    """A recording could not be decoded; the text names the decoders tried and what each said."""


class DecoderLost(DecodeError):
    """The process that decoded a recording crashed, hung or ran out of memory, and took only itself along."""


class SourceChanged(DecodeError):
    """A recording was replaced, cut short or written to while it was read: what came of it belongs to no file."""


class CannotMap(DecodeError):
    """A recording is not plain samples that could be looked at where they lie; decoding it may still work."""


class ConfigError(OnbeatError, ValueError):
    """A setting is unknown or has a value that is not allowed."""


class ModelError(OnbeatError, RuntimeError):
    """A model is missing, cannot be loaded or failed while running."""


class StreamClosed(OnbeatError, RuntimeError):
    """A live stream was used before it was entered or after its end."""


class StageFailed(OnbeatError, RuntimeError):
    """A stage raised on one payload; the payload's neighbours are not affected."""


class OutputError(OnbeatError, OSError):
    """Results could not be written where they were asked for."""


class JournalError(OutputError):
    """The record of a job is damaged, was taken away, or cannot be written."""


class FolderBusy(OutputError):
    """Another run is at work in the output folder; the text names its owner and how long it has been there."""


class Overloaded(OnbeatError, RuntimeError):
    """The engine cannot take this now without breaking its promise to what it has already accepted."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        """Keep `retry_after_s`, the seconds after which trying again is worth it."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineExceeded(OnbeatError, TimeoutError):
    """A chunk or a call was not answered within its deadline."""


class Cancelled(OnbeatError):
    """Native work was told to stop and stopped; raised inside a worker, never shown to a caller who awaits."""


class LeaseError(OnbeatError, RuntimeError):
    """A buffer on loan was returned twice, used after its return, or never returned: a defect of who leased it."""


class PoolExhausted(OnbeatError, MemoryError):
    """A buffer pool has lent all that its limit allows; the text says how much that is."""
