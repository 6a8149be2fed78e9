"""Send requests that schemathesis derives from the OpenAPI document, valid and invalid, to the local stack."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hypothesis import HealthCheck, Phase, settings

from tests.support.sampled import examples
from tests.support.stack_client import Journey

ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads((ROOT / "schemas/openapi.json").read_text())
OPERATIONS = [(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods]
LEFT_OUT = {
    "ignored_auth",  # API Gateway checks credentials; the local stack does not
    "positive_data_acceptance",  # a valid request may name a recording that does not exist
}

OPEN = {"QUEUED", "IN_PROGRESS"}
OWN_RESULTS = {"/batches": {"negative_data_rejection"}}  # each of its requests has a result of its own


@pytest.fixture(scope="module")
def job(stack) -> Iterator[str]:
    """Create a completed job, so that some of the requests find one; cancel the jobs that the requests create.

    No vendor can download their recordings. Each would be submitted to one vendor after the other for minutes.
    """
    journey, earlier = Journey(stack), open_jobs(stack)
    key = "incoming/tencent-sentence/schema.wav"
    yield journey.finished(journey.drop(key, (ROOT / "samples/greeting.wav").read_bytes()))["job_id"]
    for created in open_jobs(stack) - earlier:
        cancel = f"{stack.api_url}/jobs/{created}/cancel"
        journey.until(
            lambda url=cancel: requests.post(url, json={}, timeout=60).status_code, lambda code: code < 500, cancel
        )
        journey.finished(created)


def open_jobs(stack) -> set[str]:
    """Return the ids of the jobs that have not ended."""
    rows = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.jobs_table)
    open_rows = (row for page in rows for row in page["Items"] if row.get("status", {}).get("S") in OPEN)
    return {row["job_id"]["S"] for row in open_rows}


@pytest.fixture(scope="module")
def schema():
    """Load schemathesis when a test needs it: with its plugin of pytest, each process loads it and derives requests."""
    import schemathesis

    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.generation.update(modes=[schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
    return schema


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_response_conforms_to_the_openapi_document(method, path, schema, stack, job):
    """Send the document's examples, and as many that are derived from each of its valid and its invalid forms."""
    from schemathesis.checks import CHECKS, load_all_checks
    from schemathesis.generation.feedback import FeedbackSources
    from schemathesis.pytest._test_builder import build_operation_test

    @settings(
        max_examples=examples(27),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def respond(case):
        if case.method == "GET" and len(case.path_parameters.get("job_id", "")) == 32:
            case.path_parameters["job_id"] = job
        case.call_and_validate(
            base_url=stack.api_url,
            excluded_checks=[CHECKS.get_one(name) for name in LEFT_OUT | OWN_RESULTS.get(path, set())],
            allow_redirects=False,
            timeout=60,
        )

    load_all_checks()
    build_operation_test(
        config=schema.config,
        operation=schema[path][method],
        test_func=respond,
        given_kwargs={},
        feedback=FeedbackSources(),
    )()
