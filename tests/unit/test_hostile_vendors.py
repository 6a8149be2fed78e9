"""Whatever arrives, a reader gives a documented result or a documented error, and in bounded time."""

import json
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asrcore.core.errors import AsrError
from asrcore.core.transcript import Recognition
from asrcore.core.vendor import Accepted, Callback, Completion, HttpReply, InProgress
from asrcore.vendors.registry import VENDORS
from asrcore.vendors.tencent_recording_format import MOST_FIELDS, callback_fields
from tests.support.recognition_requests import a_recognition_request, answer
from tests.support.sampled import each_vendor, examples, exhaustive

ORDERS = (
    a_recognition_request(),
    a_recognition_request(duration_ms=None, options={"speakers": 0, "words": False}),
    a_recognition_request(sample_rate_hz=8000, channels=2),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "0", "1000", 1000, 0, -1, 10**400, 1e308, "NaN", "9" * 5000, "\ud800", "1e999999999"])
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def shaped(**fields):
    """Objects that have the right names more often than not, with anything under them."""
    return st.fixed_dictionaries({}, optional={name: strategy | JSON for name, strategy in fields.items()})


CODES = st.sampled_from(["0", 0, "1000", 1000, 2000, 1013, "-1", -2, "1001", 10000, 20000000, "45000000", "500"])
STATES = st.sampled_from([0, 1, 2, 3, "2", "success", "queued", "completed", "not_found"])
WORDS = st.lists(
    shaped(
        text=JSON, words=JSON, wordsName=JSON, Word=JSON, wp=JSON, wc=JSON, start_time=JSON, end_time=JSON,
        wordBg=JSON, wordEd=JSON, StartTime=JSON, EndTime=JSON, OffsetStartMs=JSON, OffsetEndMs=JSON,
        word=JSON, start=JSON, end=JSON, confidence=JSON,
    ),
    max_size=3,
)  # fmt: skip
SENTENCES = st.lists(
    shaped(
        text=JSON, start_time=JSON, end_time=JSON, words=WORDS, additions=shaped(speaker=JSON, channel_id=JSON),
        sentences=JSON, onebest=JSON, wordBg=JSON, wordEd=JSON, speakerId=JSON, wordsPiece=WORDS,
        FinalSentence=JSON, StartMs=JSON, EndMs=JSON, SpeakerId=JSON, EmotionType=JSON, Words=WORDS,
        start=JSON, end=JSON, speaker=JSON,
    ),
    max_size=3,
)  # fmt: skip
DOCUMENTS = {
    "tencent-recording": shaped(code=CODES, message=JSON, requestId=JSON, text=JSON, audioTime=JSON),
    "tencent-sentence": shaped(
        code=CODES,
        Response=shaped(Result=JSON, AudioDuration=JSON, WordList=WORDS, Error=shaped(Code=JSON, Message=JSON)),
    ),
    "tencent-rec-task": shaped(
        code=CODES, message=JSON, requestId=JSON, text=JSON, audioTime=JSON, resultDetail=SENTENCES,
        Response=shaped(
            Error=shaped(Code=JSON, Message=JSON),
            Data=shaped(
                TaskId=JSON, Status=STATES, Result=JSON, ErrorMsg=JSON, AudioDuration=JSON, ResultDetail=SENTENCES
            ),
        ),
    ),
    "volcengine-bigmodel": shaped(
        code=CODES,
        message=JSON,
        audio_info=shaped(duration=JSON),
        result=shaped(text=JSON, additions=shaped(duration=JSON), utterances=SENTENCES),
    ),
    "abcpen-offline": shaped(
        code=CODES,
        status=STATES,
        msg=JSON,
        task_id=JSON,
        asr=shaped(speechResult=shaped(onebest=JSON, duration=JSON, detail=SENTENCES)),
    ),
    "openai-compatible": shaped(
        text=JSON, segments=SENTENCES, words=WORDS, duration=JSON, language=JSON, detail=JSON,
        error=shaped(message=JSON, type=JSON, param=JSON, code=CODES),
    ),
    "volcengine": shaped(resp=shaped(id=JSON, code=CODES, message=JSON, text=JSON, utterances=SENTENCES)),
    "abcpen": shaped(
        code=CODES,
        ok=JSON,
        err_no=JSON,
        desc=JSON,
        data=shaped(
            task_id=JSON, data=shaped(speechResult=shaped(onebest=JSON, duration=JSON, detail=SENTENCES))
        ),
    ),
}  # fmt: skip


# Where headers tell what came of a call, every body is read with and without them.
HEADERS = {
    "volcengine-bigmodel": (
        {},
        {"x-api-status-code": "20000000", "x-api-message": "OK"},
        {"x-api-status-code": "45000292", "x-api-message": "\udcff"},
        {"x-api-status-code": "9" * 5000},
    )
}


def read_everywhere(vendor, reply):
    """Hand a reply to each of a vendor's readers; nothing but the documented may come of it."""
    for headers in HEADERS.get(vendor.name, ({},)):
        read(vendor, replace(reply, headers=headers))


def read(vendor, reply):
    readers = [lambda request: vendor.read_submit(reply, request)]
    if Completion.QUERY in vendor.completion_modes:
        readers.append(lambda request: vendor.read_query(reply, request))
    if Completion.CALLBACK in vendor.completion_modes:
        readers.append(lambda request: vendor.read_callback(reply.body, "", request))
    for request, reader in product(ORDERS, readers):
        check(result_or_error(reader, request))


def result_or_error(reader, request):
    try:
        return reader(request)
    except AsrError as error:
        return error


def check(outcome):
    if isinstance(outcome, Callback):
        outcome = outcome.outcome
    if isinstance(outcome, AsrError):
        assert outcome.code
        assert outcome.vendor in VENDORS
        assert str(outcome).encode()
    elif isinstance(outcome, Recognition):
        assert Recognition.model_validate_json(outcome.model_dump_json()) == outcome
        in_order(outcome.utterances)
        for utterance in outcome.utterances:
            in_order(utterance.words)
    else:
        assert isinstance(outcome, Accepted | InProgress)


def in_order(timed):
    starts = [item.start_ms for item in timed if item.start_ms is not None]
    assert starts == sorted(starts)
    assert all(0 <= item.start_ms <= item.end_ms <= 10**9 for item in timed if item.start_ms is not None)
    assert all((item.start_ms is None) == (item.end_ms is None) for item in timed)


@pytest.mark.parametrize("name", VENDORS)
@settings(max_examples=examples(60), deadline=None)
@given(document=JSON, status=st.sampled_from([200, 302, 401, 429, 500]))
def test_any_json(name, document, status):
    read_everywhere(VENDORS[name], answer(document, status))


@pytest.mark.parametrize("name", each_vendor())
@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_json_of_the_right_shape_with_any_values_is_read(name, data):
    read_everywhere(VENDORS[name], answer(data.draw(DOCUMENTS[name])))


@pytest.mark.parametrize("name", VENDORS)
@settings(max_examples=examples(100), deadline=None)
@given(body=st.binary(max_size=200))
@example(body=b"{" * 100_000)
@example(body=b'{"a":' * 100_000)
@example(body=b"9" * 10_000)
@example(body=b"\xef\xbb\xbf{}")
def test_any_bytes(name, body):
    read_everywhere(VENDORS[name], HttpReply(200, body))


WORD = {"text": "今", "start_time": 480, "end_time": 640}
VALID = {
    "tencent-rec-task": (
        b"code=0&requestId=6000000123456&text=%5B0%3A0.020%2C0%3A2.380%2C0%5D++%E4%BB%8A%0A&audioTime=2.432000&message="
        b"&resultDetail=%5B%7B%22FinalSentence%22%3A%22a%22%2C%22StartMs%22%3A20%2C%22EndMs%22%3A380%2C%22Words%22%3A"
        b"%5B%7B%22Word%22%3A%22a%22%2C%22OffsetStartMs%22%3A120%2C%22OffsetEndMs%22%3A180%7D%5D%2C%22SpeakerId%22%3A0%7D%5D"
    ),
    "volcengine-bigmodel": json.dumps(
        {
            "audio_info": {"duration": 3499},
            "result": {
                "text": "今天",
                "utterances": [
                    {"text": "今天", "start_time": 1, "end_time": 9, "words": [WORD], "additions": {"speaker": "1"}}
                ],
            },
        },
        ensure_ascii=False,
    ).encode(),
    "abcpen-offline": json.dumps(
        {
            "code": "0",
            "task_id": "550e8400-e29b-41d4-a716-446655440000",
            "asr": {
                "speechResult": {
                    "onebest": "大",
                    "duration": 4.2,
                    "detail": [{"text": "大", "start": 4, "end": 9, "words": [{"word": "大", "start": 4, "end": 9}]}],
                }
            },
        },
        ensure_ascii=False,
    ).encode(),
    "openai-compatible": json.dumps(
        {
            "text": "大",
            "language": "chinese",
            "duration": 4.2,
            "segments": [{"id": 0, "start": 0.1, "end": 0.4, "text": "大", "speaker": 0}],
            "words": [{"word": "大", "start": 0.1, "end": 0.4}],
        },
        ensure_ascii=False,
    ).encode(),
    "tencent-recording": (
        b"code=0&message=success&requestId=500&text=%5B0%3A0.020%2C0%3A2.380%2C1%5D++%E4%BB%8A%E5%A4%A9%0A&audioTime=4.3"
    ),
    "tencent-sentence": json.dumps(
        {
            "Response": {
                "Result": "今天",
                "AudioDuration": 2430,
                "WordList": [{"Word": "今天", "StartTime": 120, "EndTime": 810}],
            }
        },
        ensure_ascii=False,
    ).encode(),
    "volcengine": json.dumps(
        {
            "resp": {
                "id": "t",
                "code": 1000,
                "text": "今天",
                "utterances": [{"text": "今天", "start_time": 1, "end_time": 9, "words": [WORD]}],
            }
        },
        ensure_ascii=False,
    ).encode(),
    "abcpen": json.dumps(
        {
            "code": "0",
            "data": {
                "data": {
                    "speechResult": {
                        "onebest": "大",
                        "duration": 9,
                        "detail": [{"sentences": "大", "wordBg": "4", "wordEd": "9"}],
                    }
                },
                "task_id": "e7",
            },
        },
        ensure_ascii=False,
    ).encode(),
}


@pytest.mark.parametrize("name", each_vendor())
def test_every_truncation(name):
    for length in range(len(VALID[name]) + 1):
        read_everywhere(VENDORS[name], HttpReply(200, VALID[name][:length]))


@pytest.mark.parametrize("name", each_vendor())
def test_every_flipped_bit(name):
    valid = VALID[name]
    for index in range(len(valid)):
        for bit in range(8):
            flipped = valid[:index] + bytes([valid[index] ^ 1 << bit]) + valid[index + 1 :]
            read_everywhere(VENDORS[name], HttpReply(200, flipped))


# Five hours at 250 words a minute.
SENTENCES_IN_5_HOURS, WORDS_IN_A_SENTENCE, SENTENCE_MS = 7500, 10, 2400


def five_hours(word, sentence):
    """Sentences of ten words, in a vendor's own words for them."""
    return [
        sentence(
            start,
            start + SENTENCE_MS - 100,
            [word(start + 200 * number, start + 200 * number + 150) for number in range(WORDS_IN_A_SENTENCE)],
        )
        for start in range(0, SENTENCES_IN_5_HOURS * SENTENCE_MS, SENTENCE_MS)
    ]


@pytest.mark.parametrize(
    ("name", "made"),
    [
        pytest.param(
            "volcengine",
            lambda: {
                "resp": {
                    "code": 1000,
                    "text": "今天" * 75_000,
                    "utterances": five_hours(
                        lambda start, end: {"text": "今天", "start_time": start, "end_time": end},
                        lambda start, end, words: {
                            "text": "今天",
                            "start_time": start,
                            "end_time": end,
                            "words": words,
                        },
                    ),
                }
            },
            id="volcengine",
        ),
        exhaustive(
            "abcpen",
            lambda: {
                "code": "0",
                "data": {
                    "data": {
                        "speechResult": {
                            "onebest": "今天" * 75_000,
                            "detail": five_hours(
                                lambda start, end: {
                                    "words": "今天",
                                    "wordBg": str(start),
                                    "wordEd": str(end),
                                    "wp": "1",
                                },
                                lambda start, end, words: {
                                    "sentences": "今天",
                                    "wordBg": str(start),
                                    "wordEd": str(end),
                                    "wordsResultList": words,
                                },
                            ),
                        }
                    }
                },
            },
            id="abcpen",
        ),
        exhaustive(
            "tencent-rec-task",
            lambda: {
                "Response": {
                    "Data": {
                        "TaskId": 1,
                        "Status": 2,
                        "Result": "",
                        "ResultDetail": five_hours(
                            lambda start, end: {
                                "Word": "今天",
                                "OffsetStartMs": start % SENTENCE_MS,
                                "OffsetEndMs": end % SENTENCE_MS,
                            },
                            lambda start, end, words: {
                                "FinalSentence": "今天",
                                "StartMs": start,
                                "EndMs": end,
                                "Words": words,
                            },
                        ),
                    }
                }
            },
            id="tencent-rec-task",
        ),
        exhaustive(
            "volcengine-bigmodel",
            lambda: {
                "code": 20000000,
                "result": {
                    "text": "今天" * 75_000,
                    "utterances": five_hours(
                        lambda start, end: {"text": "今天", "start_time": start, "end_time": end, "confidence": 0},
                        lambda start, end, words: {
                            "text": "今天",
                            "start_time": start,
                            "end_time": end,
                            "words": words,
                        },
                    ),
                },
            },
            id="volcengine-bigmodel",
        ),
        exhaustive(
            "abcpen-offline",
            lambda: {
                "code": "0",
                "asr": {
                    "speechResult": {
                        "onebest": "今天" * 75_000,
                        "detail": five_hours(
                            lambda start, end: {"word": "今天", "start": start, "end": end},
                            lambda start, end, words: {"text": "今天", "start": start, "end": end, "words": words},
                        ),
                    }
                },
            },
            id="abcpen-offline",
        ),
    ],
)
def test_five_hours_of_words(name, made):
    result = VENDORS[name].read_query(answer(made()), a_recognition_request())

    assert len(result.utterances) == SENTENCES_IN_5_HOURS
    assert sum(len(utterance.words) for utterance in result.utterances) == 75_000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[0:1.000,0:2.000]  " + "一\n" * 500_000, id="half-a-million-lines-without-a-mark"),
        pytest.param("[0:1.000,0:2.000]  一\n" * 50_000, id="fifty-thousand-sentences"),
        pytest.param("%41" * 300_000 + "!", id="escapes-that-are-none"),
        pytest.param("[" * 500_000, id="brackets"),
    ],
)
def test_long_callback_is_read_in_linear_time(text):
    body = f"code=0&requestId=1&text={text}".encode()

    callback = VENDORS["tencent-recording"].read_callback(body, "", a_recognition_request())

    assert isinstance(callback.outcome, Recognition)


@pytest.mark.parametrize(("more", "is_read"), [(0, True), (1, False)])
def test_callback_form_with_too_many_fields_is_not_read(more, is_read):
    """The documented form has 9 fields; each further one would cost memory before the callback's signature counts."""
    body = b"code=0" + b"&x=1" * (MOST_FIELDS - 1 + more)

    fields = callback_fields(body, "application/x-www-form-urlencoded")

    assert ("code" in fields) is is_read


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_long_value_of_a_form_is_decoded_wherever_it_is_parted(moved):
    body = b"code=0&message=" + b"a" * moved + b"%5B%E4%BC%9A+%25%" * 20_000

    fields = callback_fields(body, "application/x-www-form-urlencoded")

    assert fields["message"] == "a" * moved + "[会 %%" * 20_000
