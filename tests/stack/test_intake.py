"""Objects as real buckets have them: metadata, archive classes, rights, names and versions that come in two steps."""

import http.client
from urllib.parse import urlsplit

import pytest

from asrcore.core.job import job_id
from tests.support.operator import RECORDING, Operator


@pytest.fixture(scope="module")
def operator(stack):
    return Operator(stack)


def put_header(operator, key: str, name: str, value: bytes) -> str:
    """Put a recording with a metadata header of any bytes, which boto3 refuses to send; return its job id."""
    s3, bucket = operator.stack.client("s3"), operator.stack.audio_bucket
    url = urlsplit(s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": key}))
    connection = http.client.HTTPConnection(url.hostname, url.port)
    connection.putrequest("PUT", f"{url.path}?{url.query}")
    connection.putheader(f"x-amz-meta-{name}", value)
    connection.putheader("Content-Length", str(len(RECORDING)))
    connection.endheaders(RECORDING)
    with connection.getresponse() as answer:
        assert answer.status == 200, answer.read()
    connection.close()
    return job_id(operator.source(key))


def test_metadata_beyond_ascii_are_options(operator):
    job = put_header(operator, "incoming/abcpen/metadata.wav", "asr-hotwords", "会议,笔声".encode())

    held = operator.stack.client("s3").head_object(
        Bucket=operator.stack.audio_bucket, Key="incoming/abcpen/metadata.wav"
    )
    assert held["Metadata"]["asr-hotwords"].startswith("=?UTF-8?B?")
    assert operator.finished(job)["options"]["hotwords"] == ["会议", "笔声"]
