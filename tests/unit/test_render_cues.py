"""Check subtitles: line breaks, display times, and that no word is lost."""

from itertools import pairwise, zip_longest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrcore.core.transcript import Utterance
from asrcore.render.cues import (
    EASY_COLUMNS_PER_S,
    FASTEST_COLUMNS_PER_S,
    LONGEST_MS,
    SHORTEST_EASY_MS,
    SHORTEST_MS,
    Cue,
    cues,
)
from asrcore.render.lines import MAX_COLUMNS, columns
from asrcore.render.speech import Speech, clean, speech
from tests.support.transcripts import said, transcript


def heard(*utterances: Utterance, language: str = "zh-CN") -> Speech:
    return speech(transcript(utterances, language=language))


def lines(text: str, language: str = "zh-CN", end_ms: int = 6_000) -> list[tuple[str, ...]]:
    return [cue.lines for cue in cues(heard(said(text, 0, end_ms), language=language))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("早上好。", [("早上好。",)], id="short-is-one-line"),
        pytest.param("一" * 21, [("一" * 21,)], id="21-chinese-characters-fill-a-line"),
        pytest.param("一" * 22, [("一" * 11, "一" * 11)], id="22-make-two-lines-alike"),
        pytest.param(
            "各位听众早上好，今天是星期五天气晴，最高气温二十五度。",
            [("各位听众早上好，今天是星期五天气晴，", "最高气温二十五度。")],
            id="broken-at-a-comma",
        ),
        pytest.param(
            "本市新建的图书馆今天正式开放了。图书馆一共有六层可以借书。",
            [("本市新建的图书馆今天正式开放了。", "图书馆一共有六层可以借书。")],
            id="sentence-before-comma",
        ),
        pytest.param(
            "The quick brown fox jumps over the lazy dog again.",
            [("The quick brown fox jumps", "over the lazy dog again.")],
            id="english-between-words",
        ),
        pytest.param(
            "圆周率约等于3.14159265358979323846左右大家记住了吗",
            [("圆周率约等于3.14159265358979323846", "左右大家记住了吗")],
            id="a-number-stays-whole",
        ),
        pytest.param(
            "他说“今天我们先看一下上周的数据结果吧”，然后大家开始讨论。",
            [("他说“今天我们先看一下上周的数据结果吧”，", "然后大家开始讨论。")],
            id="no-line-begins-with-a-closing-mark",
        ),
        pytest.param("x" * 50, [("x" * 25, "x" * 25)], id="a-word-wider-than-a-line-is-cut"),
        pytest.param("e\u0301" * 50, [("e\u0301" * 25, "e\u0301" * 25)], id="an-accent-stays-on-its-letter"),
        pytest.param("今天\n天 气　很 好", [("今天天气很好",)], id="no-spaces-between-chinese-characters"),
        pytest.param("我用 iPhone 打电话", [("我用 iPhone 打电话",)], id="spaces-around-latin-stay"),
        pytest.param("안녕하세요 여러분", [("안녕하세요 여러분",)], id="korean-words-are-spaced"),
    ],
)
def test_lines(text: str, expected: list[tuple[str, ...]]) -> None:
    assert lines(text) == expected


def test_long_turn_becomes_cues_of_whole_sentences() -> None:
    sentences = ["本市新建的图书馆今天正式开放。", "图书馆一共有六层，有图书一百万册。", "市民可以免费借书。"]
    turn = said("".join(sentences * 2), 0, 18_000)

    texts = ["".join(cue.lines) for cue in cues(heard(turn))]

    assert "".join(texts) == turn.text
    assert all(text.endswith("。") for text in texts)


@pytest.mark.parametrize(
    ("utterances", "expected"),
    [
        pytest.param([said("好", 1_000, 1_100)], [(1_000, 2_000, "好")], id="held-until-it-can-be-read"),
        pytest.param([said("好", 1_000, 1_000)], [(1_000, 2_000, "好")], id="zero-length"),
        pytest.param([said("好", 0, 60_000)], [(0, 1_000, "好")], id="a-word-given-a-minute"),
        pytest.param(
            [said("一二三四五六七八", 0, 30_000)],
            [(0, 4_000, "一二三四"), (4_000, 8_000, "五六七八")],
            id="never-over-7-s",
        ),
        pytest.param(
            [said("你好", 0, 3_000), said("再见", 2_000, 4_000)],
            [(0, 2_000, "你好"), (2_000, 4_000, "再见")],
            id="an-overlap-gives-way-to-the-next",
        ),
        pytest.param(
            [said("你好", 0, 2_000), said("再见", 0, 2_000)],
            [(0, 400, "你好"), (400, 2_000, "再见")],
            id="at-once-is-one-after-the-other",
        ),
        pytest.param(
            [said("你好再见", 0, 9_000, ("你好", 0, 500), ("再见", 8_000, 9_000))],
            [(0, 1_000, "你好"), (8_000, 9_000, "再见")],
            id="a-pause-between-words-ends-it",
        ),
        pytest.param(
            [
                said("一二", 0, 9_000, ("一", 0, 500), ("二", 8_000, 9_000), speaker="1"),
                said("三", 3_000, 4_000, speaker="2"),
            ],
            [(0, 1_000, "一"), (3_000, 4_000, "三"), (8_000, 9_000, "二")],
            id="an-answer-within-a-pause-stands-there",
        ),
        pytest.param([said("好", None, None, ("好", 700, 900))], [(700, 1_700, "好")], id="times-of-words-alone"),
        pytest.param([said("好", None, None)], [], id="no-times-no-subtitle"),
        pytest.param([said("", 0, 500, ("好", 0, 500), ("的", 500, 900))], [(0, 1_000, "好的")], id="words-alone"),
        pytest.param([said("   ", 0, 500)], [], id="nothing-said"),
    ],
)
def test_times(utterances: list[Utterance], expected: list[tuple[int, int, str]]) -> None:
    found = cues(heard(*utterances))

    assert [(cue.start_ms, cue.end_ms, "".join(cue.lines)) for cue in found] == expected


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        pytest.param(
            said("好，谢谢。", 0, 900, ("好", 0, 300), ("谢谢", 400, 900)),
            [("好，", 0, 300), ("谢谢。", 400, 900)],
            id="punctuation-belongs-to-the-word-before",
        ),
        pytest.param(
            said("最高25度。", 0, 900, ("最高", 0, 300), ("二十五", 300, 700), ("度", 700, 900)),
            [("最高", 0, 300), ("25", 300, 700), ("度。", 700, 900)],
            id="spelt-otherwise",
        ),
        pytest.param(
            said("“你好”", 0, 900, ("你好", 100, 900)), [("“你好”", 100, 900)], id="an-opening-mark-comes-first"
        ),
        pytest.param(
            said("Hello World", 0, 900, ("hello", 0, 400), ("world", 500, 900)),
            [("Hello ", 0, 400), ("World", 500, 900)],
            id="capitals",
        ),
        pytest.param(
            said("好的那个再见", 0, 900, ("好的", 0, 200), ("再见", 700, 900)),
            [("好的", 0, 200), ("那个", 200, 700), ("再见", 700, 900)],
            id="a-word-that-the-vendor-left-out",
        ),
        pytest.param(said("你好", 0, 900, ("再见", 0, 900)), [("你好", 0, 900)], id="words-of-another-sentence"),
        pytest.param(said("……", 0, 900, ("x", 0, 900)), [("……", 0, 900)], id="punctuation-alone"),
        pytest.param(
            said("甲乙", 0, 900, ("甲", 0, 600), ("乙", 500, 900)),
            [("甲", 0, 500), ("乙", 500, 900)],
            id="overlapping-words",
        ),
    ],
)
def test_sentence_gets_the_times_of_its_words(turn: Utterance, expected: list[tuple[str, int, int]]) -> None:
    assert [(each.text, each.start_ms, each.end_ms) for each in heard(turn).turns[0].pieces] == expected


@pytest.mark.parametrize(
    ("utterances", "language", "expected"),
    [
        pytest.param([said("好", 0, 1)], "zh-CN", [], id="no-speakers"),
        pytest.param([said("好", 0, 1, speaker="1")], "zh-CN", ["说话人 1"], id="a-number"),
        pytest.param(
            [said("好", 0, 1, speaker="1"), said("是", 1, 2, speaker="0")],
            "zh-CN",
            ["说话人 2", "说话人 1"],
            id="numbers-from-0",
        ),
        pytest.param(
            [said("", 0, 1, speaker="0"), said("是", 1, 2, speaker="1")],
            "zh-CN",
            ["说话人 2"],
            id="a-number-beside-a-silent-0",
        ),
        pytest.param(
            [said("好", 0, 1, speaker="SPEAKER_01"), said("是", 1, 2, speaker="SPEAKER_00")],
            "zh-CN",
            ["说话人 2", "说话人 1"],
            id="numbers-behind-a-word",
        ),
        pytest.param([said("好", 0, 1, speaker="9" * 5000)], "zh-CN", ["9" * 5000], id="too-long-for-a-number"),
        pytest.param([said("hi", 0, 1, speaker="2")], "en-US", ["Speaker 2"], id="a-number-in-english"),
        pytest.param([said("好", 0, 1, speaker="王先生")], "zh-CN", ["王先生"], id="a-name"),
        pytest.param([said("好", 0, 1, channel=0)], "zh-CN", [], id="one-channel-is-no-name"),
        pytest.param(
            [said("好", 0, 1, channel=1), said("好", 1, 2, channel=0)],
            "zh-CN",
            ["右声道", "左声道"],
            id="two-channels",
        ),
        pytest.param(
            [said("hi", 0, 1, channel=0, speaker="1"), said("hi", 1, 2, channel=1, speaker="1")],
            "en-US",
            ["Left Speaker 1", "Right Speaker 1"],
            id="speakers-of-two-channels",
        ),
    ],
)
def test_speaker_names(utterances: list[Utterance], language: str, expected: list[str]) -> None:
    assert list(heard(*utterances, language=language).names()) == expected


def test_speaker_names_are_in_the_language_of_the_reader() -> None:
    call = heard(
        said("好", 0, 1, speaker="1", channel=0), said("好", 1, 2, speaker="王先生", channel=2), language="zh-CN"
    )

    assert call.names("en") == ("Left Speaker 1", "Channel 2 王先生")
    assert call.names("zh-CN") == call.names() == ("左声道 说话人 1", "声道 2 王先生")


# Characters that people say and vendors send, the odd ones included.
CHARACTERS = st.sampled_from(
    "一二三四五六七八九十我们图书馆。，？！、；“”（）《》abcXYZ019 .,?!-—…'éé한글ไทย👍🏽👩\u200d👧عب\x00\n\t<&>\ud800"
)
TEXTS = st.text(CHARACTERS, max_size=150)
SPANS = st.tuples(st.integers(0, 60_000), st.integers(0, 20_000)).map(lambda span: (span[0], span[0] + span[1]))


@st.composite
def utterances(draw: st.DrawFn) -> Utterance:
    start_ms, end_ms = draw(SPANS)
    pieces = draw(st.lists(st.text(CHARACTERS, min_size=1, max_size=6), max_size=30))
    cuts = sorted(draw(st.lists(st.integers(start_ms, end_ms), min_size=len(pieces), max_size=len(pieces))))
    spoken = [(piece, at, min(at + 300, end_ms)) for piece, at in zip(pieces, cuts, strict=True)]
    text = draw(st.sampled_from(["".join(pieces), "，".join(pieces)]) if pieces else TEXTS)
    return said(text, start_ms, end_ms, *spoken, speaker=draw(st.sampled_from([None, "1", "2"])))


SPEECHES = st.lists(utterances(), max_size=8).map(lambda each: heard(*sorted(each, key=lambda one: one.start_ms or 0)))


def squeezed(text: str) -> str:
    return "".join(text.split())


def least_ms(cue: Cue, columns_per_s: int, shortest_ms: int) -> float:
    return max(shortest_ms, sum(map(columns, cue.lines)) * 1000 / columns_per_s)


@settings(deadline=None)
@given(SPEECHES)
def test_pieces_tile_their_turn_in_order(spoken: Speech) -> None:
    """The words' times are put onto the sentence; the sentence stays as it is."""
    for turn in spoken.turns:
        assert "".join(piece.text for piece in turn.pieces) == turn.text
        assert all(piece.start_ms <= piece.end_ms for piece in turn.pieces)
        assert all(before.end_ms <= after.start_ms for before, after in pairwise(turn.pieces))


@settings(deadline=None)
@given(utterances())
def test_each_word_appears_once_and_in_order(utterance: Utterance) -> None:
    """Every word's text appears exactly once and in order."""
    shown = "".join("".join(cue.lines) for cue in cues(heard(utterance)))

    assert squeezed(shown) == squeezed(clean(utterance.text))


@settings(deadline=None)
@given(SPEECHES)
def test_overlapping_turns_keep_all_text(spoken: Speech) -> None:
    shown = sorted(squeezed("".join("".join(cue.lines) for cue in cues(spoken))))

    assert shown == sorted(squeezed("".join(turn.text for turn in spoken.turns)))


@settings(deadline=None)
@given(SPEECHES)
def test_cues_are_in_order_without_overlap(spoken: Speech) -> None:
    found = cues(spoken)

    assert all(cue.start_ms < cue.end_ms for cue in found)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(found))


@settings(deadline=None)
@given(SPEECHES)
def test_cues_fit_two_lines_and_seven_seconds(spoken: Speech) -> None:
    """At most two lines of 42 columns; no empty line; 7 seconds at most."""
    for cue in cues(spoken):
        assert 1 <= len(cue.lines) <= 2
        assert all(columns(line) <= MAX_COLUMNS and line == line.strip() for line in cue.lines)
        assert any(cue.lines)
        assert cue.end_ms - cue.start_ms <= LONGEST_MS


@settings(deadline=None)
@given(SPEECHES)
def test_cues_last_long_enough_to_be_read(spoken: Speech) -> None:
    """Never faster than can be read; with ease, unless the next one is waiting."""
    found = cues(spoken)

    for cue, following in zip_longest(found, found[1:]):
        shown_ms = cue.end_ms - cue.start_ms
        is_pressed = following is not None and following.start_ms == cue.end_ms
        assert shown_ms >= least_ms(cue, FASTEST_COLUMNS_PER_S, SHORTEST_MS)
        assert is_pressed or shown_ms >= least_ms(cue, EASY_COLUMNS_PER_S, SHORTEST_EASY_MS)
