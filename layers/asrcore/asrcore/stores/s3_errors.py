"""Amazon S3's reasons not to return a recording, as errors of its job. An operator must act: no retry can succeed.

Sources: S3 API reference, "Error responses"; S3 user guide, "Working with archived objects" and "Using server-side
encryption with customer-provided keys"; AWS KMS API reference, "Decrypt", whose errors S3 passes on as `KMS.…`.
"""

from collections.abc import Callable

from botocore.exceptions import ClientError

from asrcore.core.errors import OBJECT_ARCHIVED, AsrError, ErrorClass
from asrcore.messages import Message

# S3 answers these to a HEAD request, whose answer has no body for a reason.
WITHOUT_REASON = frozenset({"400", "403"})
# Client errors that can pass: of the process's credentials and clock, of a connection, of concurrent requests.
_CAN_PASS = frozenset(
    {
        *("ExpiredToken", "TokenRefreshRequired", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
        *("RequestTimeout", "RequestTimeTooSkewed", "RequestExpired", "OperationAborted", "ConditionalRequestConflict"),
        *("Throttling", "ThrottlingException", "KMS.ThrottlingException", "KMS.LimitExceededException", "SlowDown"),
        *("InvalidRange", "408", "409", "416", "429", *WITHOUT_REASON),
    }
)
# The first that holds for S3's code and message gives the code of the job's error.
_CODES: tuple[tuple[Callable[[str, str], bool], str], ...] = (
    (lambda code, _: code == "InvalidObjectState", OBJECT_ARCHIVED),
    (lambda code, said: code == "InvalidRequest" and "Server Side Encryption" in said, "ObjectEncrypted"),
    (lambda code, said: code == "AccessDenied" and "kms:" in said, "ObjectKeyDenied"),
    (lambda code, _: code == "KMS.AccessDeniedException", "ObjectKeyDenied"),
    (lambda code, _: code.startswith("KMS."), "ObjectKeyUnusable"),
    (lambda code, _: code in {"AccessDenied", "AllAccessDisabled"}, "ObjectAccessDenied"),
    (lambda _code, _said: True, "ObjectUnreadable"),
)
_CLIENT_ERRORS = range(400, 500)


def refusal(error: ClientError, key: str) -> AsrError | None:
    """Return S3's error for an object as an error of its job; None for one that can pass, or that is S3's own."""
    code, said = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _CAN_PASS or status not in _CLIENT_ERRORS:
        return None
    name = next(name for holds, name in _CODES if holds(code, said))
    return AsrError(ErrorClass.CONFIG, name, Message(name, {"key": key, "s3_code": code}))
