"""Check the exported files, also with third-party parsers."""

import base64
import io
import json
import re
from pathlib import Path

import pysubs2
import pytest
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from asrcore.core.transcript import Transcript, Utterance
from asrcore.messages.bidi import isolate
from asrcore.render import FORMATS, Exports, render, with_recording
from asrcore.render.cues import Cue, CueSize, cues
from asrcore.render.lines import columns
from asrcore.render.speech import speech
from asrcore.render.subtitles import LOOKALIKES, timestamp
from asrcore.render.text import clock_time
from tests.support.reasons import texts
from tests.support.transcripts import said, transcript

CALL = transcript(
    [
        said("您好，是王先生吗？", 0, 1_999, speaker="1"),
        said("是的，请问哪位？", 2_000, 3_999, speaker="2"),
    ]
)
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<!-- --> ]]> <![CDATA[",
    "-->",
    "1 --> 2",
    "<b>bold</b> {\\an8}top",
    "&lt;i&gt; &amp; \"quotes\" 'single'",
    "line\u2028separator\u2029paragraph",
    "nul\x00bell\x07",
    "half \ud800 a pair",
    "\u202egnp.exe",
    "👩\u200d👧 👍🏽",
    "مرحبا بالعالم",
    "WEBVTT",
    "NOTE nothing",
    "{{script}} {{transcript}} media-src blob:;",
]


@pytest.mark.parametrize(
    ("ms", "written", "read"),
    [
        pytest.param(0, "00:00:00,000", "0:00", id="start"),
        pytest.param(999, "00:00:00,999", "0:00", id="last-before-second"),
        pytest.param(1_000, "00:00:01,000", "0:01", id="second-carry"),
        pytest.param(59_999, "00:00:59,999", "0:59", id="last-before-minute"),
        pytest.param(60_000, "00:01:00,000", "1:00", id="minute-carry"),
        pytest.param(3_599_999, "00:59:59,999", "59:59", id="last-before-hour"),
        pytest.param(3_600_000, "01:00:00,000", "1:00:00", id="hour-carry"),
        pytest.param(86_399_999, "23:59:59,999", "23:59:59", id="last-before-day"),
        pytest.param(86_400_000, "24:00:00,000", "24:00:00", id="no-day-carry"),
        pytest.param(360_000_000, "100:00:00,000", "100:00:00", id="past-99-hours"),
    ],
)
def test_times(ms: int, written: str, read: str) -> None:
    assert timestamp(ms, ",") == written
    assert timestamp(ms, ".") == written.replace(",", ".")
    assert clock_time(ms) == read


def test_negative_time_is_refused() -> None:
    with pytest.raises(ValueError, match="negative: -1 ms"):
        timestamp(-1, ",")


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        pytest.param(
            "srt",
            "1\n00:00:00,000 --> 00:00:01,999\n您好，是王先生吗？\n\n"
            "2\n00:00:02,000 --> 00:00:03,999\n是的，请问哪位？\n\n",
            id="srt",
        ),
        pytest.param(
            "vtt",
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.999\n<v 说话人 1>您好，是王先生吗？\n"
            "\n00:00:02.000 --> 00:00:03.999\n<v 说话人 2>是的，请问哪位？\n",
            id="vtt",
        ),
        pytest.param("txt", "[0:00] 说话人 1: 您好，是王先生吗？\n[0:02] 说话人 2: 是的，请问哪位？\n", id="txt"),
    ],
)
def test_files(format: str, expected: str) -> None:
    assert render(CALL, format).decode() == expected


@pytest.mark.parametrize("format", ["srt", "vtt", "txt", "html"])
def test_lone_surrogate_becomes_a_question_mark(format: str) -> None:
    shown = render(transcript([said("半\ud800个", 0, 900)]), format).decode()

    assert "半?个" in shown
    assert "\ufffd" not in shown


@pytest.mark.parametrize("format", ["vtt", "txt", "html"])
def test_speakers_numbered_from_0_are_shown_from_1(format: str) -> None:
    shown = render(transcript([said("好", 0, 900, speaker="0"), said("是", 900, 1_800, speaker="1")]), format).decode()

    assert "说话人 1" in shown
    assert "说话人 2" in shown
    assert "说话人 0" not in shown


@pytest.mark.parametrize(
    ("document", "formats", "warnings"),
    [
        pytest.param(CALL, ["srt", "vtt", "txt", "html"], [], id="with-times"),
        pytest.param(transcript([]), ["srt", "vtt", "txt", "html"], [], id="silence"),
        pytest.param(
            transcript([said("好", None, None)]),
            ["txt", "html"],
            ["the vendor gave no times, so there are no subtitles (srt, vtt), only txt and html"],
            id="without-times",
        ),
        pytest.param(
            transcript([], text="好"),
            ["txt", "html"],
            ["the vendor gave no times, so there are no subtitles (srt, vtt), only txt and html"],
            id="a-text-alone",
        ),
        pytest.param(
            transcript([said("好", 0, 900), said("的", None, None)]),
            ["srt", "vtt", "txt", "html"],
            ["1 of 2 utterances came without times; subtitles (srt, vtt) lack them"],
            id="with-some-times",
        ),
    ],
)
def test_formats_depend_on_times(document: Transcript, formats: list[str], warnings: list[str]) -> None:
    exports = Exports(document)

    assert list(exports.formats) == formats
    assert texts(exports.warnings) == warnings
    assert all(isinstance(exports.write(format), bytes) for format in formats)


@pytest.mark.parametrize(
    ("document", "format", "reason"),
    [
        pytest.param(CALL, "docx", "no export 'docx': choose among srt, vtt, txt, html", id="unknown"),
        pytest.param(transcript([], text="好"), "srt", "without times: choose among txt, html", id="without-times"),
    ],
)
def test_unavailable_format_raises_with_its_reason(document: Transcript, format: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        render(document, format)


def test_extensions_and_content_types() -> None:
    assert [each.extension for each in FORMATS.values()] == [".srt", ".vtt", ".txt", ".html"]
    assert all(each.content_type.endswith("; charset=utf-8") for each in FORMATS.values())


def test_txt_without_times_has_no_time_stamps() -> None:
    assert render(transcript([said("好", None, None, speaker="1")]), "txt").decode() == "说话人 1: 好\n"


def plain(document: Transcript) -> list[Cue]:
    return cues(speech(document))


def read_srt(file: bytes) -> list[tuple[int, int, str]]:
    found = pysubs2.SSAFile.from_string(file.decode(), format_="srt", keep_html_tags=True)
    return [(event.start, event.end, event.text.replace("\\N", "\n")) for event in found]


def read_vtt(file: bytes) -> list[tuple[int, int, str, str | None]]:
    found = webvtt.from_buffer(io.BytesIO(file), format="vtt")
    return [
        (each.start_time.in_milliseconds(), each.end_time.in_milliseconds(), each.raw_text, each.voice)
        for each in found
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_read_back_as_text(text: str) -> None:
    document = transcript([said(text, 0, 3_000, speaker=text), said("好。", 4_000, 5_000)])

    expected = plain(document)

    lines = ["\n".join(map(isolate, cue.lines)) for cue in expected]
    assert [text for *_, text in read_srt(render(document, "srt"))] == [line.translate(LOOKALIKES) for line in lines]
    assert [unescaped(text) for *_, text, _ in read_vtt(render(document, "vtt"))] == lines


def unescaped(text: str) -> str:
    without_voice = re.sub(r"^<v [^>]*>", "", text)
    assert not re.search(r"[<>]|-->", without_voice)
    return without_voice.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


TALK = st.lists(
    st.tuples(
        st.text(st.sampled_from("我们今天讨论，项目。abc de<>&-—“”!？"), min_size=1, max_size=120),
        st.integers(0, 350_000_000),  # the parser knows no time past 99 hours
        st.integers(0, 9_000),
        st.sampled_from([None, "1", "2", "王 <先> & 生"]),
    ),
    max_size=6,
).map(
    lambda rows: transcript(
        [
            said(text, start, start + length, speaker=who)
            for text, start, length, who in sorted(rows, key=lambda row: row[1])
        ]
    )
)


@settings(deadline=None)
@given(TALK)
def test_srt_parses_back(document: Transcript) -> None:
    expected = [(cue.start_ms, cue.end_ms, "\n".join(cue.lines).translate(LOOKALIKES)) for cue in plain(document)]

    assert read_srt(render(document, "srt")) == expected


@settings(deadline=None)
@given(TALK)
def test_vtt_parses_back(document: Transcript) -> None:
    speakers = speech(document).names()

    found = read_vtt(render(document, "vtt"))

    assert [(start, end, unescaped(text)) for start, end, text, _ in found] == [
        (cue.start_ms, cue.end_ms, "\n".join(cue.lines)) for cue in plain(document)
    ]
    assert [speaker and unescaped(speaker) for *_, speaker in found] == [
        None if cue.speaker is None else speakers[cue.speaker] for cue in plain(document)
    ]


def block(page: str, name: str) -> object:
    found = re.findall(rf'<script type="application/json" id="{name}">([^<]*)</script>', page)
    assert len(found) == 1
    return json.loads(found[0])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_the_page_is_data(text: str) -> None:
    harmless, hostile = (
        render(transcript([said(said_text, 0, 900, speaker=said_text)], key=f"incoming/{said_text}"), "html").decode()
        for said_text in ("x", text)
    )

    skeleton = [re.sub(r"(<script type[^>]*>)[^<]*", r"\1", page) for page in (harmless, hostile)]
    assert skeleton[0] == skeleton[1]
    assert block(hostile, "data")["turns"][0][1] == speech(transcript([said(text, 0, 900)])).turns[0].text


def test_page_holds_the_exports_with_speaker_placeholders() -> None:
    files = block(render(CALL, "html").decode(), "exports")

    assert list(files) == ["txt", "srt", "vtt"]
    for format, written in files.items():
        assert (
            re.sub(r"\x01(\d)\x01", lambda name: f"说话人 {int(name[1]) + 1}", written) == render(CALL, format).decode()
        )


def test_page_counts_piece_lengths_in_utf_16() -> None:
    page = render(transcript([said("👍🏽好", 0, 900, ("👍🏽", 0, 300), ("好", 300, 900))]), "html").decode()

    assert block(page, "data")["turns"][0][2] == [4, 0, 300, 1, 300, 900]


def test_page_makes_no_network_request() -> None:
    page = render(CALL, "html").decode()

    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"https?://|\b(src|href)=(?!\"data:)", page)


def test_page_has_an_icon_which_its_policy_allows() -> None:
    """Without one, browsers request /favicon.ico, and report that the policy forbids it."""
    page = render(CALL, "html").decode()

    icon = re.search(r'<link rel="icon" href="data:image/svg\+xml;base64,([^"]+)">', page)[1]
    assert base64.b64decode(icon).startswith(b"<svg ")
    assert "; img-src data:;" in page


def test_recording_url_is_added_to_the_page() -> None:
    page = render(CALL, "html")
    url = "https://audio.s3.cn-north-1.amazonaws.com.cn/a%20b.wav?X-Amz-Signature=1&x=%3C/script%3E"

    found = with_recording(page, url).decode()

    assert block(found, "recording") == url
    assert "media-src blob: https://audio.s3.cn-north-1.amazonaws.com.cn;" in found


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("javascript:alert(1)", id="script"),
        pytest.param("file:///recording.wav", id="file"),
        pytest.param("https://a;script-src *", id="policy"),
        pytest.param("https://", id="nowhere"),
    ],
)
def test_recording_url_of_another_scheme_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http or https"):
        with_recording(render(CALL, "html"), url)


def test_txt_keeps_the_order_of_utterances() -> None:
    document = transcript([Utterance(start_ms=index, end_ms=index, text=f"{index}。") for index in range(5)])

    assert re.findall(r"(\d)。", render(document, "txt").decode()) == list("01234")


LONG = transcript([said("本市新建的图书馆今天正式开放了，图书馆一共有六层可以借书，市民可以免费借书。", 0, 12_000)])


@pytest.mark.parametrize(
    ("format", "has_bom"),
    [pytest.param("srt", True), pytest.param("txt", True), pytest.param("vtt", False), pytest.param("html", False)],
)
def test_byte_order_mark_is_only_in_srt_and_txt(format: str, has_bom: bool) -> None:
    exports = Exports(CALL)

    assert exports.write(format, bom=True).startswith(b"\xef\xbb\xbf") is has_bom
    assert not exports.write(format).startswith(b"\xef\xbb\xbf")
    assert exports.write(format, bom=True).removeprefix(b"\xef\xbb\xbf") == exports.write(format)


@pytest.mark.parametrize("format", ["srt", "vtt", "txt"])
def test_crlf_ends_every_line_of_a_file(format: str) -> None:
    content = Exports(CALL).write(format, crlf=True)

    assert content.replace(b"\r\n", b"\n") == Exports(CALL).write(format)
    assert content.count(b"\n") == content.count(b"\r\n") > 0


def test_crlf_leaves_a_page_unchanged() -> None:
    assert Exports(CALL).write("html", crlf=True) == Exports(CALL).write("html")


@pytest.mark.parametrize("max_lines", [1, 2])
@pytest.mark.parametrize("max_columns", [10, 16, 30, 42, 120])
def test_size_of_cues_limits_columns_and_lines(max_columns: int, max_lines: int) -> None:
    found = cues(speech(LONG), CueSize(max_columns, max_lines))

    assert "".join("".join(cue.lines) for cue in found) == LONG.text
    assert max(len(cue.lines) for cue in found) <= max_lines
    assert max(columns(line) for cue in found for line in cue.lines) <= max_columns


def test_subtitles_of_another_size_are_read_by_an_editor(tmp_path: Path) -> None:
    file = tmp_path / "windows.srt"
    file.write_bytes(Exports(LONG, CueSize(20, 1)).write("srt", crlf=True, bom=True))

    subtitles = pysubs2.load(str(file), encoding="utf-8-sig")

    assert [line.plaintext for line in subtitles] == [
        text for cue in cues(speech(LONG), CueSize(20, 1)) for text in cue.lines
    ]


def reordering_depth(text: str) -> int:
    """Return how many embeddings, overrides and isolates are open behind a text; below 0, one too many was closed."""
    opened: list[str] = []
    for character in text:
        if character in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068":
            opened.append(character)
        elif character == "\u202c" and opened and opened[-1] not in "\u2066\u2067\u2068":
            opened.pop()
        elif character == "\u2069":
            while opened and opened.pop() not in "\u2066\u2067\u2068":
                pass
    return len(opened)


@given(
    st.text(st.sampled_from("ab\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"), max_size=30)
)
def test_bidi_controls_stay_and_reorder_only_their_own_text(text: str) -> None:
    isolated = isolate(text)
    body = iter(isolated)

    assert all(character in body for character in text)
    assert reordering_depth(f"{isolated}") == 0
    # An override around it is still open behind it: nothing inside has ended it.
    assert reordering_depth(f"\u202e{isolated}") == 1
    assert reordering_depth(f"\u2067{isolated}") == 1
    assert (isolated == text) == (text == "" or text.isalpha())


@pytest.mark.parametrize("format", ["srt", "vtt", "txt"])
def test_bidi_controls_cannot_reorder_the_lines_around(format: str) -> None:
    document = transcript(
        [
            said("\u202egnp.exe\u2069", 0, 1_900, speaker="\u2067Ann"),
            said("好 \u2068 a \u202d", 2_000, 3_900, speaker="Bo"),
        ]
    )

    shown = render(document, format).decode()

    assert "gnp.exe" in shown
    assert [line for line in shown.splitlines() if reordering_depth(line)] == []
    assert not any("\u2068" not in line for line in shown.splitlines() if "\u202e" in line)
