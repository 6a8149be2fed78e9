"""The stacks of the tests: local ones, and all that they have written is searched when they end."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from devstack.stack import LocalStack
from tests.support.secrets_scan import assert_kept, listen


class SearchedStack(LocalStack):
    """A local stack that no test leaves with a secret in sight.

    unsearched: why it is let off, for the few in which secrets are planted, or nothing is left to be searched.
    """

    unsearched: str = ""

    def __init__(self, params: Mapping[str, str] | None = None, **settings: Any) -> None:
        """Vendors take a tenth of a second, waits are a twentieth of AWS's; settings: as of LocalStack.

        Few processes a function: their starts are most of what a stack costs.
        """
        super().__init__(params, **{"turnaround_s": 0.1, "speed": 20, "environments": 2, **settings})

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            listen(self)
        except BaseException:
            super().__exit__()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *rest: BaseException | TracebackType | None) -> None:
        """Raises AssertionError saying what was seen, and where; not over another failure."""
        try:
            if kind is None and not self.unsearched:
                assert_kept(self)
        finally:
            super().__exit__(kind, *rest)
