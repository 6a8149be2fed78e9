"""When to query a vendor, and how long to wait for its callback.

Vendors publish their turnaround by the recording's length (1 to 3 minutes for an hour, never above 3 to 5 hours), and
abcpen allows 100 queries per task. A wait that is a fixed share of the time already waited adds that share of latency
at most, and needs a number of queries that grows with the logarithm of the wait only. Where the vendor's usual
turnaround is known, the queries concentrate around it. The numbers come from `benchmarks/polling.py`, which sets them
against the best schedule that there can be.
"""

FIRST_S = 10.0
SHARE_OF_AUDIO = 0.02  # the fastest published turnaround, about one minute for an hour
SHARE_OF_TYPICAL = 0.5  # few results come sooner
SHARE_OF_ELAPSED = 0.12
LATE = 3  # times the usual turnaround: a job without a result by then is in a queue of unknown length
SHARE_OF_ELAPSED_IN_A_QUEUE = 0.3
SHORTEST_S = 3.0
LONGEST_S = 600.0
RESULT_DEADLINE_S = 6 * 3600  # past every vendor's promise (5 h), well before results are dropped (24 h)
CALLBACK_DEADLINE_S = 3 * 3600 + 900  # Tencent: at most 3 hours
SHORTEST_PATIENCE_S = 60


def next_delay(
    audio_seconds: float, elapsed_seconds: float, queries: int, typical_seconds: float | None = None
) -> float:
    """Return the seconds until the next query, 3 to 600: 12 % of the elapsed time; the first at 2 % of the recording.

    elapsed_seconds: since submission.  queries: so far.  typical_seconds: the vendor's usual turnaround
    for such a recording, if known: then the first comes at half of it, and beyond three times of it 30 % are waited.
    Without it the first is not asked before 10 s are over. At most 90 queries in 6 hours.
    """
    if queries > 0:
        is_late = typical_seconds is not None and elapsed_seconds > LATE * typical_seconds
        wait_s = (SHARE_OF_ELAPSED_IN_A_QUEUE if is_late else SHARE_OF_ELAPSED) * elapsed_seconds
    elif typical_seconds is not None:
        wait_s = SHARE_OF_TYPICAL * typical_seconds - elapsed_seconds
    else:
        wait_s = max(FIRST_S, SHARE_OF_AUDIO * audio_seconds) - elapsed_seconds
    return min(LONGEST_S, max(SHORTEST_S, wait_s))


def callback_patience_s(audio_seconds: float, *, can_query: bool) -> float:
    """Return the seconds after submission to wait for a callback.

    For a vendor with queries, twice its usual turnaround, a minute at least; else until its documented maximum.
    """
    return max(SHORTEST_PATIENCE_S, 0.1 * audio_seconds) if can_query else CALLBACK_DEADLINE_S
