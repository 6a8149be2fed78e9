"""Call the recognizer over HTTP, and retry when it crashes and restarts."""

import logging
import threading
import time
from collections.abc import Callable
from typing import IO

import requests
from urllib3.exceptions import NewConnectionError

from recognizer.recognition import Recognition

LOG = logging.getLogger(__name__)

CONNECT_S = 5.0
MAX_WAIT_S = 4 * 3600.0  # five hours of speech on one slow core
MAX_CRASHES = 3  # of the recognizer at one recording
RETRY_S = 0.5
LOADING_S = 600.0  # a model named by ASR_MODEL may have to be fetched first


class StillWorkingError(Exception):
    """The recognition takes longer than the time given; it continues, and a later call returns it at once."""


class Client:
    """Calls one recognizer. Safe to use from several threads."""

    def __init__(self, url: str, is_gone: Callable[[], bool]) -> None:
        """is_gone: returns whether the recognizer will not be restarted."""
        self._url, self._is_gone = f"{url}/recognitions", is_gone
        self._lock = threading.Lock()
        self._waiting = 0

    def recognize(self, file: IO[bytes], wait_s: float = MAX_WAIT_S) -> Recognition | None:
        """Recognize an audio file; None, and a log line, if it cannot be recognized.

        Raises StillWorkingError after wait_s seconds.
        """
        with self._lock:
            self._waiting += 1
            LOG.info("waiting for the recognizer", extra={"in_queue": self._waiting})
        try:
            return self._recognize(file, time.monotonic() + wait_s)
        finally:
            with self._lock:
                self._waiting -= 1

    def done_ms(self) -> int | None:
        """Return how much of the current recording is recognized, in milliseconds; None without one."""
        try:
            with self._session() as session:
                found = session.get(self._url, timeout=CONNECT_S).json()["recognitions"]
        except (requests.RequestException, ValueError, LookupError):
            return None
        return max((int(each["done_ms"]) for each in found), default=None)

    def _recognize(self, file: IO[bytes], deadline: float) -> Recognition | None:
        crashes = 0
        loading_until = time.monotonic() + LOADING_S
        while not self._is_gone():
            remaining_s = deadline - time.monotonic()
            if remaining_s <= 0:
                raise StillWorkingError
            file.seek(0)
            try:
                response = self._post(file, remaining_s)
            except requests.ReadTimeout:
                raise StillWorkingError from None
            except requests.ConnectionError as error:
                # Connection refused: it is being started. Connection broken: it crashed, maybe at this recording.
                crashes += not _is_refused(error)
                if crashes >= MAX_CRASHES:
                    LOG.exception("the recognizer crashed repeatedly at this recording", extra={"crashes": crashes})
                    return None
            else:
                if response.status_code == 200:
                    return Recognition.from_json(response.json())
                if response.status_code != 503:
                    LOG.error(
                        "not recognized", extra={"http_status": response.status_code, "reason": _reason(response)}
                    )
                    return None
            if time.monotonic() > loading_until:
                LOG.error("the recognizer was not restarted in time")
                return None
            time.sleep(RETRY_S)
        return None

    def _post(self, file: IO[bytes], timeout_s: float) -> requests.Response:
        with self._session() as session:
            return session.post(self._url, data=file, timeout=(CONNECT_S, timeout_s))

    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # no proxy
        return session


def _is_refused(error: requests.ConnectionError) -> bool:
    """Return whether the connection was refused: the request did not reach the recognizer."""
    return isinstance(getattr(error.args[0] if error.args else None, "reason", None), NewConnectionError)


def _reason(response: requests.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return "no reason given"
