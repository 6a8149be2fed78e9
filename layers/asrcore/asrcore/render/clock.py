"""Milliseconds as people and subtitle files write them."""


def parts(ms: int) -> tuple[int, int, int, int]:
    """Hours, minutes, seconds and milliseconds. Raises ValueError for a negative time."""
    if ms < 0:
        raise ValueError(f"a time cannot be negative: {ms} ms")
    minutes, rest_ms = divmod(ms, 60_000)
    return minutes // 60, minutes % 60, rest_ms // 1000, rest_ms % 1000


def stamp(ms: int, decimal_mark: str) -> str:
    """`00:00:01,500` with a comma for SubRip, a point for WebVTT; hours take more digits where they must."""
    hours, minutes, seconds, rest_ms = parts(ms)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimal_mark}{rest_ms:03d}"


def readable(ms: int) -> str:
    """`0:01`, `12:30`, `1:00:00`: whole seconds that have passed."""
    hours, minutes, seconds, _ = parts(ms)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
