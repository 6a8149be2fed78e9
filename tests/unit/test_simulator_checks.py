"""The rate limit, by a clock that the test moves."""

from simulators.checks import RateLimit


def test_as_many_calls_in_any_one_second_as_the_limit():
    now = [0.0]
    rate = RateLimit(clock=lambda: now[0])

    assert [rate.allows("a", 25) for _ in range(26)] == [True] * 25 + [False]
    assert rate.allows("b", 25)  # accounts do not share a limit

    now[0] = 0.999
    assert not rate.allows("a", 25)

    now[0] = 1.0
    assert rate.allows("a", 25)
