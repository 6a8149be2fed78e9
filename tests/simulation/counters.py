"""Every vendor that a schedule can name, with its desk: toys, and the registry's vendors in their own messages."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from asrcore.core.vendor import HttpReply, HttpRequest, Vendor
from asrcore.vendors.registry import VENDORS
from tests.simulation.fake_vendors import TEXT, Desk, Submission, Task
from tests.simulation.toys import TOYS
from tests.support.pipeline import wav

LINE = f"[0:0.000,0:0.900]  {TEXT}\n"
RECORDING = wav()
FORM = "application/x-www-form-urlencoded"


class TencentCloudDesk(Desk):
    """What the two newer APIs of Tencent have in common: an action in a header, and errors under `Response`."""

    errors: Mapping[str, str] = {
        "retry": "RequestLimitExceeded",
        "config": "AuthFailure.SecretIdNotFound",
        "bad_audio": "InvalidParameterValue.ErrorInvalidVoicedata",
    }

    def refused(self, error_class: str) -> HttpReply:
        return _response(Error={"Code": self.errors[error_class], "Message": "refused"})


class TencentSentenceDesk(TencentCloudDesk):
    """One-sentence recognition."""

    def read(self, request: HttpRequest) -> Submission | str:
        return Submission(json.loads(request.body)["Url"])

    def result(self, task: Task) -> HttpReply:
        return _response(Result=TEXT, AudioDuration=1000)


class TencentRecTaskDesk(TencentCloudDesk):
    """Recording recognition, the newer API."""

    repeats_callbacks = True
    messages: Mapping[str, str] = {
        "retry": "failed to download audio",
        "config": "the vendor names no reason",
        "bad_audio": "audio decode failed",
    }

    def read(self, request: HttpRequest) -> Submission | str:
        body = json.loads(request.body)
        if request.headers["X-TC-Action"] == "DescribeTaskStatus":
            return str(body["TaskId"])
        return Submission(body["Url"], body["CallbackUrl"])

    def accepted(self, task: Task) -> HttpReply:
        return _response(Data={"TaskId": int(task.task_id)})

    def working(self, task: Task) -> HttpReply:
        return _response(Data={"TaskId": int(task.task_id), "Status": 1, "StatusStr": "doing"})

    def result(self, task: Task) -> HttpReply:
        return _response(Data={"TaskId": int(task.task_id), "Status": 2, "Result": LINE, "AudioDuration": 1.0})

    def failed(self, task: Task) -> HttpReply:
        return _response(Data={"TaskId": int(task.task_id), "Status": 3, "ErrorMsg": self.messages[task.failure or ""]})

    def unknown(self) -> HttpReply:
        return _response(Error={"Code": "FailedOperation.NoSuchTask", "Message": "no such task"})

    def callback(self, task: Task) -> tuple[bytes, str]:
        return _tencent_callback(task)


class TencentRecordingDesk(Desk):
    """Recording recognition, the legacy API."""

    repeats_callbacks = True
    errors: Mapping[str, int] = {"retry": 1021, "config": 1027, "bad_audio": 1032}

    def read(self, request: HttpRequest) -> Submission | str:
        parameters = dict(parse_qsl(urlsplit(request.url).query))
        return Submission(parameters["url"], parameters["callback_url"])

    def accepted(self, task: Task) -> HttpReply:
        return _json({"code": 0, "message": "success", "requestId": int(task.task_id)})

    def refused(self, error_class: str) -> HttpReply:
        return _json({"code": self.errors[error_class], "message": "refused"})

    def result(self, task: Task) -> HttpReply:
        raise LookupError("it cannot be asked")

    def callback(self, task: Task) -> tuple[bytes, str]:
        return _tencent_callback(task)


class VolcengineDesk(Desk):
    """AUC, standard edition v1."""

    errors: Mapping[str, int] = {"retry": 1022, "config": 1002, "bad_audio": 1012}

    def read(self, request: HttpRequest) -> Submission | str:
        body = json.loads(request.body)
        if request.url.endswith("/query"):
            return str(body["id"])
        return Submission(body["audio"]["url"], body["request"]["callback"])

    def accepted(self, task: Task) -> HttpReply:
        return self._answer(1000, id=task.task_id)

    def refused(self, error_class: str) -> HttpReply:
        return self._answer(self.errors[error_class])

    def working(self, task: Task) -> HttpReply:
        return self._answer(2000, id=task.task_id)

    def result(self, task: Task) -> HttpReply:
        utterances = [{"start_time": 0, "end_time": 900, "text": TEXT}]
        return self._answer(1000, id=task.task_id, text=TEXT, utterances=utterances)

    def failed(self, task: Task) -> HttpReply:
        return self._answer(self.errors[task.failure or ""], id=task.task_id)

    def unknown(self) -> HttpReply:
        return self._answer(1001)

    def callback(self, task: Task) -> tuple[bytes, str]:
        reply = self.failed(task) if task.failure else self.result(task)
        return reply.body, "application/json"

    def _answer(self, code: int, **rest: Any) -> HttpReply:
        return _json({"resp": {"code": code, "message": "", **rest}})


class VolcengineBigmodelDesk(Desk):
    """Big-model edition: the outcome is in headers, the caller chooses ids within a resource, a known id is refused.

    The account has model 1.0 only, so that each first submission is refused.
    """

    errors: Mapping[str, int] = {"retry": 55000000, "config": 45000010, "bad_audio": 45000151}

    def answer(self, request: HttpRequest) -> HttpReply:
        if request.headers["X-Api-Resource-Id"] != "volc.bigasr.auc":
            return HttpReply(403, b'{"header": {"reqid": "r", "code": 45000030, "message": "not granted"}}')
        return super().answer(request)

    def read(self, request: HttpRequest) -> Submission | str:
        task_id = f"{request.headers['X-Api-Resource-Id']}/{request.headers['X-Api-Request-Id']}"
        if request.url.endswith("/query"):
            return task_id
        body = json.loads(request.body)
        return Submission(body["audio"]["url"], body["callback"], task_id)

    def accepted(self, task: Task) -> HttpReply:
        return self._answer(20000000)

    def known_already(self, task: Task) -> HttpReply:
        return self._answer(45000001)

    def refused(self, error_class: str) -> HttpReply:
        return self._answer(self.errors[error_class])

    def working(self, task: Task) -> HttpReply:
        return self._answer(20000001)

    def result(self, task: Task) -> HttpReply:
        utterances = [{"start_time": 0, "end_time": 900, "text": TEXT}]
        document = {"audio_info": {"duration": 1000}, "result": {"text": TEXT, "utterances": utterances}}
        return self._answer(20000000, document)

    def failed(self, task: Task) -> HttpReply:
        return self._answer(self.errors[task.failure or ""])

    def unknown(self) -> HttpReply:
        return self._answer(45000000)

    def callback(self, task: Task) -> tuple[bytes, str]:
        return (b"{}" if task.failure else self.result(task).body), "application/json"

    def _answer(self, code: int, document: Mapping[str, Any] | None = None) -> HttpReply:
        return HttpReply(
            200, json.dumps(document or {}).encode(), {"x-api-status-code": str(code), "x-api-message": ""}
        )


class AbcpenDesk(Desk):
    """Long speech, v1: a form to submit, a GET to ask."""

    errors: Mapping[str, str] = {"retry": "10700", "config": "10110", "bad_audio": "10701"}

    def read(self, request: HttpRequest) -> Submission | str:
        if request.method == "GET":
            return parse_qs(urlsplit(request.url).query)["task_id"][0]
        return Submission(dict(parse_qsl(request.body.decode()))["audio_url"])

    def accepted(self, task: Task) -> HttpReply:
        return _json({"code": "0", "desc": "success", "data": {"task_id": task.task_id}})

    def refused(self, error_class: str) -> HttpReply:
        return _json({"code": self.errors[error_class], "desc": "refused"})

    def working(self, task: Task) -> HttpReply:
        return _json({"code": "-1", "desc": "processing"})

    def result(self, task: Task) -> HttpReply:
        speech = {"onebest": TEXT, "duration": 1000, "detail": [{"wordBg": 0, "wordEd": 900, "sentences": TEXT}]}
        return _json({"code": "0", "data": {"data": {"speechResult": speech}}})

    def failed(self, task: Task) -> HttpReply:
        return self.refused(task.failure or "")

    def unknown(self) -> HttpReply:
        return self.refused("config")


class AbcpenOfflineDesk(Desk):
    """Offline recognition, v2: the caller chooses ids; it knows no error that is about the audio."""

    errors: Mapping[str, str] = {"retry": "-1", "config": "400", "bad_audio": "400"}

    def read(self, request: HttpRequest) -> Submission | str:
        if request.method == "GET":
            return urlsplit(request.url).path.rsplit("/", 1)[1]
        body = json.loads(request.body)
        return Submission(body["audio_url"], task_id=body["task_id"])

    def accepted(self, task: Task) -> HttpReply:
        return _json({"code": "success", "task_id": task.task_id})

    def refused(self, error_class: str) -> HttpReply:
        return _json({"code": self.errors[error_class], "msg": "refused"})

    def working(self, task: Task) -> HttpReply:
        return _json({"code": "1", "status": "processing", "task_id": task.task_id})

    def result(self, task: Task) -> HttpReply:
        speech = {"onebest": TEXT, "detail": [{"wordBg": 0, "wordEd": 900, "sentences": TEXT}]}
        return _json({"code": "0", "status": "completed", "data": {"asr": {"speechResult": speech}}})

    def failed(self, task: Task) -> HttpReply:
        return self.refused(task.failure or "")

    def unknown(self) -> HttpReply:
        return _json({"status": "not_found"})


class OpenaiCompatibleDesk(Desk):
    """A server of one's own: the recording comes as a part of a form, and its caller waits for the answer."""

    call_s = 600.0
    errors: Mapping[str, tuple[int, str]] = {
        "retry": (503, "loading"),
        "config": (401, "invalid_api_key"),
        "bad_audio": (413, "too large"),
    }

    def read(self, request: HttpRequest) -> Submission | str:
        assert isinstance(request.body, bytes)
        # Each version of the recording is two bytes longer than the one before.
        _, _, behind = request.body.partition(b"audio/wav\r\n\r\n")
        recording, _, _ = behind.rpartition(b"\r\n--")
        version = (len(recording) - len(RECORDING)) // 2
        return Submission(f"https://audio.example.com/?versionId=v{version}")

    def refused(self, error_class: str) -> HttpReply:
        status, code = self.errors[error_class]
        return HttpReply(status, json.dumps({"error": {"message": "refused", "type": "", "code": code}}).encode())

    def result(self, task: Task) -> HttpReply:
        return _json({"text": TEXT, "segments": [{"start": 0, "end": 0.9, "text": TEXT}]})


def _response(**content: Any) -> HttpReply:
    return _json({"Response": {**content, "RequestId": "r"}})


def _json(document: Mapping[str, Any]) -> HttpReply:
    return HttpReply(200, json.dumps(document, ensure_ascii=False).encode())


def _tencent_callback(task: Task) -> tuple[bytes, str]:
    codes = {None: 0, "retry": 10001, "bad_audio": 10000, "config": 1016}
    fields = {"code": codes[task.failure], "message": "", "requestId": task.task_id, "text": LINE, "audioTime": 1.0}
    return urlencode(fields).encode(), FORM


_DESKS: Mapping[str, type[Desk]] = {
    "tencent-sentence": TencentSentenceDesk,
    "tencent-rec-task": TencentRecTaskDesk,
    "tencent-recording": TencentRecordingDesk,
    "volcengine": VolcengineDesk,
    "volcengine-bigmodel": VolcengineBigmodelDesk,
    "abcpen": AbcpenDesk,
    "abcpen-offline": AbcpenOfflineDesk,
    "openai-compatible": OpenaiCompatibleDesk,
}
COUNTERS: Mapping[str, tuple[Vendor, type[Desk]]] = {
    **TOYS,
    **{name: (vendor, _DESKS[name]) for name, vendor in VENDORS.items() if name in _DESKS},
}
