"""The other side of the toy vendors: a simulator as those of the real vendors are."""

import json
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from types import MappingProxyType

from flask import Flask, Response, request

from simulators.asynchronous import (
    AsynchronousOptions,
    AsynchronousSimulator,
    Callback,
    Outcome,
    Task,
    TaskExistsError,
)
from simulators.recording import Source
from simulators.server import Answer, Setup
from tests.support.toy import toy_message


class ToySimulator(AsynchronousSimulator[AsynchronousOptions, str]):
    """`POST /sync/{name}`, `POST /submit/{name}`, `GET /query/{name}/{id}`; a submission is its callback URL."""

    vendor = "toy"
    moments = frozenset({"submit", "query", "result", "callback"})
    call_codes = outcome_codes = "[a-z_]+"
    internal_error = "retry"
    audio_codes = MappingProxyType({})

    def __init__(self, setup: Setup, options: AsynchronousOptions) -> None:
        super().__init__(setup, options)
        self._task_ids = count(1000)

    def add_routes(self, app: Flask) -> None:
        app.add_url_rule("/sync/<name>", view_func=self._serve_sync, methods=["POST"])
        app.add_url_rule("/submit/<name>", view_func=self._serve_submit, methods=["POST"])
        app.add_url_rule("/query/<name>/<task_id>", view_func=self._serve_query, methods=["GET"])

    def parameters(self) -> Mapping[str, object]:
        return {}

    def refuse(self, moment: str, code: str, message: str | None) -> Answer:
        return _answer(code)

    def recognize(self, submission: str, source: Source) -> Outcome:
        return Outcome("done")

    def callback(self, task: Task[str], outcome: Outcome) -> Callback | None:
        if not task.submission:
            return None
        return Callback(task.submission, toy_message(outcome.code, task.id), "application/json")

    def _serve_sync(self, name: str) -> Response:
        return self.serve("submit", self._recognize_now)

    def _serve_submit(self, name: str) -> Response:
        return self.serve("submit", self._submit)

    def _serve_query(self, name: str, task_id: str) -> Response:
        return self.serve("query", lambda: self._tell(task_id))

    def _recognize_now(self) -> Answer:
        fault = self.take_fault("result")
        return _answer(fault.code if fault and fault.code else "done")

    def _submit(self) -> Answer:
        task_id = request.headers.get("task-id") or str(next(self._task_ids))
        with suppress(TaskExistsError):
            self.accept(task_id, request.headers.get("callback", ""), Source(url=request.get_data(as_text=True)))
        return _answer("accepted", task_id)

    def _tell(self, task_id: str) -> Answer:
        task = self.find(task_id)
        if task is None:
            return _answer("config")
        return _answer(task.outcome.code if task.outcome else "working", task_id)


def _answer(word: str, task_id: str | None = None) -> Answer:
    return Answer(word, json.loads(toy_message(word, task_id or "")), task_id)
