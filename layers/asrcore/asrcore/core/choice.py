"""Why a vendor has a recording: a code with its parameters, stored in the job's row, and the sentence made of them."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, computed_field


class ChoiceReason(StrEnum):
    """The reason for a choice; in brackets, its parameters."""

    NAMED = "named"  # pinned by folder, metadata, sidecar or request
    FIRST_IN_CHAIN = "first_in_chain"  # it supports every asked option, and no vendor before it takes the recording
    SUPPORTS_OPTIONS = "supports_options"  # [options, passed_over: the vendors before it that leave some out]
    NONE_SUPPORTS_ALL = "none_supports_all"  # [options: those that it leaves out]
    FAILOVER = "failover"  # [vendor: the one before it, error_code: with what that failed]


class VendorChoice(BaseModel):
    """Why the current vendor has the recording."""

    model_config = ConfigDict(frozen=True)

    code: ChoiceReason
    params: dict[str, str | list[str]] = {}

    @computed_field  # type: ignore[prop-decorator]
    @property
    def text(self) -> str:
        """The reason as the end of an English sentence."""
        return f"chosen because {_BECAUSE[self.code](self.params)}"


_FIRST = "it is the first of the chain that takes the recording"
_BECAUSE: Mapping[ChoiceReason, Callable[[Mapping[str, Any]], str]] = MappingProxyType(
    {
        ChoiceReason.NAMED: lambda _: "it was named",
        ChoiceReason.FIRST_IN_CHAIN: lambda _: _FIRST,
        ChoiceReason.SUPPORTS_OPTIONS: lambda params: (
            f"it supports {_listed(params['options'])}, and {_listed(params['passed_over'])}, earlier in the chain,"
            f" {'does' if len(params['passed_over']) == 1 else 'do'} not"
        ),
        ChoiceReason.NONE_SUPPORTS_ALL: lambda params: (
            f"{_FIRST}; none that takes it supports every option, and it leaves out {_listed(params['options'])}"
        ),
        ChoiceReason.FAILOVER: lambda params: f"{params['vendor']} failed with {params['error_code']}",
    }
)


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
