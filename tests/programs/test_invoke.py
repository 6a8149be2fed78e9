"""`python -m tools.invoke`: a function of the local stack in this process, for a debugger."""

import json
import subprocess
import sys

import pytest

from tests.support.template import ROOT

VARIABLES = {
    "STACK_NAME": "a-stack",
    "JOBS_TABLE": "jobs",
    "TRANSCRIPT_BUCKET": "transcripts",
    "SECRET_ARN": "secret",
    "VENDOR_CHAIN": "volcengine",
    "ROW_RETENTION_DAYS": "30",
    "POWERTOOLS_SERVICE_NAME": "asrcore",
    "AWS_ENDPOINT_URL": "http://host.docker.internal:9",
}


def invoke(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tools.invoke", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_function_answers_an_event_of_the_events_folder(tmp_path):
    environments = tmp_path / "sam-env.json"
    environments.write_text(json.dumps({"ApiFunction": VARIABLES}))

    done = invoke("ApiFunction", "events/api-openapi.json", "--environments", str(environments))

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["statusCode"] == 200


@pytest.mark.parametrize(
    ("environments", "says"),
    [pytest.param(None, "start `make local` first", id="no stack"), pytest.param({}, "no function", id="no function")],
)
def test_invoke_without_its_input_names_it(tmp_path, environments, says):
    path = tmp_path / "sam-env.json"
    if environments is not None:
        path.write_text(json.dumps(environments))

    done = invoke("ApiFunction", "events/api-openapi.json", "--environments", str(path))

    assert done.returncode == 2
    assert says in done.stderr
