"""Check the conversion of values in vendors' notations."""

import pytest

from asrcore.vendors import coerce


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        pytest.param(0, 0, id="zero"),
        pytest.param(40, 40, id="number"),
        pytest.param("40", 40, id="text"),
        pytest.param(" 40 ", 40, id="text-with-blanks"),
        pytest.param(40.4, 40, id="fraction"),
        pytest.param(10**9, 10**9, id="latest"),
        pytest.param(10**9 + 1, None, id="too-late"),
        pytest.param(-1, None, id="unknown-as-minus-one"),
        pytest.param(None, None, id="null"),
        pytest.param("", None, id="empty"),
        pytest.param(True, None, id="a-truth"),
        pytest.param([40], None, id="a-list"),
        pytest.param("forty", None, id="no-number"),
        pytest.param("NaN", None, id="not-a-number"),
        pytest.param("sNaN", None, id="not-a-number-that-signals"),
        pytest.param(float("inf"), None, id="infinity"),
        pytest.param("1e999999999", None, id="beyond-all-numbers"),
        pytest.param("0" * 5000, None, id="digits-without-end"),
    ],
)
def test_milliseconds(value, ms):
    assert coerce.milliseconds(value) == ms


@pytest.mark.parametrize(
    ("seconds", "ms"),
    [
        pytest.param(4.3, 4300, id="number"),
        pytest.param("8.420000", 8420, id="text"),
        pytest.param(1e9, None, id="too-late"),
    ],
)
def test_seconds(seconds, ms):
    assert coerce.milliseconds(seconds, unit_ms=1000) == ms


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        pytest.param(40, 540, id="number"),
        pytest.param("40", 540, id="text"),
        pytest.param(40.4, 540, id="fraction"),
        pytest.param(-1, None, id="unknown-as-minus-one"),
        pytest.param(10**9 - 500, 10**9, id="latest"),
        pytest.param(10**9 - 499, None, id="too-late"),
        pytest.param(str(10**9 - 499), None, id="too-late-as-text"),
    ],
)
def test_milliseconds_add_their_origin(value, ms):
    assert coerce.milliseconds(value, origin_ms=500) == ms


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(" 好 ", "好", id="blanks"),
        pytest.param(1000, "1000", id="number"),
        pytest.param("\ud800", "?", id="half-a-character"),
        pytest.param(1.5, "", id="fraction"),
        pytest.param(True, "", id="a-truth"),
        pytest.param(None, "", id="null"),
    ],
)
def test_text(value, text):
    assert coerce.text(value) == text


@pytest.mark.parametrize(
    ("value", "confidence"),
    [
        pytest.param("0.98", 0.98, id="text"),
        pytest.param(1, 1.0, id="certain"),
        pytest.param(1.01, None, id="more-than-certain"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_confidence(value, confidence):
    assert coerce.confidence(value) == confidence


@pytest.mark.parametrize(
    ("value", "identifier"),
    [
        pytest.param(2**64 - 1, "18446744073709551615", id="64-bits"),
        pytest.param("e7", "e7", id="text"),
        pytest.param(0, None, id="zero"),
        pytest.param("", None, id="nothing"),
        pytest.param("e" * 257, None, id="too-long"),
    ],
)
def test_identifier(value, identifier):
    assert coerce.identifier(value) == identifier


@pytest.mark.parametrize(
    ("items", "earliest_ms", "spans"),
    [
        pytest.param([{"end": 5}, {"begin": 5, "end": 9}], 0, [(0, 5), (5, 9)], id="first-of-all"),
        pytest.param([{"end": 5}, {"end": 7}], 0, [(0, 5), (0, 7)], id="two-channels-at-once"),
        pytest.param([{"start": 3, "end": 5}, {"end": 7}], 0, [(3, 5), (None, 7)], id="behind-a-later-one"),
        pytest.param([{"start": None, "end": 5}], 0, [(None, 5)], id="null-is-not-left-out"),
        pytest.param([{"start": -1, "end": 5}], 0, [(None, 5)], id="unknown-is-not-left-out"),
        pytest.param([{}], 0, [(None, None)], id="no-end-proves-nothing"),
        pytest.param([{"end": "5"}], 3, [(None, 5)], id="in-a-later-sentence"),
        pytest.param([{"end": 5}], None, [(None, 5)], id="in-a-sentence-without-a-time"),
    ],
)
def test_missing_start_counts_as_zero_where_end_allows(items, earliest_ms, spans):
    assert coerce.spans(items, ("start", "begin"), ("end",), earliest_ms=earliest_ms) == spans
