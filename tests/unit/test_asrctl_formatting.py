"""How the operator's commands put things: spans, sizes, tables, progress; and what they never print."""

import io
from datetime import timedelta

import pytest

from asrctl.formatting import first_line, format_duration, format_size, parse_duration, printable, redact_urls, table
from asrctl.progress import ProgressReporter


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
def test_a_span_is_told_in_its_two_largest_units(seconds, said):
    assert format_duration(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259200)])
def test_a_span_is_read_with_its_unit(text, seconds):
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "-2h", "2w", "1.5h", "9999999d"])
def test_what_is_no_span_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match="write 90s, 15m, 2h or 3d"):
        parse_duration(text)


@pytest.mark.parametrize(("size_bytes", "said"), [(0, "0 B"), (999, "999 B"), (32_044, "32 KB"), (1_234_567, "1.2 MB")])
def test_a_size_is_told_in_the_unit_that_fits(size_bytes, said):
    assert format_size(size_bytes) == said


def test_columns_stand_under_each_other_also_with_chinese_names():
    lines = table(("recording", "state"), [("会议.wav", "FAILED"), ("a.wav", "COMPLETED")])

    assert lines == ["recording  state", "会议.wav   FAILED", "a.wav      COMPLETED"]


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
def test_no_address_of_the_web_is_told(text, told):
    assert redact_urls(text) == told


def test_a_name_cannot_steer_the_terminal():
    assert printable("a\x1b[2Jb\r\u202e\ud800会\u3000议") == "a\ufffd[2Jb\ufffd\ufffd\ufffd会\u3000议"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        pytest.param("busy\nWhat was tried:\nattempt 1", "busy", id="the first line only"),
        pytest.param("x" * 400, "x" * 299 + "…", id="300 characters at most"),
    ],
)
def test_a_long_message_is_cut(message, told):
    assert first_line(message) == told


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "seconds_each", "told"),
    [
        pytest.param(io.StringIO(), 0.1, "", id="short work says nothing"),
        pytest.param(
            io.StringIO(), 6.0, "2 jobs read, 0/s\n4 jobs read, 0/s\n4 jobs read, 0/s\n", id="a log gets lines"
        ),
        pytest.param(
            Terminal(),
            0.25,
            "\r2 jobs read, 4/s\x1b[K\r4 jobs read, 4/s\x1b[K\r4 jobs read, 4/s\x1b[K\n",
            id="a terminal one line that is rewritten",
        ),
    ],
)
def test_long_work_tells_count_and_rate(stream, seconds_each, told):
    now_s = 0.0

    def work():
        nonlocal now_s
        for item in "abcd":
            now_s += seconds_each
            yield item

    passed = list(ProgressReporter(stream, clock=lambda: now_s).track("jobs read", work()))

    assert passed == list("abcd")
    assert stream.getvalue() == told
