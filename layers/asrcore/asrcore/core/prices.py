"""The prices of vendors and AWS as data, each with its day and source; None where no source was found.

An unknown price is None, and a stack parameter sets it (`VendorPrices`, `AwsPrices`, `UsdInCny`). An assumption in its
place is stated in every cost that rests on it.
"""

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from asrcore.core.documents import invalid
from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.money import DIGITS, Amount, Currency
from asrcore.core.vendor import Completion
from asrcore.messages import Message, Param

ENTRY = TypeVar("ENTRY", bound=BaseModel)


class VendorPrice(BaseModel):
    """A vendor's price for a recording that it recognized, without volume discounts and free quotas.

    price: of an `hour` of the recording, or of one `call` whatever its length; None: no source was found.
    engines: the same for engines that have a price of their own, by the name that `Options.model` gives them.
    unit_s: seconds of a recording are counted in these, the last one as a whole.
    date: None for a price that an operator gave without its day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    price: float | None = Field(default=None, ge=0)
    engines: dict[str, Annotated[float, Field(ge=0)]] = {}
    currency: Currency = Currency.CNY
    per: Literal["hour", "call"] = "hour"
    unit_s: int = Field(default=1, ge=1)
    date: datetime.date | None = None
    source: str

    def of(self, engine: str | None) -> float | None:
        """Return the price of an engine; without one of its own, the usual price."""
        return self.engines.get(engine, self.price) if engine else self.price


_READ = datetime.date(2026, 11, 26)
_NO_PRICE = "no price in the vendor's documents at hand"
_TENCENT_RECORDING = VendorPrice(
    price=1.75,
    date=datetime.date(2026, 9, 30),
    source="Tencent Cloud, speech recognition, billing overview (document 1093/35686, as quoted in September 2026): "
    "recording recognition, postpaid, lowest tier, not the large-model engines; counted by the second",
)
VENDOR_PRICES: Mapping[str, VendorPrice] = MappingProxyType(
    {
        "tencent-sentence": VendorPrice(
            price=0.0032,
            per="call",
            date=_READ,
            source="Tencent Cloud, speech recognition, billing overview (document 1093/35686, as quoted in 2026): "
            "one-sentence recognition, postpaid, lowest tier, 3.20 CNY for 1,000 calls",
        ),
        "tencent-rec-task": _TENCENT_RECORDING,
        "volcengine-bigmodel": VendorPrice(
            price=0.8,
            engines={"volc.seedasr.auc": 0.8, "volc.bigasr.auc": 2.3, "volc.bigasr.auc_idle": 1.2},
            date=_READ,
            source="Volcengine, speech, prices (document 6561/1359370, as quoted from August 2026 on): recognition of "
            "recordings by the large model, model 2.0, postpaid; model 1.0 and the idle edition have their own",
        ),
        "abcpen-offline": VendorPrice(date=_READ, source=_NO_PRICE),
        "tencent-recording": _TENCENT_RECORDING,
        "volcengine": VendorPrice(
            date=_READ,
            source=f"counted by the length of the recording (Volcengine, billing, document 6561/1359369); {_NO_PRICE}",
        ),
        "abcpen": VendorPrice(date=_READ, source=_NO_PRICE),
        "openai-compatible": VendorPrice(
            price=0,
            date=datetime.date(2026, 11, 30),
            source="your own engine charges nothing; for a cloud, set its price in VendorPrices",
        ),
    }
)
_UNLISTED = VendorPrice(date=_READ, source="no price in the table")


class AwsPrices(BaseModel):
    """AWS's prices in one region, first tier, without free quotas. None: as in the reference region."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: Currency
    date: datetime.date
    source: str
    million_transitions: float | None = Field(default=None, ge=0)  # AWS Step Functions, Standard
    million_invocations: float | None = Field(default=None, ge=0)  # AWS Lambda
    gb_second: float | None = Field(default=None, ge=0)  # AWS Lambda, x86
    million_table_writes: float | None = Field(default=None, ge=0)  # Amazon DynamoDB on demand, write request units
    million_table_reads: float | None = Field(default=None, ge=0)  # the same, read request units
    million_s3_puts: float | None = Field(default=None, ge=0)
    million_s3_gets: float | None = Field(default=None, ge=0)
    million_api_requests: float | None = Field(default=None, ge=0)  # Amazon API Gateway, HTTP API
    million_events: float | None = Field(default=None, ge=0)  # Amazon EventBridge, custom events
    million_secret_reads: float | None = Field(default=None, ge=0)  # AWS Secrets Manager
    gb_logged: float | None = Field(default=None, ge=0)  # Amazon CloudWatch Logs, ingested
    gb_sent: float | None = Field(default=None, ge=0)  # from S3 to the internet, where the vendors are


UNITS = tuple(name for name in AwsPrices.model_fields if name not in ("currency", "date", "source"))
REFERENCE = "us-east-1"
AWS_PRICES: Mapping[str, AwsPrices] = MappingProxyType(
    {
        REFERENCE: AwsPrices(
            currency=Currency.USD,
            date=datetime.date(2025, 10, 1),
            source="AWS price lists, US East (N. Virginia)",
            million_transitions=25.0,
            million_invocations=0.20,
            gb_second=0.0000166667,
            million_table_writes=0.625,
            million_table_reads=0.125,
            million_s3_puts=5.0,
            million_s3_gets=0.40,
            million_api_requests=1.0,
            million_events=1.0,
            million_secret_reads=5.0,
            gb_logged=0.50,
            gb_sent=0.09,
        ),
        "cn-northwest-1": AwsPrices(
            currency=Currency.CNY,
            date=datetime.date(2022, 6, 30),
            source="Amazon Web Services in China, Ningxia, as quoted in AWS solutions' cost pages (June 2022) and on "
            "the DynamoDB price page",
            million_invocations=1.36,
            gb_second=0.000113477,
            million_table_writes=11.1538,
            gb_logged=6.228,
            gb_sent=0.933,
        ),
    }
)
LIKE: Mapping[str, str] = MappingProxyType({"cn-north-1": "cn-northwest-1"})  # regions whose prices another's stand for


@dataclass(frozen=True)
class Exchange:
    """Yuan for a dollar. day: of the rate; None for an assumed rate."""

    usd_in_cny: float
    day: datetime.date | None = None

    def amount(self, value: float, currency: Currency) -> Amount:
        """Return a sum in both currencies."""
        usd = value if currency is Currency.USD else value / self.usd_in_cny
        cny = value if currency is Currency.CNY else value * self.usd_in_cny
        return Amount(usd=round(usd, DIGITS), cny=round(cny, DIGITS))


ASSUMED_EXCHANGE = Exchange(7.1)


@dataclass(frozen=True)
class Rates:
    """All prices and facts that a job's cost depends on.

    vendors, completion_modes: by vendor; one without a price is unknown.  aws: of the stack's region, `region`.
    exports: number of files beside a transcript.  long_calls: vendors whose calls may last minutes.
    """

    vendors: Mapping[str, VendorPrice]
    completion_modes: Mapping[str, frozenset[Completion]]
    aws: AwsPrices
    region: str
    exchange: Exchange = ASSUMED_EXCHANGE
    exports: int = 4
    long_calls: frozenset[str] = frozenset()

    def vendor(self, name: str) -> VendorPrice:
        """Return a vendor's price; an unknown one for a vendor that is not in the table."""
        return self.vendors.get(name, _UNLISTED)


def aws_prices(region: str) -> AwsPrices:
    """Return a region's prices; all None, as in the reference region, for one that is not in the table."""
    reference = AWS_PRICES[REFERENCE]
    nowhere = AwsPrices(currency=reference.currency, date=reference.date, source=f"no prices of {region} at hand")
    return AWS_PRICES.get(LIKE.get(region, region), nowhere)


def read_vendor_prices(text: str, vendors: Mapping[str, object]) -> Mapping[str, VendorPrice]:
    """Return the vendors' prices, replaced by those of the stack parameter VendorPrices.

    text: a JSON object of objects, by vendor: `{"abcpen": {"price": 1.2}}`; the fields are VendorPrice's, of which only
    `price` must be given.  vendors: all there are, by name. Raises AsrError naming what is wrong and what is allowed.
    """
    prices = dict(VENDOR_PRICES)
    for name, entry in _object(text, "VendorPrices").items():
        if name not in vendors:
            raise _refuse("VendorPrices", Message("BadPrice.vendor", {"name": name[:40], "vendors": [*vendors]}))
        prices[name] = _changed(prices.get(name, _UNLISTED), entry, ("price", "engines"), "VendorPrices", name)
    return prices


def read_aws_prices(text: str, region: str) -> AwsPrices:
    """Return a region's prices, replaced by those of the stack parameter AwsPrices.

    text: a JSON object, `{"million_transitions": 25}`; the fields are AwsPrices's. Raises AsrError as above.
    """
    given = _object(text, "AwsPrices")
    return _changed(aws_prices(region), given, UNITS, "AwsPrices", "AwsPrices") if given else aws_prices(region)


def read_exchange(text: str) -> Exchange:
    """Read the stack parameter UsdInCny: `7.1`, or `7.1@2026-11-20` with the day of the rate. Raises AsrError."""
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)(?:@([0-9]{4}-[0-9]{2}-[0-9]{2}))?", text)
    try:
        day = datetime.date.fromisoformat(match[2]) if match and match[2] else None
        exchange = Exchange(float(match[1]), day) if match else None
    except ValueError:
        exchange = None
    if exchange is None or exchange.usd_in_cny == 0:
        raise _refuse("UsdInCny", Message("BadPrice.rate", {"value": text[:40]}))
    return exchange


def _object(text: str, parameter: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise _refuse(parameter, Message("BadPrice.no-object"))
    return document


def _changed(held: ENTRY, given: object, prices: Sequence[str], parameter: str, place: str) -> ENTRY:
    """Return an entry of a table with some fields replaced; its day and source are then the operator's.

    prices: names of the fields that are sums of its currency.
    """
    if not isinstance(given, dict):
        raise _refuse(parameter, Message("BadPrice.no-prices", {"place": place}))
    told = {"source": f"the stack parameter {parameter}", **({"date": None} if "price" in given else {}), **given}
    left = [name for name in prices if getattr(held, name) and name not in given]
    if left and given.get("currency", held.currency) != held.currency:  # type: ignore[attr-defined]
        raise _refuse(parameter, Message("BadPrice.currency", {"place": place, "prices": left}))
    try:
        return type(held).model_validate({**held.model_dump(), **told})
    except ValidationError as error:
        wrong = error.errors()[0]
        name = ".".join(map(str, wrong["loc"]))
        fault: dict[str, Param] = {"place": place, "field": name[:40], "fault": invalid(wrong)}
        allowed = [*type(held).model_fields]
        raise _refuse(parameter, Message("BadPrice.field", {**fault, "allowed": allowed})) from None


def _refuse(parameter: str, what: Message) -> AsrError:
    return AsrError(ErrorClass.CONFIG, "BadPrice", Message("BadPrice", {"parameter": parameter, "what": what}))
