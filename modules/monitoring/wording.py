"""Numbers in sentences."""


def counted(count: int, noun: str) -> str:
    """The count and its noun: "1 chunk", "2,010 chunks"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent(share: float) -> str:
    """A share of 0 to 1 in whole percent: "30 %"."""
    return f"{share * 100:.0f} %"


def in_ms(seconds: float) -> str:
    """Seconds in whole milliseconds: "1,204 ms"; below 10 ms with one more digit."""
    return f"{seconds * 1e3:,.1f} ms" if 0 < seconds < 0.01 else f"{seconds * 1e3:,.0f} ms"  # noqa: PLR2004 - as said
