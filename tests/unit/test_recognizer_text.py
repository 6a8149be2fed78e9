"""Check how Whisper's words become sentences, without invented text."""

import pytest

from recognizer.recognition import Sentence, Word
from recognizer.text import MOST_REPEATS, PROMPT, cut_loops, repeats_prompt, split_sentences, write, write_chinese


def words(*texts, length_ms=200, gap_ms=0):
    return [
        Word(text, number * (length_ms + gap_ms), number * (length_ms + gap_ms) + length_ms)
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        pytest.param("稍稍遲到一分钟", "稍稍迟到一分钟", id="traditional"),
        pytest.param("你好,世界.真的?好!", "你好，世界。真的？好！", id="half-width-marks"),
        pytest.param("大家好 晚上都来了", "大家好，晚上都来了", id="space-for-a-pause"),
        pytest.param("抽个讲４可以吗", "抽个讲，可以吗", id="full-width-digit-for-a-pause"),
        pytest.param("用 Whisper 3.5 识别,好", "用 Whisper 3.5 识别，好", id="latin-and-numbers-stay"),
    ],
)
def test_chinese_is_simplified_with_chinese_punctuation(heard, written):
    assert write_chinese(heard) == written


def test_rewritten_words_keep_their_times():
    heard = words("遲", "到", "了.", " 好", " 的")

    written = write(heard, "zh")

    assert [word.text for word in written] == ["迟", "到", "了。", "好", "，的"]
    assert [(word.start_ms, word.end_ms) for word in written] == [(word.start_ms, word.end_ms) for word in heard]


def test_words_of_other_languages_are_unchanged():
    heard = words(" Hello,", " 3.5", " world.")

    assert write(heard, "en") == heard


def test_sentences_end_at_marks_and_long_pauses():
    chinese = list(split_sentences(words("大家", "好。", "来", "了吗？", "好")))
    english = list(split_sentences(words(" It", " costs", " 3.", "5", " now.", " Good.")))
    pauses = list(split_sentences([Word("好", 0, 200), Word("的", 200, 400), Word("走", 1500, 1700)]))

    assert [sentence.text for sentence in chinese] == ["大家好。", "来了吗？", "好"]
    assert [sentence.text for sentence in english] == ["It costs 3.5 now.", "Good."]
    assert [sentence.text for sentence in pauses] == ["好的", "走"]


def test_no_words_give_no_sentences():
    assert list(split_sentences([])) == []
    assert list(split_sentences(words(" ", ""))) == []


def test_repeated_prompt_is_found_and_similar_text_is_not():
    assert repeats_prompt("这次是普通话的句子,使用简体中文", PROMPT)
    assert not repeats_prompt("我喜欢使用简体字", PROMPT)
    assert not repeats_prompt("", PROMPT)
    assert not repeats_prompt("anything", "")


def test_long_loop_is_cut_and_short_repetition_is_not():
    loop = [Sentence((Word("好。", number, number + 1),)) for number in range(50)]
    cheer = [*loop[:3], Sentence((Word("走。", 3, 4),)), *loop[4:7]]

    assert len(cut_loops(loop)) == MOST_REPEATS
    assert cut_loops(cheer) == cheer
