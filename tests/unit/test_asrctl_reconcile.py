"""The event by which `reconcile` submits a recording is read like one of S3."""

import pytest

from asrcore.core.job import job_id
from asrcore.core.transcript import Source
from asrcore.events import new_objects
from asrcore.ports import ObjectVersion
from asrctl.reconcile import UnprocessedRecording, s3_event


def version(key: str) -> ObjectVersion:
    return ObjectVersion(bucket="audio", key=key, version_id="v1", etag="e1", size_bytes=7, is_current=True)


@pytest.mark.parametrize("name", ["plain.wav", "a b+c%20d.wav", "会议 记录（一）.wav", "100%.wav", "a&b=c;d.wav"])
def test_reconcile_event_of_any_name_is_read_exactly(name):
    listed = version(f"incoming/auto/{name}")

    (read,) = new_objects(s3_event(UnprocessedRecording(listed, after="")))

    assert read == listed.source


def test_reconcile_event_creates_the_job_of_s3():
    from_s3 = Source(
        bucket="audio",
        key="incoming/auto/a.wav",
        version_id="v1",
        etag="e1",
        size_bytes=7,
        sequencer="0055AED6DCD90281E5",
    )

    (read,) = new_objects(s3_event(UnprocessedRecording(version("incoming/auto/a.wav"), after="0055")))

    assert job_id(read) == job_id(from_s3)


@pytest.mark.parametrize(
    ("after", "sequencer"),
    [
        pytest.param("", "", id="no version before it"),
        pytest.param("0055AED6DCD90281E5", "0055AED6DCD90281E51", id="the next one after the version before it"),
    ],
)
def test_reconcile_event_sorts_after_earlier_versions(after, sequencer):
    (read,) = new_objects(s3_event(UnprocessedRecording(version("incoming/auto/a.wav"), after)))

    assert read.sequencer == sequencer
