"""The stack's secrets, each read through Powertools' cache, so that a change is in use when the cache expires."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.parameters import TransformParameterError

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.messages import Message

FRESH_S = 1.0  # so that forged callbacks cannot cause a read each


class StackSecret:
    """The port `Secret`: one secret of AWS Secrets Manager, a JSON object.

    name: the secret's logical id in the template.  provider: Powertools' SecretsProvider, whose cache expires after
    POWERTOOLS_PARAMETERS_MAX_AGE.  clock: seconds.
    """

    def __init__(self, name: str, provider: Any, arn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name, self._provider, self._arn, self._clock = name, provider, arn, clock
        self._fresh_until_s = float("-inf")

    def __call__(self, *, fresh: bool = False) -> Mapping[str, Any]:
        """Return the secret's JSON object.

        Args:
            fresh: whether to bypass the cache, unless that was done within the last FRESH_S seconds.

        Raises:
            AsrError: class config, code SecretUnreadable.
        """
        now_s = self._clock()
        is_due = fresh and now_s >= self._fresh_until_s
        try:
            held = self._provider.get(self._arn, transform="json", force_fetch=is_due)
        except TransformParameterError as error:
            raise self._unreadable() from error
        if is_due:
            self._fresh_until_s = now_s + FRESH_S
        if not isinstance(held, dict):
            raise self._unreadable()
        return held

    def _unreadable(self) -> AsrError:
        return AsrError(ErrorClass.CONFIG, "SecretUnreadable", Message("SecretUnreadable", {"secret": self._name}))
