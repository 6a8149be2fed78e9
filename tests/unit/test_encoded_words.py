"""Metadata values as S3 returns them: RFC 2047, of text that it read as ISO 8859-1."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrcore.core.encoded_words import decode_words
from asrcore.core.job import Status
from tests.support.pipeline import KEY, SYNC, drop, wav, world
from tests.support.reasons import texts

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
GAPS = st.sampled_from([" ", "\r\n ", "\n\t", "  "])


def b_word(data: bytes, charset: str = "UTF-8") -> str:
    return f"=?{charset}?B?{base64.b64encode(data).decode()}?="


def q_word(data: bytes, charset: str = "utf-8") -> str:
    return f"=?{charset}?Q?{''.join('_' if byte == 0x20 else f'={byte:02X}' for byte in data)}?="


def read_as_latin_1(text: str) -> bytes:
    """Return what S3 stores of a header in UTF-8."""
    return text.encode().decode("latin-1").encode()


def is_ambiguous(text: str) -> bool:
    """Return whether a text may itself be UTF-8 that was read as ISO 8859-1."""
    try:
        return not text.isascii() and bool(text.encode("latin-1").decode("utf-8"))
    except UnicodeError:
        return False


@st.composite
def encoded(draw, data: bytes) -> str:
    """Return the data in words of either encoding, which may split characters, and may be folded."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=4)))
    parts = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    words = [draw(st.sampled_from([b_word, q_word]))(part) for part in parts]
    return "".join(word + draw(GAPS) for word in words[:-1]) + words[-1]


@given(st.data(), TEXTS)
def test_header_in_utf_8_is_returned_as_uploaded(data, text):
    assert decode_words(data.draw(encoded(read_as_latin_1(text)))) == text


@given(st.data(), TEXTS.filter(lambda text: not is_ambiguous(text)))
def test_text_in_encoded_words_is_decoded_once(data, text):
    assert decode_words(data.draw(encoded(text.encode()))) == text


@given(st.text(st.characters(codec="ascii")))
def test_ascii_value_stays_as_it_is(value):
    if "=?" not in value:
        assert decode_words(value) == value


@given(st.text(st.sampled_from("=?UTF-8qQbB*_ \r\n\té0"), max_size=40))
def test_any_value_is_decoded_or_rejected(value):
    with suppress(ValueError):
        decode_words(value).encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?=", "ÄMÄZÕÑ S3", id="the S3 user guide"),
        pytest.param("=?utf-8?q?caf=C3=A9_au_lait?=", "café au lait", id="quoted"),
        pytest.param("=?GB18030?B?u+HS6Q==?=", "会议", id="another character set"),
        pytest.param("=?UTF-8*zh?B?5Lya6K6u?=", "会议", id="with a language"),
        pytest.param("=?UTF-8?B?5Lya6K6u?= 2026, =?UTF-8?B?5Lya6K6u?=", "会议 2026, 会议", id="between plain text"),
        pytest.param("speaker =?x", "speaker =?x", id="no encoded word"),
        pytest.param("=?UTF-8?B?5Lya6K6u", "=?UTF-8?B?5Lya6K6u", id="an open word is text"),
    ],
)
def test_known_value_is_decoded(value, text):
    assert decode_words(value) == text


UNDECODABLE = {
    "no base64": "=?UTF-8?B?!!!!?=",
    "no UTF-8": "=?UTF-8?B?/////w==?=",
    "half a character": b_word("会".encode()[:2]),
    "an unknown encoding": "=?UTF-8?X?abc?=",
    "an unknown character set": "=?klingon-1?B?5Lya6K6u?=",
    "no text encoding": "=?hex?B?NjE=?=",
    "no quoted text": "=?UTF-8?Q?=E4=ZZ?=",
    "half a pair": b_word(b"+2AA-", "utf-7"),
}


@pytest.mark.parametrize("value", UNDECODABLE.values(), ids=UNDECODABLE)
def test_undecodable_value_is_a_warning_with_its_name(value):
    made = world("done", vendors=(SYNC,))
    made.audio[KEY] = (wav(), {"asr-hotwords": value, "asr-speakers": "2", "title": value})

    job = drop(made)

    assert (job.status, job.options.hotwords, job.options.speakers) == (Status.COMPLETED, [], 2)
    assert [warning for warning in texts(job.warnings) if "decode" in warning] == [
        "the value of the object metadata asr-hotwords cannot be decoded, and is not used"
    ]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b_word(read_as_latin_1("会议,笔声")), id="encoded words"),
        pytest.param("%E4%BC%9A%E8%AE%AE,%E7%AC%94%E5%A3%B0", id="percent-encoded"),
        pytest.param(b_word(read_as_latin_1("会议,%E7%AC%94%E5%A3%B0")), id="both"),
    ],
)
def test_value_beyond_ascii_reaches_the_options(value):
    made = world("done", vendors=(SYNC,))
    made.audio[KEY] = (wav(), {"asr-hotwords": value})

    assert drop(made).options.hotwords == ["会议", "笔声"]
