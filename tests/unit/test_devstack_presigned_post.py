"""Check presigned POST uploads: accepted as the signed policy says, refused otherwise."""

import boto3
import pytest
from moto.s3.exceptions import S3ClientError

from devstack.presigned_post import check

SECRET = "wJalrXUtnFEMI"
BUCKET = "audio"
SIZE_BYTES = 100


@pytest.fixture
def fields() -> dict[str, str]:
    """A form as boto3 signs it, its names in small letters."""
    client = boto3.client(
        "s3",
        region_name="cn-north-1",
        aws_access_key_id="AKID",
        aws_secret_access_key=SECRET,
        aws_session_token="token",
    )
    signed = client.generate_presigned_post(
        BUCKET,
        "incoming/auto/a.wav",
        Fields={"Content-Type": "audio/wav"},
        Conditions=[["starts-with", "$Content-Type", "audio/"], ["content-length-range", 1, SIZE_BYTES]],
        ExpiresIn=60,
    )
    return {name.lower(): value for name, value in signed["fields"].items()}


def test_signed_form_is_accepted(fields: dict[str, str]):
    check(fields, BUCKET, SIZE_BYTES, SECRET)


def test_fields_open_in_the_policy_may_differ(fields: dict[str, str]):
    check({**fields, "content-type": "audio/mpeg"}, BUCKET, 1, SECRET)


@pytest.mark.parametrize(
    ("changes", "bucket", "size_bytes", "secret", "code"),
    [
        pytest.param({}, BUCKET, SIZE_BYTES + 1, SECRET, "EntityTooLarge", id="too large"),
        pytest.param({}, BUCKET, 0, SECRET, "EntityTooSmall", id="empty"),
        pytest.param({}, "another", 1, SECRET, "AccessDenied", id="another bucket"),
        pytest.param({"key": "incoming/auto/b.wav"}, BUCKET, 1, SECRET, "AccessDenied", id="another key"),
        pytest.param({"content-type": "text/html"}, BUCKET, 1, SECRET, "AccessDenied", id="another kind"),
        pytest.param({"acl": "public-read"}, BUCKET, 1, SECRET, "AccessDenied", id="an unsigned field"),
        pytest.param({}, BUCKET, 1, "another", "SignatureDoesNotMatch", id="another's secret"),
        pytest.param({"policy": "e30="}, BUCKET, 1, SECRET, "SignatureDoesNotMatch", id="another policy"),
    ],
)
def test_form_that_breaks_its_policy_is_refused(
    fields: dict[str, str], changes: dict[str, str], bucket: str, size_bytes: int, secret: str, code: str
):
    with pytest.raises(S3ClientError) as raised:
        check({**fields, **changes}, bucket, size_bytes, secret)

    assert raised.value.code == code


def test_expired_form_is_refused(fields: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    from datetime import UTC, datetime, timedelta

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(UTC) + timedelta(seconds=61)

    monkeypatch.setattr("devstack.presigned_post.datetime", Later)

    with pytest.raises(S3ClientError, match="expired"):
        check(fields, BUCKET, 1, SECRET)
