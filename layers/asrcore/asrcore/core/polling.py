"""When to ask a vendor, and how long to wait for its callback.

Vendors publish their turnaround by the recording's length (1 to 3 minutes for an hour, never above 3 to 5 hours), and
abcpen allows 100 questions a task. A wait that is a fixed share of the time already waited adds that share of latency
at most, and takes a number of questions that grows with the logarithm of the wait only. The numbers come from
`benchmarks/polling.py`, which sets them against the best schedule that there can be.
"""

FIRST_S = 11.0
SHORT_RECORDING_S = 60.0  # a matter of seconds for every vendor
SHARE_OF_AUDIO = 0.02  # the fastest published turnaround, about one minute for an hour
SHARE_OF_ELAPSED = 0.12
SHORTEST_S = 3.0
LONGEST_S = 600.0
RESULT_DEADLINE_S = 6 * 3600  # past every vendor's promise (5 h), well before results are dropped (24 h)
CALLBACK_DEADLINE_S = 3 * 3600 + 900  # Tencent: at most 3 hours
SHORTEST_PATIENCE_S = 60


def next_delay(audio_seconds: float, elapsed_seconds: float, queries: int) -> float:
    """Seconds until the next query: 12 % of the time waited, 3 s to 600 s; the first at 2 % of the recording's length.

    elapsed_seconds: since submission.  queries: how many were asked.  The first is not asked before 11 s are over, for
    a recording of a minute or less not before 3 s.  At most 90 queries in 6 hours.
    """
    if queries == 0:
        first_s = SHORTEST_S if audio_seconds <= SHORT_RECORDING_S else max(FIRST_S, SHARE_OF_AUDIO * audio_seconds)
        wait_s = first_s - elapsed_seconds
    else:
        wait_s = SHARE_OF_ELAPSED * elapsed_seconds
    return min(LONGEST_S, max(SHORTEST_S, wait_s))


def callback_patience_s(audio_seconds: float, *, can_query: bool) -> float:
    """Seconds after submission to wait for a callback before doing something else.

    Where the vendor can be asked, twice its usual turnaround, a minute at least; else until its promise has run out.
    """
    return max(SHORTEST_PATIENCE_S, 0.1 * audio_seconds) if can_query else CALLBACK_DEADLINE_S
