"""Options at their four levels: what each level can say, what it refuses and how, and which level wins."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.option_sources import (
    LARGEST_SIDECAR_BYTES,
    fold,
    merge,
    metadata_name,
    read_default,
    read_metadata,
    read_request,
    read_sidecar,
)
from asrcore.core.options import ALLOWED, Options, RequestedOptions
from asrcore.core.parameters import Choice, JsonObject
from asrcore.settings import Settings
from asrcore.vendors.registry import VENDORS

KEY = "incoming/auto/call.wav"
ENVIRONMENT = {
    "JOBS_TABLE": "j",
    "TRANSCRIPT_BUCKET": "t",
    "SECRET_ARN": "s",
    "VENDOR_CHAIN": "abcpen",
    "ROW_RETENTION_DAYS": "1",
    "STACK_NAME": "a",
}


def sidecar(document, key=KEY):
    return read_sidecar(key, json.dumps(document).encode(), VENDORS)


def refused(read):
    with pytest.raises(AsrError) as failure:
        read()
    assert failure.value.error_class is ErrorClass.CONFIG
    assert failure.value.code == "BadOption"
    return failure.value.message


class TestMetadata:
    @pytest.mark.parametrize(
        ("metadata", "expected"),
        [
            pytest.param({}, Options(), id="nothing"),
            pytest.param({"content-note": "x"}, Options(), id="what is not ours is left alone"),
            pytest.param({"asr-language": "zh"}, Options(language="zh-CN"), id="a short language"),
            pytest.param({"asr-language": "en-US"}, Options(language="en-US"), id="a language"),
            pytest.param({"asr-speakers": "2"}, Options(speakers=2), id="a number"),
            pytest.param({"asr-words": "false"}, Options(words=False), id="a switch"),
            pytest.param({"asr-channels": "mix"}, Options(channels="mix"), id="channels"),
            pytest.param({"asr-hotwords": "腾讯，云"}, Options(hotwords=["腾讯", "云"]), id="words, Chinese comma"),
            pytest.param(
                {"asr-hotwords": "%E8%85%BE%E8%AE%AF,x"}, Options(hotwords=["腾讯", "x"]), id="percent-encoded"
            ),
            pytest.param(
                {"asr-tencent-sentence-filterdirty": "2"},
                Options(vendor={"tencent-sentence": {"FilterDirty": 2}}),
                id="a vendor's own, in the small letters of S3",
            ),
            pytest.param(
                {"asr-volcengine-boosting-table-name": "%E5%90%8D"},
                Options(vendor={"volcengine": {"boosting_table_name": "名"}}),
                id="a vendor's own, with hyphens, percent-encoded",
            ),
            pytest.param(
                {"asr-abcpen-audio-denoise": "True"},
                Options(vendor={"abcpen": {"audio_denoise": True}}),
                id="a vendor's switch",
            ),
        ],
    )
    def test_metadata_is_read_as_options(self, metadata, expected):
        assert read_metadata(metadata, VENDORS) == RequestedOptions(options=expected)

    def test_metadata_names_a_vendor(self):
        assert read_metadata({"asr-vendor": "abcpen"}, VENDORS).vendor == "abcpen"

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            pytest.param("asr-speakers", "11", "allowed: 0 to 10", id="out of range"),
            pytest.param("asr-language", "chinese!", "such as `zh-CN`", id="no language"),
            pytest.param("asr-words", "perhaps", "allowed: true, false", id="no switch"),
            pytest.param("asr-channels", "left", "allowed: split, mix", id="no way of channels"),
            pytest.param("asr-colour", "red", "known are asr-vendor, asr-language", id="unknown"),
            pytest.param(
                "asr-tencent-sentence-filterdirty", "3", "0 (keep), 1 (leave out)", id="a vendor's, out of range"
            ),
            pytest.param("asr-abcpen-max-alternatives", "6", "allowed: 0 to 5", id="a vendor's, above"),
            pytest.param("asr-abcpen-max-alternatives", "some", "allowed: 0 to 5", id="a vendor's, no number"),
            pytest.param("asr-abcpen-colour", "red", "asr-abcpen-audio-denoise", id="a vendor's, unknown"),
            pytest.param(
                "asr-tencent-sentence-hotwordlist", "a|12", "weights 1 to 11 or 100", id="a vendor's, no weight"
            ),
        ],
    )
    def test_invalid_metadata_is_rejected(self, name, value, said):
        message = refused(lambda: read_metadata({name: value}, VENDORS))

        assert f"object metadata {name}" in message
        assert said in message

    def test_repeated_name_in_two_spellings_is_rejected(self):
        assert "twice" in refused(lambda: read_metadata({"asr-hotwords": "a", "ASR_hotwords": "b"}, VENDORS))

    def test_unknown_vendor_is_rejected_with_the_known_ones(self):
        with pytest.raises(AsrError, match=r"UnknownVendor.*asr-vendor.*auto, tencent-sentence"):
            read_metadata({"asr-vendor": "unknown"}, VENDORS)


class TestSidecar:
    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            pytest.param({}, RequestedOptions(), id="nothing"),
            pytest.param({"vendor": "auto"}, RequestedOptions(vendor="auto"), id="a vendor"),
            pytest.param({"speakers": None, "vendor": None}, RequestedOptions(), id="null says nothing"),
            pytest.param({"hotwords": ["a,b"]}, RequestedOptions(options=Options(hotwords=["a,b"])), id="a list"),
            pytest.param(
                {"inverse-text-normalization": True},
                RequestedOptions(options=Options(inverse_text_normalization=True)),
                id="hyphens",
            ),
            pytest.param(
                {"tencent-sentence": {"FilterDirty": 1}, "abcpen": {"HAS_SMOOTH": False}},
                RequestedOptions(
                    options=Options(vendor={"tencent-sentence": {"FilterDirty": 1}, "abcpen": {"has_smooth": False}})
                ),
                id="two vendors' own",
            ),
        ],
    )
    def test_sidecar_is_read_as_options(self, document, expected):
        assert sidecar(document) == expected

    @pytest.mark.parametrize(
        ("document", "said"),
        [
            pytest.param([], "not a JSON object", id="a list"),
            pytest.param({"speakers": True}, "speakers=True: allowed: 0 to 10", id="true is no 1"),
            pytest.param({"speakers": {}}, "speakers={}: allowed", id="an object in the place of a value"),
            pytest.param({"volcengine": 1}, "volcengine is not known", id="a value in the place of an object"),
            pytest.param({"colour": None}, "colour is not known", id="unknown, though null"),
            pytest.param({"abcpen": {"colour": 1}}, "abcpen.max_alternatives", id="a vendor's, unknown"),
            pytest.param({"abcpen": {"eng_rlang": 1.5}}, "abcpen.eng_rlang=1.5: allowed: 0 to 9", id="no whole number"),
            pytest.param({"hotwords": ["\ud800"]}, "hotwords=", id="half a character"),
            pytest.param(
                {"volcengine": {"boosting_table_name": "\ud800"}}, "without spaces", id="half a character, vendor's"
            ),
        ],
    )
    def test_invalid_sidecar_is_rejected(self, document, said):
        message = refused(lambda: sidecar(document))

        assert f"the sidecar {KEY}.asr.json:" in message
        assert said in message

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"speakers": 1e999}', b"9" * 5000])
    def test_invalid_bytes_are_rejected(self, body):
        refused(lambda: read_sidecar(KEY, body, VENDORS))

    def test_sidecar_size_is_bounded(self):
        most = json.dumps({}).encode().ljust(LARGEST_SIDECAR_BYTES)

        assert read_sidecar(KEY, most, VENDORS) == RequestedOptions()
        assert "64 KB" in refused(lambda: read_sidecar(KEY, most + b" ", VENDORS))


class TestStack:
    def test_default_options_are_read_at_the_start(self):
        settings = Settings.from_environment({**ENVIRONMENT, "DEFAULT_OPTIONS": '{"punctuation": true}'})

        assert settings.defaults == RequestedOptions(options=Options(punctuation=True))

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            pytest.param("{", "not JSON", id="not JSON"),
            pytest.param('{"speakers": 99}', "0 to 10", id="out of range"),
            pytest.param('{"vendor": "abcpen"}', "VendorChain", id="a vendor"),
        ],
    )
    def test_invalid_default_options_stop_the_start(self, text, said):
        message = refused(lambda: Settings.from_environment({**ENVIRONMENT, "DEFAULT_OPTIONS": text}))

        assert "the stack parameter DefaultOptions" in message
        assert said in message


def test_request_options_are_those_of_a_sidecar():
    options = {"speakers": 2, "abcpen": {"audio_denoise": True}}

    assert read_request("abcpen", options, VENDORS) == sidecar({"vendor": "abcpen", **options})
    assert read_default(json.dumps(options), VENDORS) == read_request(None, options, VENDORS)


def test_metadata_names_of_parameters_are_unique():
    own = [metadata_name(vendor.name, name) for vendor in VENDORS.values() for name in vendor.parameters]
    canonical = [metadata_name(name) for name in ("vendor", *ALLOWED)]

    assert len({*own, *canonical}) == len(own) + len(canonical)


def test_every_option_lists_its_allowed_values():
    assert ALLOWED.keys() == Options.model_fields.keys() - {"vendor"}


SAID = {
    "language": st.sampled_from(["zh-CN", "en-US"]),
    "speakers": st.integers(0, 10),
    "punctuation": st.booleans(),
    "words": st.booleans(),
    "channels": st.sampled_from(["split", "mix"]),
    "hotwords": st.lists(st.sampled_from(["a", "笔声"]), max_size=3),
    "vendor": st.dictionaries(
        st.sampled_from(["abcpen", "volcengine"]),
        st.dictionaries(st.sampled_from(["p", "q"]), st.integers(0, 3), min_size=1),
        min_size=1,
    ),
}
REQUESTS = st.builds(
    RequestedOptions,
    vendor=st.sampled_from([None, "auto", "abcpen"]),
    options=st.fixed_dictionaries({}, optional=SAID).map(Options.model_validate),
)


def parts(requested):
    """What a requested says, each thing by itself."""
    said = requested.options.model_dump()
    own = said.pop("vendor", {})
    named = {("vendor",): requested.vendor} if requested.vendor else {}
    return {
        **named,
        **{("option", name): value for name, value in said.items()},
        **{(vendor, name): value for vendor, table in own.items() for name, value in table.items()},
    }


@given(st.lists(REQUESTS, max_size=4))
def test_precedence_applies_to_each_option(levels):
    expected = {}
    for level in levels:
        expected |= parts(level)

    assert parts(merge(*levels)) == expected


@given(st.lists(REQUESTS, max_size=3))
def test_requested_options_survive_the_row(levels):
    requested = merge(*levels)

    assert parts(RequestedOptions.model_validate_json(requested.model_dump_json())) == parts(requested)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*ALLOWED, "vendor", *VENDORS]) | st.text(max_size=12)
INNER = st.sampled_from(sorted({name for vendor in VENDORS.values() for name in vendor.parameters}))
DOCUMENTS = st.dictionaries(NAMES, JSON | st.dictionaries(INNER, JSON, max_size=3), max_size=4)


def refusal(read):
    """Return the reason for a rejection; None for options that can be stored."""
    try:
        requested = read()
    except AsrError as error:
        return error
    assert RequestedOptions.model_validate_json(requested.model_dump_json()) == requested
    return None


def is_known_refusal(error):
    return error.code in {"BadOption", "UnknownVendor"} and bool(error.message.encode())


@given(st.binary(max_size=200) | DOCUMENTS.map(lambda document: json.dumps(document).encode()))
def test_any_sidecar_is_read_or_rejected(body):
    error = refusal(lambda: read_sidecar(KEY, body, VENDORS))

    assert error is None or is_known_refusal(error)


@given(
    st.dictionaries(st.text(max_size=30) | NAMES.map(metadata_name) | INNER.map(fold), st.text(max_size=30), max_size=4)
)
def test_any_metadata_is_read_or_rejected(metadata):
    error = refusal(lambda: read_metadata(metadata, VENDORS))

    assert error is None or is_known_refusal(error)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param({"Domain": 0}, '{"Domain":0}', id="an object"),
        pytest.param(' {"名": "a\\nb"}', '{"名":"a\\nb"}', id="its text"),
        pytest.param("{}", "{}", id="an empty one"),
        pytest.param("[1]", None, id="a list"),
        pytest.param('{"Domain": ', None, id="half of one"),
        pytest.param({"Domain": float("nan")}, None, id="what JSON does not know"),
        pytest.param({"a": "\ud800"}, None, id="half a character"),
        pytest.param({"a": "b" * 40}, None, id="too long"),
    ],
)
def test_json_object_parameter_is_sent_as_text(value, text):
    assert JsonObject("settings", longest=40).find(value) == text


def test_choice_parameter_accepts_its_words():
    choice = Choice("a mode", ("fast", "exact"))

    assert choice.read(" fast ") == "fast"
    with pytest.raises(ValueError, match="allowed: fast, exact"):
        choice.read("slow")
