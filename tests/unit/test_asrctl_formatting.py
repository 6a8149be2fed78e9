"""Text of asrctl: durations, sizes, quoted names; and the URLs that it never prints."""

import subprocess
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asrctl.formatting import (
    first_line,
    format_duration,
    format_size,
    parse_duration,
    printable,
    quote_name,
    redact_urls,
)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        pytest.param(-5, "0 s", id="clocks that differ"),
        pytest.param(59, "59 s", id="seconds"),
        pytest.param(60, "1 min", id="a whole minute"),
        pytest.param(3599, "59 min", id="before the hour"),
        pytest.param(7500, "2 h 5 min", id="hours and minutes"),
        pytest.param(86400, "1 d", id="a whole day"),
        pytest.param(3 * 86400 + 4 * 3600 + 59 * 60, "3 d 4 h", id="the two largest units only"),
    ],
)
def test_format_duration_uses_the_two_largest_units(seconds, said):
    assert str(format_duration(timedelta(seconds=seconds))) == said


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259200)])
def test_parse_duration_reads_number_and_unit(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "2w", "1.5h", "9999999d"])
def test_parse_duration_of_other_text_gives_examples(text):
    with pytest.raises(ValueError, match="write 90s, 15m, 2h or 3d"):
        parse_duration(text)


@pytest.mark.parametrize(("size_bytes", "said"), [(0, "0 B"), (999, "999 B"), (32_044, "32 KB"), (1_234_567, "1.2 MB")])
def test_format_size_uses_the_unit_that_fits(size_bytes, said):
    assert format_size(size_bytes) == said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "GET https://b.s3.amazonaws.com/k?X-Amz-Signature=1 failed", "GET (an address) failed", id="signed"
        ),
        pytest.param('{"url": "http://a/b?c=d", "n": 1}', '{"url": "(an address)", "n": 1}', id="within JSON"),
        pytest.param("s3://bucket/key", "s3://bucket/key", id="a place in S3 opens nothing by itself"),
    ],
)
def test_redact_urls_removes_web_urls_only(text, told):
    assert redact_urls(text, "en") == told


def test_printable_replaces_control_characters():
    assert printable("a\x1b[2Jb\r\u202e\ud800会\u3000议") == "a\ufffd[2Jb\ufffd\ufffd\ufffd会\u3000议"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        pytest.param("busy\nWhat was tried:\nattempt 1", "busy", id="the first line only"),
        pytest.param("x" * 400, "x" * 299 + "…", id="300 characters at most"),
    ],
)
def test_first_line_of_a_long_message_is_cut(message, told):
    assert first_line(message) == told


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        pytest.param("incoming/auto/会议 a+b.wav", "incoming/auto/会议 a+b.wav", id="plain"),
        pytest.param("a\u202eb.wav", "$'a\\xe2\\x80\\xaeb.wav'", id="bidirectional override"),
        pytest.param("a\nb", "$'a\\x0ab'", id="line break"),
        pytest.param("it's\u200b", "$'it\\'s\\xe2\\x80\\x8b'", id="zero-width space beside a quote"),
        pytest.param("a\u00a0b", "$'a\\xc2\\xa0b'", id="no-break space"),
        pytest.param("a ", "$'a '", id="space at the end"),
        pytest.param("a  b", "$'a  b'", id="two spaces"),
        pytest.param("$'a'", "$'$\\'a\\''", id="looks quoted"),
    ],
)
def test_quote_name_with_invisible_characters_shows_them(name, quoted):
    assert quote_name(name) == quoted


@given(st.text(st.characters(exclude_characters="\0"), min_size=1))
@example("\\\u2028\\'\ufe0f\u3164")
def test_quote_name_of_any_name_is_read_back_by_bash(name):
    quoted = quote_name(name)
    if quoted == name:
        return

    done = subprocess.run(["bash", "-c", f"printf %s {quoted}"], capture_output=True, timeout=60, check=True)

    assert done.stdout.decode("utf-8", "surrogatepass") == name
