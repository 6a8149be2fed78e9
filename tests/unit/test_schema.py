"""The published schema of the transcript is the one that the code writes."""

import json
from pathlib import Path

import jsonschema

from asrcore.core.transcript import Transcript
from tests.support.pipeline import KEY, SYNC, drop, world

PUBLISHED = Path(__file__).parents[2] / "schemas/transcript.schema.json"


def test_the_published_schema_is_generated_from_the_models():
    generated = Transcript.model_json_schema(by_alias=True, mode="serialization")

    assert json.loads(PUBLISHED.read_text()) == generated, "run: make schema"


def test_a_transcript_that_was_written_satisfies_the_published_schema():
    made = world("done", vendors=(SYNC,))
    drop(made)

    transcript = json.loads(made.transcripts.objects[f"transcripts/{KEY}.json"])

    jsonschema.validate(transcript, json.loads(PUBLISHED.read_text()))
    assert Transcript.model_validate(transcript).model_dump(mode="json", by_alias=True) == transcript
