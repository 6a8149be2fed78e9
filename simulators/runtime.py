"""What a simulator uses of the machine that it runs on, so that the same handlers also run in simulated time."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import requests

from simulators import outgoing, recording
from simulators.background import Background, Scheduler
from simulators.recording import Recording


@dataclass(frozen=True)
class Runtime:
    """Clocks, later work, and outgoing traffic.

    wall_clock: seconds since 1970.  monotonic: seconds from any start.  scheduler: makes a scheduler of a given name.
    read_recording, post: as `recording.read_recording` and `outgoing.post`.
    """

    wall_clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    scheduler: Callable[[str], Scheduler] = Background
    read_recording: Callable[..., Recording] = recording.read_recording
    post: Callable[..., requests.Response] = outgoing.post
