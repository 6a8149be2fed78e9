"""Make utterances of scripts and recognitions: every character once, and nothing outside the speech."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.recognition import Recognition, Sentence, Word
from simulators.script import Script, ScriptStore, join_texts, join_turns, make_utterances, split_clauses
from simulators.segmentation import Segment

TWO = (Segment(500, 1500), Segment(2200, 3200))


def test_segments_without_script_get_placeholders():
    spoken = make_utterances(TWO, None)

    assert [(u.text, u.start_ms, u.end_ms) for u in spoken] == [
        ("[simulated utterance 1]", 500, 1500),
        ("[simulated utterance 2]", 2200, 3200),
    ]
    assert [word.text for word in spoken[0].words if not word.punctuation] == ["simulated", "utterance", "1"]


def test_script_with_a_line_per_segment_is_paired():
    spoken = make_utterances(TWO, Script(("大家好，欢迎收听。", "好。"), (1, 0)), speakers=2)

    assert [(u.text, u.start_ms, u.end_ms, u.speaker) for u in spoken] == [
        ("大家好，欢迎收听。", 500, 1500, 1),
        ("好。", 2200, 3200, 0),
    ]


@pytest.mark.parametrize(
    ("lines", "texts"),
    [
        pytest.param(("一二三四", "五六", "七八"), ["一二三四", "五六", "七八"], id="more-lines-than-segments"),
        pytest.param(("一二三四，五六七八。",), ["一二三四，", "五六七八。"], id="a-line-over-two-segments"),
    ],
)
def test_script_of_other_length_is_spread_by_characters(lines, texts):
    spoken = make_utterances(TWO, Script(lines))

    assert [utterance.text for utterance in spoken] == texts


def test_words_share_time_by_length_and_marks_have_none():
    (utterance,) = make_utterances((Segment(0, 1000),), Script(("你好 hello，world",)), han_per_word=1)

    assert [(word.text, word.start_ms, word.end_ms) for word in utterance.words] == [
        ("你", 0, 83),
        ("好", 83, 166),
        ("hello", 166, 583),
        ("，", 583, 583),
        ("world", 583, 1000),
    ]


@given(
    lines=st.lists(st.text(alphabet="今天天气好，。 abc", min_size=1, max_size=12), min_size=1, max_size=6),
    lengths=st.lists(st.integers(100, 5000), min_size=1, max_size=6),
)
def test_every_character_is_used_once_within_the_speech(lines, lengths):
    segments, start_ms = [], 0
    for length_ms in lengths:
        segments.append(Segment(start_ms, start_ms + length_ms))
        start_ms += length_ms + 400

    spoken = make_utterances(segments, Script(tuple(lines)))

    said = "".join(word.text for utterance in spoken for word in utterance.words)
    assert said == "".join("".join(lines).split())
    times = [time for u in spoken for word in u.words for time in (word.start_ms, word.end_ms)]
    assert times == sorted(times)
    for utterance in spoken:
        assert any(s.start_ms <= utterance.start_ms <= utterance.end_ms <= s.end_ms for s in segments)


def test_silence_has_no_utterances():
    assert make_utterances((), Script(("大家好。",))) == ()


@pytest.mark.parametrize(
    ("texts", "joined"),
    [
        pytest.param(["今天，", "我们出门。"], "今天，我们出门。", id="chinese"),
        pytest.param(["Good morning.", "How are you?"], "Good morning. How are you?", id="english"),
        pytest.param(["欢迎使用", "AWS"], "欢迎使用AWS", id="mixed"),
    ],
)
def test_sentences_are_joined_by_script(texts, joined):
    assert join_texts(texts) == joined


def test_script_is_found_by_sha256(tmp_path):
    path = tmp_path / "scripts.json"
    book = ScriptStore(path)

    assert book.find("aa") is None  # no file yet

    path.write_text(json.dumps({"aa": {"language": "zh-CN", "lines": ["好。", "好。"], "speakers": ["B", "A"]}}))

    assert book.find("aa") == Script(("好。", "好。"), (0, 1))
    assert book.find("bb") is None


@pytest.mark.parametrize(
    ("line", "max_length", "clauses"),
    [
        pytest.param("今天天气不错，我们出门吧。", None, ["今天天气不错，", "我们出门吧。"], id="by-marks"),
        pytest.param("今天天气不错，我们出门吧。", 6, ["今天天气不错，", "我们出门吧。"], id="a-mark-does-not-count"),
        pytest.param("今天天气不错，我们出门吧。", 4, ["今天天气", "不错，", "我们出门", "吧。"], id="by-length"),
        pytest.param("Wait... no, go!", None, ["Wait...", "no,", "go!"], id="marks-in-a-row"),
        pytest.param("internationally", 6, ["internationally"], id="a-word-is-never-cut"),
    ],
)
def test_clauses_are_split_at_marks_and_length(line, max_length, clauses):
    (utterance,) = make_utterances((Segment(0, 1000),), Script((line,)))

    found = split_clauses(utterance, max_length)

    assert [clause.text for clause in found] == clauses
    assert [word for clause in found for word in clause.words] == list(utterance.words)
    assert (found[0].start_ms, found[-1].end_ms) == (0, 1000)


def test_consecutive_utterances_of_one_speaker_are_merged():
    three = (Segment(0, 100), Segment(200, 300), Segment(400, 500))
    spoken = make_utterances(three, Script(("好。", "我们走。", "好的。"), (0, 0, 1)), speakers=2)

    turns = join_turns(spoken, lambda utterance: utterance.speaker)

    assert [(turn.text, turn.start_ms, turn.end_ms) for turn in turns] == [
        ("好。我们走。", 0, 300),
        ("好的。", 400, 500),
    ]


RECOGNIZED = Recognition(
    "zh",
    4000,
    (
        Sentence((Word("今天", 520, 900), Word("天气，", 900, 1300), Word("好。", 1300, 1480))),
        Sentence((Word(" Good", 2300, 2700), Word(" day.", 2700, 3100))),
    ),
)


def test_recognized_words_keep_times_in_vendor_words():
    first, second = make_utterances(TWO, RECOGNIZED, han_per_word=1)

    assert [(word.text, word.start_ms, word.end_ms) for word in first.words] == [
        ("今", 520, 710),
        ("天", 710, 900),
        ("天", 900, 1100),
        ("气", 1100, 1300),
        ("，", 1300, 1300),
        ("好", 1300, 1480),
        ("。", 1480, 1480),
    ]
    assert (second.text, second.start_ms, second.end_ms) == ("Good day.", 2300, 3100)
    assert [word.text for word in second.words] == ["Good", "day", "."]


def test_recognized_sentence_has_speaker_and_channel_of_segment():
    segments = (Segment(500, 1500, 1), Segment(2200, 3200, 0))

    assert [(each.speaker, each.channel) for each in make_utterances(segments, RECOGNIZED, speakers=2)] == [
        (0, 1),
        (1, 0),
    ]


def test_recognized_sentence_outside_speech_is_dropped():
    assert [each.text for each in make_utterances(TWO[:1], RECOGNIZED)] == ["今天天气，好。"]
    assert make_utterances((), RECOGNIZED) == ()
