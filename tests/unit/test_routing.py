"""Which vendor gets a recording that named none, and the reason in words."""

from dataclasses import replace

import pytest

from asrcore.core.audio import probe
from asrcore.core.choice import ChoiceReason, VendorChoice
from asrcore.core.routing import choose
from asrcore.vendors.registry import VENDORS
from tests.support import tones
from tests.support.recognition_requests import a_recognition_request

CHAIN = ["tencent-sentence", "tencent-rec-task", "volcengine-bigmodel", "tencent-recording"]


def selected(options=None, *, named=False, chain=CHAIN, lacking=None, **audio):
    request = replace(a_recognition_request(options=options, **audio), named=named)
    return choose(request, chain, VENDORS, lambda vendor: lacking if vendor.name == CHAIN[0] else None)


def test_vendor_order_without_options_is_the_chains():
    found = selected()

    assert found.vendors == CHAIN
    assert found.choice == VendorChoice(code=ChoiceReason.FIRST_IN_CHAIN)


def test_vendors_that_support_every_option_come_first():
    found = selected({"speakers": 0})

    # tencent-recording distinguishes speakers at 8 kHz only.
    assert found.vendors == ["tencent-rec-task", "volcengine-bigmodel", "tencent-sentence", "tencent-recording"]
    assert found.choice.code is ChoiceReason.SUPPORTS_OPTIONS
    assert found.choice.params == {"options": ["speakers"], "passed_over": ["tencent-sentence"]}


def test_partial_support_ranks_as_none():
    found = selected({"speakers": 0, "hotwords": ["词"]}, chain=["tencent-recording", "tencent-sentence"])

    assert found.vendors == ["tencent-recording", "tencent-sentence"]
    assert found.choice == VendorChoice(
        code=ChoiceReason.NONE_SUPPORTS_ALL, params={"options": ["hotwords", "speakers"]}
    )


def test_vendor_that_refuses_the_recording_is_not_passed_over():
    found = selected({"speakers": 0}, duration_ms=90_000)

    assert found.vendors[0] == "tencent-rec-task"
    assert found.choice.code is ChoiceReason.FIRST_IN_CHAIN


def test_vendor_without_credentials_is_not_passed_over():
    found = selected({"speakers": 0}, lacking="the secret lacks it")

    assert found.vendors[0] == "tencent-rec-task"
    assert found.choice.code is ChoiceReason.FIRST_IN_CHAIN


def test_parameter_under_a_vendors_name_moves_no_vendor():
    found = selected({"vendor": {"volcengine-bigmodel": {"end_window_size": 800}}})

    assert found.vendors == CHAIN
    assert found.choice.code is ChoiceReason.FIRST_IN_CHAIN


def test_channels_of_a_mono_recording_move_no_vendor():
    assert selected({"channels": "split"}).vendors == CHAIN


@pytest.mark.parametrize("message", [tones.amr(), tones.silk(), tones.silk(first=b"")], ids=["amr", "wechat", "silk"])
def test_voice_message_goes_to_the_vendor_that_answers_at_once(message):
    audio = probe(lambda offset, length: message[offset : offset + length], len(message), "message")

    assert selected(**audio.model_dump()).vendors[0] == "tencent-sentence"


def test_named_vendor_is_chosen_because_it_was_named():
    found = selected({"speakers": 0}, named=True, chain=["tencent-sentence"])

    assert found.vendors == ["tencent-sentence"]
    assert found.choice.code is ChoiceReason.NAMED


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (VendorChoice(code=ChoiceReason.NAMED), "chosen because it was named"),
        (
            VendorChoice(code=ChoiceReason.FIRST_IN_CHAIN),
            "chosen because it is the first of the chain that accepts the recording",
        ),
        (
            VendorChoice(
                code=ChoiceReason.SUPPORTS_OPTIONS,
                params={"options": ["speakers"], "passed_over": ["tencent-sentence"]},
            ),
            "chosen because it supports speakers; earlier in the chain, tencent-sentence cannot do so",
        ),
        (
            VendorChoice(
                code=ChoiceReason.SUPPORTS_OPTIONS,
                params={"options": ["domain", "speakers", "words"], "passed_over": ["a", "b"]},
            ),
            "chosen because it supports domain, speakers, words; earlier in the chain, a, b cannot do so",
        ),
        (
            VendorChoice(code=ChoiceReason.NONE_SUPPORTS_ALL, params={"options": ["hotwords"]}),
            "chosen because it is the first of the chain that accepts the recording; no vendor that accepts it supports"
            " every option, and it leaves out hotwords",
        ),
        (
            VendorChoice(code=ChoiceReason.FAILOVER, params={"vendor": "a", "error_code": "1005"}),
            "chosen because a failed with 1005",
        ),
    ],
    ids=lambda value: value.code if isinstance(value, VendorChoice) else "",
)
def test_choice_text_is_one_sentence(choice, text):
    assert choice.text == text


def test_choice_reads_back_from_its_row():
    choice = VendorChoice(code=ChoiceReason.NONE_SUPPORTS_ALL, params={"options": ["hotwords"]})

    assert VendorChoice.model_validate(choice.model_dump(mode="json")) == choice
