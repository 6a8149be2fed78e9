"""Check the simulators' parameter checks, and their rate limit with a clock that the test sets."""

import pytest

from simulators.checks import RateLimit, is_uuid


def test_rate_limit_allows_its_number_in_any_second():
    now = [0.0]
    rate = RateLimit(clock=lambda: now[0])

    assert [rate.allows("a", 25) for _ in range(26)] == [True] * 25 + [False]
    assert rate.allows("b", 25)  # accounts do not share a limit

    now[0] = 0.999
    assert not rate.allows("a", 25)

    now[0] = 1.0
    assert rate.allows("a", 25)


def test_rate_limit_allows_its_number_in_another_window():
    now = [0.0]
    daily = RateLimit(clock=lambda: now[0])

    assert [daily.allows("a", 2, window_s=86_400) for _ in range(3)] == [True, True, False]

    now[0] = 86_399.0
    assert not daily.allows("a", 2, window_s=86_400)

    now[0] = 86_400.0
    assert daily.allows("a", 2, window_s=86_400)


@pytest.mark.parametrize(
    ("value", "version", "expected"),
    [
        pytest.param("550e8400-e29b-41d4-a716-446655440000", 4, True, id="version-4"),
        pytest.param("550E8400-E29B-41D4-A716-446655440000", 4, True, id="upper-case"),
        pytest.param("550e8400-e29b-51d4-a716-446655440000", 4, False, id="another-version"),
        pytest.param("550e8400-e29b-51d4-a716-446655440000", None, True, id="any-version"),
        pytest.param("{550e8400-e29b-41d4-a716-446655440000}", None, False, id="braces"),
        pytest.param("550e8400e29b41d4a716446655440000", None, False, id="no-hyphens"),
        pytest.param(7, None, False, id="number"),
    ],
)
def test_is_uuid_accepts_the_usual_text_of_a_version(value, version, expected):
    assert is_uuid(value, version) is expected
