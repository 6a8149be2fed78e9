"""Check that the published schemas are generated from the code, and compatible with their first release."""

import copy
import json

import jsonschema
import pytest

from asrcore.core.job_event import JobEvent
from asrcore.core.transcript import Transcript
from tests.support.compatibility import breaks
from tests.support.pipeline import KEY, SYNC, drop, world
from tools import client
from tools.schemas import (
    API_DOCUMENT,
    COMMANDS,
    FOLDER,
    MODELS,
    TUNING,
    api_document,
    command_schema,
    path,
    published,
    tuning_schema,
)

RELEASED = sorted((FOLDER / "released").glob("*.json"))


def held(name):
    return json.loads(path(name).read_text())


@pytest.mark.parametrize("name", MODELS)
def test_transcript_and_event_schemas_are_up_to_date(name):
    assert held(name) == published(MODELS[name]), "run: make schema"


def test_tuning_schema_is_up_to_date():
    assert json.loads(TUNING.read_text()) == tuning_schema(), "run: make schema"


def test_command_schema_is_up_to_date():
    assert json.loads(COMMANDS.read_text()) == command_schema(), "run: make schema"


def test_python_client_is_up_to_date():
    assert client.FILE.read_text() == client.source(json.loads(api_document())), "run: make schema"


def test_every_published_schema_has_its_model():
    assert sorted(FOLDER.glob("*.schema.json")) == sorted([COMMANDS, TUNING, *(path(name) for name in MODELS)])


def test_written_transcript_satisfies_the_schema():
    made = world("done", vendors=(SYNC,))
    drop(made)

    transcript = json.loads(made.results[f"transcripts/{KEY}.json"])

    jsonschema.validate(transcript, held("transcript"))
    assert Transcript.model_validate(transcript).model_dump(mode="json", by_alias=True) == transcript


@pytest.mark.parametrize(
    ("word", "detail_type", "status"),
    [("done", "Transcript Completed", "COMPLETED"), ("bad_audio", "Transcript Failed", "FAILED")],
)
def test_published_event_satisfies_the_schema(word, detail_type, status):
    made = world(word, vendors=(SYNC,))
    drop(made)

    ((told, detail),) = made.bus.published

    jsonschema.validate(detail, held("event"))
    assert (told, detail["status"], detail["schema"]) == (detail_type, status, "asrcore.event.v1")
    assert (detail["transcript"] is None) is (detail["error"] is not None) is (status == "FAILED")
    assert detail["summary"].startswith(KEY)
    assert JobEvent.model_validate(detail).model_dump(mode="json", by_alias=True) == detail


@pytest.mark.parametrize("name", MODELS)
def test_schema_says_that_fields_will_be_added(name):
    assert '"additionalProperties": false' not in path(name).read_text()


@pytest.mark.parametrize("released", RELEASED, ids=lambda released: released.name.removesuffix(".schema.json"))
def test_released_schemas_still_hold(released):
    earlier = json.loads(released.read_text())
    name, version, *_ = released.name.split(".")

    assert earlier["properties"]["schema"]["const"] == f"asrcore.{name}.{version}"
    assert breaks(earlier, held(name)) == [], "an incompatible change needs a new version of the schema"


def test_every_schema_has_a_released_version():
    assert {released.name.split(".")[0] for released in RELEASED} == set(MODELS)


def changed(*steps, to=None):
    """Return the event's schema with a part replaced, or removed without a replacement."""
    schema = copy.deepcopy(held("event"))
    *way, last = steps
    part = schema
    for step in way:
        part = part[step]
    if to is None:
        del part[last]
    else:
        part[last] = to
    return schema


def renamed():
    schema = changed("properties", "job_id")
    schema["properties"]["id"] = {"type": "string"}
    return schema


@pytest.mark.parametrize(
    ("later", "problem"),
    [
        pytest.param(changed("properties", "warnings"), "$.warnings: removed", id="a field is removed"),
        pytest.param(renamed(), "$.job_id: removed", id="a field is renamed"),
        pytest.param(
            changed("$defs", "S3Location", "properties", "key"),
            "$.transcript.key: removed",
            id="a field within is removed",
        ),
        pytest.param(
            changed("required", to=["job_id"]), "$.summary: no longer always there", id="a field becomes optional"
        ),
        pytest.param(
            changed("$defs", "Source", "required", to=["bucket", "key", "etag", "size_bytes", "sequencer"]),
            "$.source.sequencer: every document must have it now",
            id="a field becomes required",
        ),
        pytest.param(
            changed("properties", "vendor", to={"type": "string"}),
            "$.vendor: narrowed, no longer null",
            id="a type is narrowed",
        ),
        pytest.param(
            changed("properties", "summary", to={"anyOf": [{"type": "string"}, {"type": "null"}]}),
            "$.summary: widened, now null too",
            id="a type is widened",
        ),
        pytest.param(
            changed("$defs", "ErrorClass", "enum", to=["retry", "config"]),
            "$.error.class: narrowed, no longer bad_audio",
            id="an enumeration is narrowed",
        ),
        pytest.param(
            changed("properties", "status", "enum", to=["COMPLETED", "FAILED", "LOST"]),
            "$.status: widened, now LOST too",
            id="an enumeration is widened",
        ),
        pytest.param(
            changed("$defs", "StoredMessage", "properties", "text", to={"type": "integer"}),
            "$.warnings.*.text: narrowed, no longer string",
            id="what a list holds changes",
        ),
        pytest.param(
            changed("properties", "schema", "const", to="asrcore.event.v2"),
            "$.schema: narrowed, no longer asrcore.event.v1",
            id="the version changes",
        ),
        pytest.param(
            changed("properties", "job_id", to={"type": "string", "maxLength": 10}),
            "$.job_id: maxLength was None and is 10",
            id="a limit is added",
        ),
        pytest.param(
            changed("additionalProperties", to=False),
            "$: additionalProperties was None and is False",
            id="unknown fields are refused",
        ),
    ],
)
def test_incompatible_change_is_detected(later, problem):
    assert problem in breaks(held("event"), later)


def test_added_field_is_compatible():
    later = changed("properties", to={**held("event")["properties"], "mood": {"type": "string"}})

    assert breaks(held("event"), later) == []


def test_openapi_document_is_up_to_date():
    assert API_DOCUMENT.read_text(encoding="utf-8") == api_document(), "run: make schema"
