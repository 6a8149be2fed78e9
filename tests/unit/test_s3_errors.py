"""What becomes of S3's errors: those that say why end the job with what to do, those that can pass are repeated."""

import pytest
from botocore.exceptions import ClientError

from asrcore.core.errors import ErrorClass
from asrcore.core.job import Status
from asrcore.failures import SomeFailedError
from asrcore.stores.objects import S3Recordings
from asrcore.stores.s3_errors import refusal
from tests.support.api_client import Caller
from tests.support.fake_aws import S3
from tests.support.pipeline import KEY, drop, world

SSE_C = "The object was stored using a form of Server Side Encryption. The correct parameters must be provided"
KMS = "User: arn:aws:sts::1:assumed-role/r/f is not authorized to perform: kms:Decrypt on the resource"
REASONS = {
    "archived": (
        403,
        "InvalidObjectState",
        "The operation is not valid for the object's storage class",
        "ObjectArchived",
    ),
    "SSE-C": (400, "InvalidRequest", SSE_C, "ObjectEncrypted"),
    "KMS denied": (403, "AccessDenied", KMS, "ObjectKeyDenied"),
    "KMS denied, by its own code": (400, "KMS.AccessDeniedException", "", "ObjectKeyDenied"),
    "KMS key disabled": (400, "KMS.DisabledException", "arn:aws:kms:… is disabled.", "ObjectKeyUnusable"),
    "KMS key pending deletion": (400, "KMS.KMSInvalidStateException", "is pending deletion.", "ObjectKeyUnusable"),
    "KMS key deleted": (400, "KMS.NotFoundException", "Invalid keyId", "ObjectKeyUnusable"),
    "bucket policy": (403, "AccessDenied", "Access Denied", "ObjectAccessDenied"),
    "access disabled": (403, "AllAccessDisabled", "All access to this object has been disabled", "ObjectAccessDenied"),
    "another request": (400, "InvalidRequest", "Missing required header", "ObjectUnreadable"),
    "an account problem": (403, "AccountProblem", "There is a problem with your account", "ObjectUnreadable"),
    "a code of tomorrow": (403, "QuarantinedObject", "", "ObjectUnreadable"),
}
PASSING = {
    "throttled": (503, "SlowDown"),
    "throttled by KMS": (400, "KMS.ThrottlingException"),
    "an internal error": (500, "InternalError"),
    "a slow connection": (400, "RequestTimeout"),
    "expired credentials": (400, "ExpiredToken"),
    "a clock that is wrong": (403, "RequestTimeTooSkewed"),
    "no reason": (403, "403"),
}
CONFIRMED = pytest.mark.parametrize(("status", "code", "said", "name"), REASONS.values(), ids=REASONS)


def error(status: int, code: str, said: str = "", operation: str = "GetObject") -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": said}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
    )


class Refusing(S3):
    """Refuses every read of keys with an ending, and gives no reason to HEAD requests, as S3 does."""

    def __init__(self, status: int, code: str, said: str, ending: str = KEY, *, only_get: bool = False) -> None:
        super().__init__()
        self.answer, self.ending, self.only_get = (status, code, said), ending, only_get

    def head_object(self, **request):
        if request["Key"].endswith(self.ending) and not self.only_get:
            raise error(self.answer[0], str(self.answer[0]), "", "HeadObject")
        return super().head_object(**request)

    def get_object(self, **request):
        if request["Key"].endswith(self.ending):
            raise error(*self.answer)
        return super().get_object(**request)


def refusing(s3: Refusing):
    made = world()
    s3.objects = made.s3.objects
    made.recordings = S3Recordings(s3, s3)
    return made


@CONFIRMED
@pytest.mark.parametrize("only_get", [False, True], ids=["at every read", "at its bytes alone"])
def test_reason_of_s3_ends_the_job_at_once(status, code, said, name, only_get):
    made = refusing(Refusing(status, code, said, only_get=only_get))

    job = drop(made)

    assert (job.status, job.error.class_, job.error.code) == (Status.FAILED, ErrorClass.CONFIG, name)
    assert KEY in job.error.message
    assert "redrive" in job.error.message or name == "ObjectEncrypted"
    assert made.executions.started == {}
    assert [detail_type for detail_type, _ in made.bus.published] == ["Transcript Failed"]


@CONFIRMED
def test_reason_for_a_sidecar_names_the_sidecar(status, code, said, name):
    made = refusing(Refusing(status, code, said, ending=".asr.json"))

    job = drop(made)

    assert (job.status, job.error.code) == (Status.FAILED, name)
    assert f"{KEY}.asr.json" in job.error.message


@pytest.mark.parametrize(("status", "code"), PASSING.values(), ids=PASSING)
def test_error_that_can_pass_is_left_to_the_next_attempt(status, code):
    made = refusing(Refusing(status, code, ""))

    with pytest.raises(SomeFailedError):
        drop(made)

    assert made.job().status is Status.QUEUED
    assert refusal(error(status, code), KEY) is None


@CONFIRMED
def test_request_for_a_refused_object_gets_the_reason(status, code, said, name):
    made = refusing(Refusing(status, code, said))

    told = Caller(made).post("/jobs", {"source": f"s3://audio/{KEY}"})

    assert (told.status, told.json["code"]) == (422, name)
    assert made.rows == {}
