"""Metric lines as CloudWatch reads them, and scenarios that emit every metric."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from asrcore.callback import receive
from asrcore.core.backoff import MAX_ATTEMPTS, WEBHOOK_WAITS_S
from asrcore.events import CallbackRequest, QueuedMessage
from asrcore.notify import notify
from asrcore.poll import query
from asrcore.restart import recover
from asrcore.submit import submit
from asrcore.sweep import sweep
from tests.support.fake_services import World
from tests.support.pipeline import CALLBACK, QUERY, SYNC, drop, world
from tests.support.toy import toy_message

WEBHOOK_KEY = "whsec_" + base64.b64encode(bytes(24)).decode()


@dataclass(frozen=True)
class Point:
    """One value of a metric with one set of dimensions."""

    namespace: str
    name: str
    unit: str
    dimensions: Mapping[str, str]
    value: float


def points(lines: Iterable[str]) -> list[Point]:
    """Return CloudWatch's values of the lines. Raises KeyError for a declared metric or dimension without a value."""
    found = []
    for line in lines:
        document = json.loads(line)
        for directive in document["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: document[name] for name in names}
                for metric in directive["Metrics"]:
                    found += [
                        Point(directive["Namespace"], metric["Name"], metric["Unit"], dimensions, value)
                        for value in document[metric["Name"]]
                    ]
    return found


def completed_by_query() -> World:
    """Complete a job by its second query, 30 seconds after its upload."""
    made = world("accepted", "working", "done", vendors=(QUERY,))
    job = drop(made)
    made.pass_time(3)
    query(job.job_id, made.services)
    made.pass_time(27)
    query(job.job_id, made.services)
    return made


def refused_then_served() -> World:
    """Fail over from a config error of the first vendor to the second one."""
    made = world("config", "done", vendors=(SYNC, QUERY))
    job = drop(made)
    submit(job.job_id, made.services)
    return made


def failed_at_the_vendor() -> World:
    """Fail a job whose only vendor does not accept the recording."""
    made = world("bad_audio", vendors=(SYNC,))
    drop(made)
    return made


def refused_for_good() -> World:
    """Fail a job by a config error of its only vendor."""
    made = world("config", vendors=(SYNC,))
    drop(made)
    return made


def failed_before_any_vendor() -> World:
    """Fail a job whose recording is not audio."""
    made = world()
    made.audio.clear()
    drop(made)
    return made


def busy_to_the_end() -> World:
    """Fail a job whose only vendor is busy in every attempt."""
    made = world(*["retry"] * MAX_ATTEMPTS, vendors=(SYNC,))
    job = drop(made)
    while not made.job().finished:
        made.pass_time(submit(job.job_id, made.services).wait_s)
    return made


def restarted() -> World:
    """Recover a failing step, and run a sweep."""
    made = world("accepted")
    job = drop(made)
    recover(job.job_id, "States.TaskFailed", made.services)
    made.pass_time(60)
    sweep(made.services)
    return made


def forged_callback() -> World:
    """Reject a callback with a wrong signature."""
    made = world("accepted", vendors=(CALLBACK,))
    job = drop(made)
    receive(
        CallbackRequest(CALLBACK.name, job.job_id, "1", "guessed", toy_message("done"), "text/plain"), made.services
    )
    return made


def refused_webhook() -> World:
    """Reject a webhook's event for the third time, 305 seconds after it was published."""
    made = world("done", vendors=(SYNC,), webhook={"keys": [WEBHOOK_KEY]})
    drop(made)
    ((detail_type, detail),) = made.bus.published
    made.webhook_client.answers = [500]
    published_at = made.clock.isoformat()
    made.pass_time(sum(WEBHOOK_WAITS_S[:2]))
    event = {"id": "e", "time": published_at, "detail-type": detail_type, "detail": detail}
    notify([QueuedMessage("m", "r", 3, json.dumps(event))], made.services)
    return made


STORIES: tuple[Callable[[], World], ...] = (
    completed_by_query,
    refused_then_served,
    failed_at_the_vendor,
    refused_for_good,
    failed_before_any_vendor,
    busy_to_the_end,
    restarted,
    forged_callback,
    refused_webhook,
)


def all_points() -> list[Point]:
    """Return the metrics of all scenarios."""
    return [point for story in STORIES for point in points(story().measured)]
