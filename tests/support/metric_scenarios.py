"""Lines of metrics as CloudWatch reads them, and stories that make the system count everything it can count."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from asrcore.callback import receive
from asrcore.core.backoff import MAX_TRIES, WEBHOOK_WAITS_S
from asrcore.events import CallbackRequest, QueuedMessage
from asrcore.notify import notify
from asrcore.poll import query
from asrcore.restart import recover
from asrcore.submit import submit
from asrcore.sweep import sweep
from tests.support.memory import World
from tests.support.pipeline import CALLBACK, QUERY, SYNC, drop, world
from tests.support.toy import toy_message

WEBHOOK_KEY = "whsec_" + base64.b64encode(bytes(24)).decode()


@dataclass(frozen=True)
class Point:
    """One value of one metric under one set of dimensions."""

    namespace: str
    name: str
    unit: str
    dimensions: Mapping[str, str]
    value: float


def points(lines: Iterable[str]) -> list[Point]:
    """What CloudWatch makes of the lines. Raises KeyError for a metric or dimension that a line promises and lacks."""
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
    """Accepted, asked in vain once, done on the second question, 30 seconds after its arrival."""
    made = world("accepted", "working", "done", vendors=(QUERY,))
    job = drop(made)
    made.pass_time(3)
    query(job.job_id, made.services)
    made.pass_time(27)
    query(job.job_id, made.services)
    return made


def refused_then_served() -> World:
    """The first vendor wants an operator to act; the second answers at once."""
    made = world("config", "done", vendors=(SYNC, QUERY))
    job = drop(made)
    submit(job.job_id, made.services)
    return made


def failed_at_the_vendor() -> World:
    """The only vendor does not accept the recording."""
    made = world("bad_audio", vendors=(SYNC,))
    drop(made)
    return made


def refused_for_good() -> World:
    """The only vendor wants an operator to act."""
    made = world("config", vendors=(SYNC,))
    drop(made)
    return made


def failed_before_any_vendor() -> World:
    """Nobody could make sense of the recording."""
    made = world()
    made.audio.clear()
    drop(made)
    return made


def busy_to_the_end() -> World:
    """The only vendor is busy, however often it is tried."""
    made = world(*["retry"] * MAX_TRIES, vendors=(SYNC,))
    job = drop(made)
    while not made.job().finished:
        made.pass_time(submit(job.job_id, made.services).wait_s)
    return made


def restarted() -> World:
    """A step failed again and again; another sweep looks around."""
    made = world("accepted")
    job = drop(made)
    recover(job.job_id, "States.TaskFailed", made.services)
    made.pass_time(60)
    sweep(made.services)
    return made


def forged_callback() -> World:
    """Somebody guesses an address."""
    made = world("accepted", vendors=(CALLBACK,))
    job = drop(made)
    receive(
        CallbackRequest(CALLBACK.name, job.job_id, "1", "guessed", toy_message("done"), "text/plain"), made.services
    )
    return made


def refused_webhook() -> World:
    """The webhook's receiver refuses an event for the third time, 305 seconds after it was published."""
    made = world(webhook={"keys": [WEBHOOK_KEY]})
    made.webhook_client.answers = [500]
    published_at = made.clock.isoformat()
    made.pass_time(sum(WEBHOOK_WAITS_S[:2]))
    event = {"id": "e", "time": published_at, "detail-type": "Transcript Completed", "detail": {"job_id": "j"}}
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
    """Everything that all stories measure."""
    return [point for story in STORIES for point in points(story().measured)]
