"""The stack's parameters, read from a function's environment and checked once at start."""

from collections.abc import Mapping
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, model_validator

from asrcore.core.base_url import check_base_url
from asrcore.core.budget import Budget, read_budget
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.option_sources import read_default
from asrcore.core.options import RequestedOptions
from asrcore.core.prices import (
    ASSUMED_EXCHANGE,
    REFERENCE,
    Rates,
    read_aws_prices,
    read_exchange,
    read_vendor_prices,
)
from asrcore.core.rate_limit import RateLimit
from asrcore.core.tuning import Tuning, read_vendor_tuning
from asrcore.messages import Message
from asrcore.vendors.registry import LONG_CALLS, VENDORS


class Settings(BaseModel):
    """The stack's parameters as a function sees them.

    base_urls and tuning are by vendor name; base_urls holds only what the function was given.
    """

    model_config = ConfigDict(frozen=True)

    stack_name: str
    jobs_table: str
    transcript_bucket: str
    vendor_chain: list[str]
    row_retention_days: int
    exports: list[Literal["srt", "vtt", "txt", "html"]] = []
    base_urls: dict[str, str]
    in_vpc: bool = False
    tuning: dict[str, Tuning]
    conversion: str = "off"
    audio_bucket: str = ""
    upload_max_megabytes: int = 0
    secret_arn: str = ""
    signing_secret_arn: str = ""
    state_machine_arn: str = ""
    callback_base_url: str = ""
    webhook_url: str = ""
    webhook_hosts: list[str] = []
    webhook_queue_url: str = ""
    webhook_tries: int = 1
    aws_endpoint_url: str = ""
    defaults: RequestedOptions = RequestedOptions()
    budget: Budget = Budget()
    rates: Rates

    @property
    def upload_max_bytes(self) -> int:
        """The largest recording that the HTTP API accepts, in bytes; 0 in other functions."""
        return self.upload_max_megabytes * 1_000_000

    @property
    def converts(self) -> bool:
        """Whether a recording that no vendor accepts as it is may be converted."""
        return self.conversion == "on"

    @property
    def is_local(self) -> bool:
        """Whether this is the local stack, which alone may use http."""
        return bool(self.aws_endpoint_url)

    @property
    def off(self) -> frozenset[str]:
        """The vendors without a base URL."""
        return frozenset(vendor for vendor, url in self.base_urls.items() if not url)

    @model_validator(mode="after")
    def _base_urls_are_allowed(self) -> Self:
        """Refuse a base URL that is not allowed: recordings and credentials are sent there."""
        for vendor, url in self.base_urls.items():
            if url or not VENDORS[vendor].may_be_off:
                check_base_url(vendor, url, local=self.is_local, in_vpc=self.in_vpc)
        return self

    def rate_limit(self, vendor: str) -> RateLimit:
        """Return the rate limit of submissions to a vendor."""
        tuning = self.tuning[vendor]
        return RateLimit(tuning.submissions_per_second, tuning.submissions_per_day or None)

    def query_rate_limit(self, vendor: str) -> RateLimit | None:
        """Return the rate limit of queries to a vendor; None where the vendor has none."""
        per_second = self.tuning[vendor].queries_per_second
        return RateLimit(per_second) if per_second else None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables that `template.yaml` sets.

        Args:
            environment: of the process.

        Raises:
            pydantic.ValidationError: a variable is missing or malformed; it is named.
            AsrError: `config`: default options, prices or tuning are not allowed, a vendor does not exist, or a base
                URL has no TLS.
        """
        exports = [name for name in environment.get("EXPORTS", "").split(",") if name]
        return cls.model_validate(
            {
                **{name: environment[name.upper()] for name in cls.model_fields if name.upper() in environment},
                "vendor_chain": _chain(environment.get("VENDOR_CHAIN", "")),
                "exports": exports,
                "webhook_hosts": [name for name in environment.get("WEBHOOK_HOSTS", "").split(",") if name],
                "base_urls": _by_vendor(environment, "_BASE_URL"),
                "tuning": read_vendor_tuning(environment.get("VENDOR_TUNING", "{}"), VENDORS),
                "defaults": read_default(environment.get("DEFAULT_OPTIONS", "{}"), VENDORS),
                "budget": read_budget(environment.get("BUDGET", "")),
                "rates": _rates(environment, len(exports)),
            }
        )


def check_webhook(url: str, settings: Settings) -> None:
    """Check the URL of a job's own webhook: https, a host of WebhookHosts, its usual port; this machine locally.

    Raises:
        AsrError: `config`, WebhookUrlRefused; no message contains the URL.
    """
    address = urlsplit(url)
    try:
        usual = address.scheme == "https" and address.port in {None, 443}
    except ValueError:  # no port has this number
        usual = False
    if not (usual or settings.is_local) or (address.hostname or "") not in settings.webhook_hosts:
        reason = Message("WebhookUrlRefused.not-allowed", {"hosts": settings.webhook_hosts})
        raise AsrError(ErrorClass.CONFIG, "WebhookUrlRefused", reason)


def vendor_off(vendor: str) -> Message:
    """Return the reason of the error VendorOff."""
    return Message("VendorOff", {"vendor": vendor})


def _rates(environment: Mapping[str, str], exports: int) -> Rates:
    region = environment.get("AWS_REGION", REFERENCE)
    return Rates(
        vendors=read_vendor_prices(environment.get("VENDOR_PRICES", "{}"), VENDORS),
        completion_modes={name: vendor.completion_modes for name, vendor in VENDORS.items()},
        long_calls=LONG_CALLS,
        aws=read_aws_prices(environment.get("AWS_PRICES", "{}"), region),
        region=region,
        exchange=read_exchange(environment["USD_IN_CNY"]) if "USD_IN_CNY" in environment else ASSUMED_EXCHANGE,
        exports=exports,
    )


def _chain(text: str) -> list[str]:
    chain = text.split(",")
    if unknown := [name for name in chain if name not in VENDORS]:
        reason = Message("UnknownVendor.chain", {"unknown": unknown, "vendors": [*VENDORS]})
        raise AsrError(ErrorClass.CONFIG, "UnknownVendor", reason)
    return chain


def _by_vendor(environment: Mapping[str, str], suffix: str) -> dict[str, str]:
    """Return the variables of a suffix by vendor: `TENCENT_SENTENCE_BASE_URL` is that of `tencent-sentence`."""
    variables = {vendor: vendor.upper().replace("-", "_") + suffix for vendor in VENDORS}
    return {vendor: environment[name] for vendor, name in variables.items() if name in environment}
