"""Line breaking: what a line must not begin or end with, what stays whole, and which full stops end a sentence."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asrcore.render import render
from asrcore.render.cues import cues
from asrcore.render.lines import SENTENCE, Layout, ends_sentence
from asrcore.render.speech import speech
from asrcore.render.typography import NO_LINE_END, NO_LINE_START
from tests.support.transcripts import said, transcript

HAN = "我们今天开会讨论图书馆新楼建设问题然后大家一起吃饭"
CLOSING = "。，、；：？！）》」』】〕〉”’…—" + "".join(sorted(NO_LINE_START))
OPENING = "（《「『【〔〈“‘" + "".join(sorted(NO_LINE_END))
WHOLE = [
    *(
        "１０：３０",
        "10:30",
        "￥1，280，000",
        "¥1,280,000.50",
        "３．１４",
        "3.14%",
        "２０２６－１１－３０",
        "2026/11/30",
    ),
    *(
        "１２公里",
        "12 km",
        "25℃",
        "－５℃",
        "５０％",
        "100万元",
        "3亿美元",
        "120公里/小时",
        "60 km/h",
        "１０～２０％",
        "HK$300",
    ),
    *("列夫·托尔斯泰", "约翰·罗纳德·鲁埃尔·托尔金", "レオ・トルストイ", "16 kHz", "5 GB", "3小时", "２：１"),
]
ABBREVIATIONS = [
    *[("en-US", f"We met {each} yesterday in the park") for each in ("Dr. Smith", "Mr. Li", "Mrs. Wu", "Prof. Chen")],
    *[("en-US", f"They live in {each} near the river") for each in ("St. Paul", "Mt. Vernon", "the U.S. today")],
    *[("en-US", f"Read {each} of the book again") for each in ("No. 5", "Fig. 3", "pp. 12", "Vol. 2", "J. R. Tolkien")],
    *[("en-US", f"It is {each} in the city") for each in ("e.g. cold", "i.e. late", "5 a.m. now", "Acme Inc. now")],
    ("en-US", "She has a Ph.D. from Leiden"),
    ("zh-CN", "我在 U.S. 工作"),
    ("zh-CN", "请联系 Dr. Smith 医生"),
    ("de-DE", "Wir treffen Hr. Müller z.B. morgen bzw. Freitag"),
    ("fr-FR", "Voici Mme. Dupont etc. demain"),
    ("es-ES", "Buenos días Sra. García"),
    ("pt-BR", "Bom dia Sr. Silva"),
    ("it-IT", "Buongiorno sig. Rossi"),
    ("ru-RU", "Это было в г. Москва и т.д. вчера"),
]


def lines_of(text: str, language: str = "zh-CN") -> list[str]:
    found = cues(speech(transcript([said(text, 0, 600_000)], language=language)))
    return [line for cue in found for line in cue.lines]


def broken(marks, offsets):
    """Yield each mark and the lines of a text in which it is about where a line ends."""
    for mark in sorted(set(marks)):
        for offset in offsets:
            yield mark, lines_of(("一" * offset + mark + "二" * 10) * 3)


def test_closing_mark_begins_no_line():
    assert [line for mark, lines in broken(CLOSING, (20, 21, 22)) for line in lines if line.startswith(mark)] == []


def test_opening_mark_ends_no_line():
    assert [line for mark, lines in broken(OPENING, (19, 20, 21)) for line in lines if line.endswith(mark)] == []


@pytest.mark.parametrize("whole", WHOLE)
def test_number_or_dotted_name_stays_on_one_line(whole):
    texts = ["的" * offset + whole + "了" * 30 for offset in range(8, 22)]

    assert [text for text in texts if not any(whole in line for line in lines_of(text))] == []


def test_opening_mark_before_a_pause_stays_with_the_next_word():
    turn = said("他说“好吧”", 0, 9_000, ("他说", 0, 500), ("好吧", 8_000, 9_000))

    assert [cue.lines for cue in cues(speech(transcript([turn])))] == [("他说",), ("“好吧”",)]


def test_straight_quotes_open_and_close():
    lines = lines_of('他说"今天我们先看一下上周的数据结果吧"然后大家继续讨论"新的计划"并且决定下周再见')

    assert all(line.count('"') % 2 == 0 or line.endswith('吧"') or '"' in line[1:-1] for line in lines)
    assert not [line for line in lines if line.endswith('说"')]


WORDS = st.text(st.sampled_from(HAN), min_size=1, max_size=6)
TOKENS = st.one_of(
    WORDS,
    st.builds("{}{}".format, WORDS, st.sampled_from(CLOSING)),
    st.builds("{}{}".format, st.sampled_from("（《「『【“‘"), WORDS),
    st.sampled_from(WHOLE).map(lambda whole: f"的{whole}的"),
)


@settings(deadline=None)
@given(st.lists(TOKENS, min_size=1, max_size=40))
def test_no_line_begins_or_ends_with_a_prohibited_mark(tokens):
    lines = lines_of("".join(tokens))

    assert not [line for line in lines[1:] if line[0] in CLOSING]
    assert not [line for line in lines[:-1] if line[-1] in OPENING]


@settings(deadline=None)
@given(st.lists(st.one_of(WORDS, st.sampled_from(WHOLE)), min_size=1, max_size=30))
def test_numbers_and_dotted_names_are_never_broken(tokens):
    text = "的".join(tokens)

    lines = lines_of(text)

    joined = "\n".join(lines)
    assert all(joined.count(whole) == text.count(whole) for whole in WHOLE)


@pytest.mark.parametrize(("language", "text"), ABBREVIATIONS)
def test_abbreviation_before_a_word_ends_no_sentence(language, text):
    layout = Layout(text, language=language)

    assert [offset for offset in range(len(text)) if layout.scores[offset] >= SENTENCE] == []


@pytest.mark.parametrize(
    "text",
    [
        "It is cold. Then we left",
        "The answer is no. Then we left",
        "It was I. Then we left",
        "See example.com. Then go",
    ],
)
def test_full_stop_of_a_sentence_ends_it(text):
    layout = Layout(text, language="en-US")

    assert layout.scores[text.index(". ") + 2] == SENTENCE


@pytest.mark.parametrize(("language", "text"), ABBREVIATIONS)
def test_paragraph_does_not_end_at_an_abbreviation(language, text):
    assert not [end for end in range(1, len(text)) if text[end] == " " and ends_sentence(text, end, language)]


def test_paragraph_ends_after_a_full_stop_and_its_space():
    assert [end for end in range(1, 12) if ends_sentence("It is cold. Yes", end)] == [11]
    assert ends_sentence("It is cold. Yes", 12)
    assert not ends_sentence("", 0)


@settings(deadline=None)
@given(st.sampled_from(ABBREVIATIONS), st.integers(0, 3))
def test_title_stays_with_its_name(abbreviation, repeats):
    language, text = abbreviation
    lines = lines_of(" ".join([text] * (repeats + 1)), language)

    assert not [line for line in lines if re.search(r"\b(Dr|Mr|Mrs|Prof|St|Mt|No|Fig|Vol|J|R|Hr|Sra|Sr|Mme)\.$", line)]


def test_exports_break_lines_by_the_same_rules():
    document = transcript([said("的" * 20 + "１０：３０" + "了" * 20, 0, 9_000)])

    assert "１０：３０" in render(document, "srt").decode()
    assert "１０：３０" in render(document, "vtt").decode()
