"""Size classes of blocks: four to a doubling, so that requests of about the same size share blocks. Pure."""

MIN_CLASS_BYTES = 4_096
"""The smallest block, a page: less than this is the business of the allocator."""

MAX_WASTE = 0.25
"""At most this share of what was asked for is lost to rounding up, for requests above the smallest class."""


def class_bytes(wanted_bytes: int) -> int:
    """The size of the block that serves a request: the least of 4, 5, 6 and 7 times a power of two that is enough."""
    if wanted_bytes < 0:
        raise ValueError(f"wanted_bytes must be 0 or more, got {wanted_bytes}")
    if wanted_bytes <= MIN_CLASS_BYTES:
        return MIN_CLASS_BYTES
    quarter = 1 << ((wanted_bytes - 1).bit_length() - 3)
    return -(-wanted_bytes // quarter) * quarter
