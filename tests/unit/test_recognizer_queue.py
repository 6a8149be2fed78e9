"""Check the recognition queue: one piece at a time, each recording once, small recordings first."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from recognizer.queue import FairLock, Queue
from recognizer.recognition import Recognition

WAIT_S = 60


def opened(recognize):
    queue = Queue()
    queue.open(recognize)
    return queue


def heard(language="zh"):
    return Recognition(language, 1000, ())


def test_recording_is_recognized_once_for_all_requests():
    calls, started, go = [], threading.Event(), threading.Event()

    def recognize(file, **options):
        calls.append(options["language"])
        started.set()
        assert go.wait(WAIT_S)
        return heard()

    queue = opened(recognize)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(queue.recognize, io.BytesIO(b"audio"), language, "") for language in (None, None)]
        assert started.wait(WAIT_S)
        go.set()
        assert [each.result(WAIT_S) for each in asked] == [heard(), heard()]
    assert queue.recognize(io.BytesIO(b"audio"), "zh", "") == heard()  # the detected language
    assert calls == [None]


@pytest.mark.parametrize(("language", "hints"), [("en", ""), (None, "云原生")], ids=["language", "hints"])
def test_other_language_or_hint_is_recognized_again(language, hints):
    calls = []
    queue = opened(lambda file, **options: calls.append(1) or heard())

    queue.recognize(io.BytesIO(b"audio"), None, "")
    queue.recognize(io.BytesIO(b"audio"), language, hints)

    assert len(calls) == 2


def test_failed_recognition_is_not_kept():
    answers = [ValueError("broken"), heard()]

    def recognize(file, **options):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    queue = opened(recognize)
    with pytest.raises(ValueError, match="broken"):
        queue.recognize(io.BytesIO(b"audio"), None, "")

    assert queue.recognize(io.BytesIO(b"audio"), None, "") == heard()
    assert queue.waiting() == []


def test_smallest_waiting_recording_is_next():
    model_lock, order = FairLock(), []

    def take(rank):
        with model_lock.acquire(rank):
            order.append(rank)

    with ThreadPoolExecutor(3) as pool, model_lock.acquire(0):
        waiting = []
        for count, rank in enumerate((300, 200, 100), start=1):
            waiting.append(pool.submit(take, rank))
            with model_lock._changed:
                assert model_lock._changed.wait_for(lambda expected=count: len(model_lock._waiting) == expected, WAIT_S)
    for each in waiting:
        each.result(WAIT_S)

    assert order == [100, 200, 300]


def test_running_recognition_is_listed_with_progress():
    shown = []

    def recognize(file, *, progress, **options):
        progress(61_000)
        shown.extend(queue.waiting())
        return heard()

    queue = opened(recognize)
    queue.recognize(io.BytesIO(b"audio"), None, "")

    assert [(each["number"], each["size_bytes"], each["done_ms"]) for each in shown] == [(1, 5, 61_000)]
