"""abcpen offline recognition, the generation of its SDK v2: submitted with a task id that we choose, queried with GET.

`get_result` also reports that a task is not finished, so a query is one request.
Source: abcpen SDK v2, asr-offline (submit_task, check_status, get_result); signature document.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from asrcore.vendors import abcpen, asr, coerce, error_hints, failure_text

PATH = "/asr-offline"
LANGUAGES = MappingProxyType({"zh-CN": "zh", "en-US": "en"})

_KEYS = asr.Message("advice.abcpen-offline-keys")
_ACCEPTED = frozenset({asr.CodeKind.SUCCESS, asr.CodeKind.IN_PROGRESS})
_DONE, _NOT_FOUND, _FAILED = frozenset({"0", "completed"}), "not_found", "-1"
WITH_SPEAKERS = "asr_sd"


class AbcpenOffline(asr.Vendor):
    """Up to ten hours of Chinese or English; accepts a URL only, and 100 recordings a day."""

    name = "abcpen-offline"
    limits = asr.Limits(
        formats=frozenset({"wav", "mp3", "m4a", "flac"}),
        codecs=MappingProxyType({"wav": frozenset({"pcm_s16le"}), "m4a": frozenset({"aac"})}),
        refused=asr.NOT_16_BIT,
        languages=frozenset(LANGUAGES),
        max_duration_ms=10 * 60 * 60 * 1000,  # 4 hours in another of the vendor's documents
        channels=frozenset({1, 2}),
        max_size_bytes=500 * 1000 * 1000,
    )
    # published: 5 per second for each IP address, 100 per day and application
    tuning = asr.Tuning(submissions_per_second=5, submissions_per_day=100)
    completion_modes = frozenset({asr.Completion.QUERY})
    supported_options = frozenset({"speakers", "words", "channels"})
    parameters = MappingProxyType(
        {
            "sd_type": asr.Choice("algorithm that distinguishes speakers; default v2", ("v1", "v2")),
            "denoise": asr.Switch("reduce noise first, which is slow; default false"),
            "min_speaker_num": asr.Whole("smallest number of speakers; overrides speakers", 1, 100),
            "max_speaker_num": asr.Whole("largest number of speakers; overrides speakers", 1, 100),
            "org_id": asr.a_name("organization with registered speakers"),
            "tag_id": asr.a_name("group of registered speakers"),
            "audio_type": asr.a_name("processing: asr, or asr_sd with speakers; overrides speakers"),
            "word_timestamp": asr.Switch("times of words; undocumented, and not needed for words"),
        }
    )
    secret_name = "abcpen"  # noqa: S105 - where the secret lies
    secret_fields = ("appid", "api_key")
    codes = MappingProxyType(
        {
            "0": asr.Code(asr.CodeKind.SUCCESS, asr.Message("meaning.finished")),
            "1": asr.Code(asr.CodeKind.IN_PROGRESS, asr.Message("meaning.not-finished")),
            _FAILED: asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.vendor-system-failed"), error_hints.WAIT),
            "400": asr.Code(asr.CodeKind.CONFIG, asr.Message("meaning.parameter-missing-wrong"), error_hints.REPORT),
            "401": asr.Code(asr.CodeKind.CONFIG, asr.Message("meaning.signature-not-verify-expired"), _KEYS),
            "500": asr.Code(asr.CodeKind.RETRY, asr.Message("meaning.vendor-server-failed"), error_hints.WAIT),
            "success": asr.Code(asr.CodeKind.SUCCESS, asr.Message("meaning.taken-over")),
            "queued": asr.Code(asr.CodeKind.IN_PROGRESS, asr.Message("meaning.vendor-queue")),
            "processing": asr.Code(asr.CodeKind.IN_PROGRESS, asr.Message("meaning.being-recognized")),
            "completed": asr.Code(asr.CodeKind.SUCCESS, asr.Message("meaning.finished")),
            _NOT_FOUND: asr.Code(
                asr.CodeKind.CONFIG,
                asr.Message("meaning.task-not-found"),
                asr.Message("advice.submit-again"),
            ),
            "unknown": asr.Code(
                asr.CodeKind.RETRY, asr.Message("meaning.vendor-not-know-state-task"), error_hints.WAIT
            ),
        }
    )

    task_codes = frozenset({_FAILED})
    unknown_task_codes = frozenset({_NOT_FOUND})

    def chosen_task_id(self, request: asr.RecognitionRequest) -> str:
        return asr.attempt_uuid(request)

    def unsupported_options(self, request: asr.RecognitionRequest) -> set[str]:
        # It mixes a stereo recording, and returns no channels.
        no_channels = {"channels"} if request.options.channels == "split" and request.audio.channels != 1 else set()
        return super().unsupported_options(request) | no_channels

    def submit_request(self, submission: asr.Submission) -> asr.HttpRequest:
        body: dict[str, Any] = {
            "audio_url": submission.delivery.required_url(),
            "app_id": submission.endpoint.credentials["appid"],
            "task_id": self.chosen_task_id(submission.request),
            "language": LANGUAGES[submission.request.options.language],
            "denoise": False,  # as the vendor advises
        }
        if (speakers := submission.request.options.speakers) is not None:
            body["audio_type"] = WITH_SPEAKERS
        if speakers:  # 0 lets the vendor count them
            body |= {"min_speaker_num": speakers, "max_speaker_num": speakers}
        body |= self.vendor_options(submission.request)
        headers = {"Content-Type": "application/json", **_signed(submission.endpoint, submission.now)}
        return asr.HttpRequest(
            "POST", _address(submission.endpoint, "submit_task"), headers, json.dumps(body, ensure_ascii=False).encode()
        )

    def read_submit(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.Accepted:
        document, code = self._answer(reply)
        known = self.codes.get(code)
        # The reply to a repeated submission may be the state of the task.
        if known is None or known.kind not in _ACCEPTED:
            raise self.error(code, _message(document))
        # The vendor's own id, in case it did not accept ours.
        task_id = coerce.identifier(document.get("task_id"))
        if task_id is None:
            raise self.unusable(reply, "NoTaskId", asr.Message("reply.no-task-id"))
        return asr.Accepted(task_id)

    def query_request(self, vendor_task_id: str, endpoint: asr.VendorEndpoint, *, now: int) -> asr.HttpRequest:
        address = f"{_address(endpoint, 'get_result')}/{quote(vendor_task_id, safe='')}"
        return asr.HttpRequest("GET", address, _signed(endpoint, now))

    def read_result(self, reply: asr.HttpReply, request: asr.RecognitionRequest) -> asr.InProgress | asr.Recognition:
        # A 404 in JSON without a message is from the API itself, about the task in the URL.
        document, code = self._answer(reply, unsaid=_NOT_FOUND if reply.status == 404 else "")
        known = self.codes.get(code)
        if known is not None and known.kind is asr.CodeKind.IN_PROGRESS:
            return asr.InProgress()
        if code not in _DONE:
            raise self.error(code, _message(document))
        result = _result(document)
        if "onebest" not in result and "detail" not in result:
            raise self.unusable(reply, "NoResult", asr.Message("reply.no-result"))
        return _recognition(result, request)

    def look_up(self, code: str, message: str = "") -> asr.Code:
        """Return a code's meaning; for a failed task, the cause that its message names."""
        known = super().look_up(code, message)
        return (code == _FAILED and failure_text.cause(message)) or known

    def _answer(self, reply: asr.HttpReply, *, unsaid: str = "") -> tuple[Mapping[str, Any], str]:
        """Return the reply's document, and its code or else its status. An unknown task has precedence over both.

        unsaid: the code of a document that has neither; if empty, such a document raises AsrError.
        """
        document = self.parse_json(reply)
        code, status = coerce.text(document.get("code")), coerce.text(document.get("status"))
        reported = status if status == _NOT_FOUND else code or status or unsaid
        return document, self.checked_code(reply, reported)


def _signed(endpoint: asr.VendorEndpoint, now: int) -> dict[str, str]:
    appid = endpoint.credentials["appid"]
    return {
        "X-App-Key": appid,
        "X-Timestamp": str(now),
        "X-App-Signature": abcpen.sign(appid, str(now), endpoint.credentials["api_key"]),
    }


def _address(endpoint: asr.VendorEndpoint, call: str) -> str:
    return f"{endpoint.base_url.rstrip('/')}{PATH}/{call}/v1"


def _message(document: Mapping[str, Any]) -> str:
    return coerce.text(coerce.first(document, "message", "msg", "detail"))


def _result(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the result, at the top or, as in a similar API of the vendor, inside `data`."""
    answer = coerce.first(document, "asr") or coerce.mapping(document.get("data")).get("asr")
    return coerce.mapping(coerce.mapping(answer).get("speechResult"))


def _recognition(result: Mapping[str, Any], request: asr.RecognitionRequest) -> asr.Recognition:
    # Labels are kept even when none were requested: the vendor's document says that they always come, a recorded
    # reply has none.
    with_words = request.options.words is not False
    sentences = coerce.mappings(result.get("detail"))
    spans = coerce.spans(sentences, ("start",), ("end",), earliest_ms=0)
    return asr.recognition(
        [
            asr.Utterance(
                start_ms=start_ms,
                end_ms=end_ms,
                text=coerce.text(sentence.get("text")),
                speaker=_speaker(sentence.get("speaker")),
                words=_words(sentence, start_ms) if with_words else [],
            )
            for sentence, (start_ms, end_ms) in zip(sentences, spans, strict=True)
        ],
        text=coerce.text(result.get("onebest")) or None,
        duration_ms=coerce.milliseconds(result.get("duration"), unit_ms=1000),
    )


def _speaker(label: object) -> str | None:
    """Return a speaker's label; the first of a list, which means that several speak at once."""
    first = next(iter(label), None) if isinstance(label, list) else label
    return coerce.text(first) or None


def _words(sentence: Mapping[str, Any], sentence_start_ms: int | None) -> list[asr.Word]:
    words = coerce.mappings(sentence.get("words"))
    spans = coerce.spans(words, ("start",), ("end",), earliest_ms=sentence_start_ms)
    return [
        asr.Word(start_ms=start_ms, end_ms=end_ms, text=coerce.text(word.get("word")))
        for word, (start_ms, end_ms) in zip(words, spans, strict=True)
    ]
