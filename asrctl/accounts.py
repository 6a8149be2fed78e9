"""The accounts with vendors, as the secret has them: the fields of each, and where its console shows each field.

Sources: those of docs/vendors.md, which describes the same steps at length.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from asrcore.core.vendor import Vendor
from asrcore.messages import Message
from asrcore.vendors.registry import VENDORS


@dataclass(frozen=True)
class Field:
    """One field of an account.

    page: the address of the console's page.  place: what to open and copy there.  is_secret: whether what is typed
    stays hidden.
    """

    name: str
    page: str
    place: Message
    is_secret: bool = True


@dataclass(frozen=True)
class Account:
    """One account with a vendor. name: its object in the secret.  page: where a service is activated."""

    name: str
    title: Message
    page: str
    activation: Message
    fields: tuple[Field, ...]

    @property
    def vendors(self) -> list[Vendor]:
        """The vendors that use the account, in the order of the registry."""
        return [vendor for vendor in VENDORS.values() if vendor.secret_name == self.name]


_TENCENT = "https://console.cloud.tencent.com"
_VOLCENGINE = "https://console.volcengine.com/speech"
_ABCPEN = "https://www.abcpen.com"

ACCOUNTS: Mapping[str, Account] = MappingProxyType(
    {
        account.name: account
        for account in (
            Account(
                "tencent",
                Message("cli.account.tencent"),
                f"{_TENCENT}/asr",
                Message("cli.account.tencent.activation"),
                (
                    Field("secret_id", f"{_TENCENT}/cam", Message("cli.account.tencent.secret_id")),
                    Field("secret_key", f"{_TENCENT}/cam", Message("cli.account.tencent.secret_key")),
                    Field("appid", f"{_TENCENT}/cam/capi", Message("cli.account.tencent.appid"), is_secret=False),
                ),
            ),
            Account(
                "volcengine",
                Message("cli.account.volcengine"),
                f"{_VOLCENGINE}/new/setting/activate",
                Message("cli.account.volcengine.activation"),
                (
                    Field("api_key", f"{_VOLCENGINE}/new/setting/apikeys", Message("cli.account.volcengine.api_key")),
                    Field("appid", f"{_VOLCENGINE}/app", Message("cli.account.volcengine.appid"), is_secret=False),
                    Field("token", f"{_VOLCENGINE}/app", Message("cli.account.volcengine.token")),
                    Field("cluster", f"{_VOLCENGINE}/app", Message("cli.account.volcengine.cluster"), is_secret=False),
                ),
            ),
            Account(
                "abcpen",
                Message("cli.account.abcpen"),
                _ABCPEN,
                Message("cli.account.abcpen.activation"),
                (
                    Field("appid", _ABCPEN, Message("cli.account.abcpen.appid"), is_secret=False),
                    Field("api_key", _ABCPEN, Message("cli.account.abcpen.api_key")),
                ),
            ),
            Account(
                "openai_compatible",
                Message("cli.account.openai_compatible"),
                "",
                Message("cli.account.openai_compatible.activation"),
                (Field("api_key", "", Message("cli.account.openai_compatible.api_key")),),
            ),
        )
    }
)
