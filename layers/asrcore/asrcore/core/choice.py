"""Why a vendor has a recording: a code with its parameters, stored in the job's row, and the sentence made of them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, computed_field

from asrcore.messages import Message, render
from asrcore.messages.stored import Params


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
    params: Params = {}

    @property
    def reason(self) -> Message:
        """The reason as a message."""
        return Message(_MESSAGES[self.code], self.params)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def text(self) -> str:
        """The reason as the end of an English sentence."""
        return render(self.reason)


_MESSAGES: Mapping[ChoiceReason, str] = MappingProxyType(
    {
        ChoiceReason.NAMED: "choice.named",
        ChoiceReason.FIRST_IN_CHAIN: "choice.first-in-chain",
        ChoiceReason.SUPPORTS_OPTIONS: "choice.supports-options",
        ChoiceReason.NONE_SUPPORTS_ALL: "choice.none-supports-all",
        ChoiceReason.FAILOVER: "choice.failover",
    }
)
