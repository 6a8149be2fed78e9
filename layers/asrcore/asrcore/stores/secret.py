"""The stack's secret, through Powertools' cache: what is put there is in use everywhere once the cache is too old."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.parameters import TransformParameterError

from asrcore.core.errors import AsrError, ErrorClass

FRESH_S = 1.0  # forged callbacks and wrong credentials must not make every invocation read


class StackSecret:
    """One secret of AWS Secrets Manager, a JSON object.

    provider: Powertools' SecretsProvider, whose cache's age is POWERTOOLS_PARAMETERS_MAX_AGE.  clock: seconds.
    """

    def __init__(self, provider: Any, arn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._provider, self._arn, self._clock = provider, arn, clock
        self._fresh_until_s = float("-inf")

    def __call__(self, *, fresh: bool = False) -> Mapping[str, Any]:
        """Its JSON, kept for a while. fresh: as it is now, or was a second ago. Raises AsrError("SecretUnreadable")."""
        now_s = self._clock()
        is_due = fresh and now_s >= self._fresh_until_s
        try:
            held = self._provider.get(self._arn, transform="json", force_fetch=is_due)
        except TransformParameterError as error:
            raise _unreadable() from error
        if is_due:
            self._fresh_until_s = now_s + FRESH_S
        if not isinstance(held, dict):
            raise _unreadable()
        return held


def _unreadable() -> AsrError:
    message = "the stack's secret is no JSON object: put one there, with an object for each vendor"
    return AsrError(ErrorClass.CONFIG, "SecretUnreadable", message)
