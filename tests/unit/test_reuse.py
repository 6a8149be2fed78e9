"""Versions with the same bytes: whose transcript is used again, and whose is not."""

import json
from dataclasses import replace

import pytest

from asrcore.core.job import Status
from asrcore.core.options import Options, RequestedOptions
from asrcore.stores.objects import S3Recordings
from tests.support.fake_aws import S3
from tests.support.pipeline import KEY, QUERY, SOURCE, SYNC, drop, wav, world

SECOND = SOURCE.model_copy(update={"version_id": "v2", "sequencer": "0B"})
THIRD = SOURCE.model_copy(update={"version_id": "v3", "sequencer": "0C"})
TRANSCRIPT = f"transcripts/{KEY}.json"


def bytes_of(*versions, words=("done",) * 5, vendors=(SYNC,), **settings):
    """Return a world whose recording has versions with these bytes, the first of them transcribed."""
    made = world(*words, vendors=vendors)
    made.s3.has_checksums = True
    for name, value in settings.items():
        setattr(made, name, value)
    first, *others = versions
    made.audio[KEY] = (first, {})
    drop(made)
    held = made.s3.objects["audio", KEY]
    for number, body in enumerate(others, 2):
        held.append(replace(held[0], version_id=f"v{number}", body=body))
    return made


def submissions(made):
    return len(made.send.requests)


def test_same_bytes_complete_without_a_submission():
    made = bytes_of(wav(), wav(), exports=("txt",))
    before = json.loads(made.results[TRANSCRIPT])

    job = drop(made, SECOND)

    transcript = json.loads(made.results[TRANSCRIPT])
    assert submissions(made) == 1
    assert (job.status, job.reused, job.attempts) == (Status.COMPLETED, before["job_id"], [])
    assert (transcript["job_id"], transcript["source"]["version_id"]) == (job.job_id, "v2")
    assert transcript["text"] == before["text"]
    assert [(each.code, each.params) for each in job.warnings] == [("warning.reused", {"job": before["job_id"]})]
    assert transcript["warnings"] == [each.model_dump() for each in job.warnings]
    assert job.cost.vendor.usd == job.cost.vendor.cny == 0
    assert f"transcripts/{KEY}.txt" in made.results
    assert made.bus.published[-1][1]["job_id"] == job.job_id


def test_any_completed_version_is_compared():
    made = bytes_of(wav(1), wav(2), wav(1))
    first = made.job().job_id
    drop(made, SECOND)

    assert drop(made, THIRD).reused == first
    assert submissions(made) == 2


def test_a_reused_result_is_used_again():
    made = bytes_of(wav(), wav(), wav())
    drop(made, SECOND)

    assert drop(made, THIRD).status is Status.COMPLETED
    assert submissions(made) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(wav(1), wav(2), id="another length"),
        pytest.param(wav(1), wav(1)[:-1] + b"\1", id="another byte"),
    ],
)
def test_other_bytes_are_submitted(one, other):
    made = bytes_of(one, other)

    assert drop(made, SECOND).reused is None
    assert submissions(made) == 2


def test_unknown_content_is_submitted():
    made = bytes_of(wav(), wav())
    made.s3.has_checksums = False

    assert drop(made, SECOND).reused is None


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"asr-again": "true"}, id="again"),
        pytest.param({"asr-speakers": "2"}, id="another option"),
        pytest.param({"asr-vendor": "toy-sync"}, id="another way to the vendor"),
    ],
)
def test_other_options_are_submitted(metadata):
    made = bytes_of(wav(), wav())
    held = made.s3.objects["audio", KEY]
    held[-1] = replace(held[-1], metadata=metadata)

    assert drop(made, SECOND).reused is None
    assert submissions(made) == 2


@pytest.mark.parametrize(("own", "is_reused"), [({}, False), ({"asr-again": "false"}, True)])
def test_stack_parameter_turns_reuse_off(own, is_reused):
    made = bytes_of(wav(), wav(), defaults=RequestedOptions(options=Options(again=True)))
    held = made.s3.objects["audio", KEY]
    held[-1] = replace(held[-1], metadata=own)

    assert (drop(made, SECOND).reused is not None) == is_reused


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda document: {**document, "correction": {"number": 1}}, id="corrected"),
        pytest.param(lambda document: {**document, "job_id": "0" * 32}, id="of another job"),
        pytest.param(lambda document: [], id="no transcript"),
    ],
)
def test_changed_transcript_is_not_taken_over(change):
    made = bytes_of(wav(), wav())
    made.results[TRANSCRIPT] = json.dumps(change(json.loads(made.results[TRANSCRIPT]))).encode()

    assert drop(made, SECOND).reused is None
    assert submissions(made) == 2


def test_transcript_without_its_origin_is_not_taken_over():
    made = bytes_of(wav(), wav())
    made.s3.put_object(Bucket="transcripts", Key=TRANSCRIPT, Body=b"edited by hand")
    made.s3.objects["transcripts", TRANSCRIPT][:-1] = []

    assert drop(made, SECOND).reused is None


@pytest.mark.parametrize("words", [("accepted", "accepted"), ("config", "done")])
def test_version_without_a_result_is_not_used(words):
    made = bytes_of(wav(), wav(), words=words, vendors=(QUERY,) if "accepted" in words else (SYNC,))

    assert drop(made, SECOND).reused is None
    assert submissions(made) == 2


def test_version_whose_row_expired_is_not_used():
    made = bytes_of(wav(), wav())
    made.table.items.clear()

    assert drop(made, SECOND).reused is None


def test_older_version_is_kept_apart():
    made = bytes_of(wav(), wav())

    job = drop(made, SECOND.model_copy(update={"sequencer": "09"}))

    assert job.reused is not None
    assert job.transcript_key == f"superseded/{job.job_id}.json"
    assert json.loads(made.results[TRANSCRIPT])["source"]["version_id"] == "v1"


MD5 = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("head", "digests"),
    [
        ({"ETag": f'"{MD5}"'}, {"MD5": MD5}),
        ({"ETag": f'"{MD5}"', "ServerSideEncryption": "AES256"}, {"MD5": MD5}),
        ({"ETag": f'"{MD5}"', "ServerSideEncryption": "aws:kms"}, {}),
        ({"ETag": f'"{MD5}"', "ServerSideEncryption": "aws:kms:dsse"}, {}),
        ({"ETag": f'"{MD5}"', "SSECustomerAlgorithm": "AES256"}, {}),
        ({"ETag": f'"{MD5}-3"'}, {}),
        (
            {"ETag": f'"{MD5}-3"', "ChecksumCRC64NVME": "abc=", "ChecksumType": "FULL_OBJECT"},
            {"CRC64NVME": "abc="},
        ),
        ({"ETag": f'"{MD5}-3"', "ChecksumSHA256": "abc=-3", "ChecksumType": "COMPOSITE"}, {}),
        ({"ETag": f'"{MD5}-3"', "ChecksumSHA256": "abc=", "ChecksumType": "COMPOSITE"}, {}),
        ({"ETag": f'"{MD5}-3"', "ChecksumSHA256": "abc=-3"}, {}),
        (
            {"ETag": f'"{MD5}"', "ServerSideEncryption": "aws:kms", "ChecksumSHA256": "abc="},
            {"SHA256": "abc="},
        ),
    ],
)
def test_digests_are_of_the_whole_content(head, digests):
    class Client(S3):
        def head_object(self, **_):
            return {"ContentLength": 3, "Metadata": {}, **head}

    source = SOURCE.model_copy(update={"version_id": None})

    assert S3Recordings(Client(), Client()).look_up(source).digests == digests
