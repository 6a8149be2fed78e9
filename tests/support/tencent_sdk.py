"""The vendor's own SDK for Tencent's speech recognition, pointed at a simulator."""

from tencentcloud.asr.v20190614.asr_client import AsrClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from tests.support.simulator_control import CREDENTIALS

ACCOUNT = CREDENTIALS["tencent"]


def sdk_client(
    url: str,
    method: str = "POST",
    sign_method: str = "TC3-HMAC-SHA256",
    secret_key: str = ACCOUNT["secret_key"],
    unsigned: bool = False,
) -> AsrClient:
    """A client of the account; `unsigned` leaves the body out of the signature."""
    http = HttpProfile(protocol="http", endpoint=url.removeprefix("http://"), reqMethod=method, reqTimeout=30)
    profile = ClientProfile(httpProfile=http, signMethod=sign_method)
    profile.unsignedPayload = unsigned
    return AsrClient(Credential(ACCOUNT["secret_id"], secret_key), "", profile)
