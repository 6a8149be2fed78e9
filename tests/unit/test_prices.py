"""What vendors and AWS ask: the tables, and how an operator changes them."""

import json
import re
from datetime import date

import pytest

from asrcore.core.errors import AsrError
from asrcore.core.money import Amount, Cost, Currency
from asrcore.core.prices import (
    ASSUMED_EXCHANGE,
    AWS_PRICES,
    REFERENCE,
    UNITS,
    VENDOR_PRICES,
    Exchange,
    aws_prices,
    read_aws_prices,
    read_exchange,
    read_vendor_prices,
)
from asrcore.settings import Settings
from asrcore.vendors.registry import VENDORS
from tests.support.template import ROOT, TEMPLATE

ENVIRONMENT = {
    "STACK_NAME": "s",
    "JOBS_TABLE": "j",
    "TRANSCRIPT_BUCKET": "t",
    "SECRET_ARN": "a",
    "ROW_RETENTION_DAYS": "1",
    "VENDOR_CHAIN": "abcpen",
    "EXPORTS": "srt,txt",
}


class TestTables:
    def test_price_table_has_vendors_only(self):
        assert set(VENDOR_PRICES) <= set(VENDORS)

    @pytest.mark.parametrize("name", [*VENDOR_PRICES, *AWS_PRICES])
    def test_every_price_has_a_date_and_a_source(self, name):
        entry = VENDOR_PRICES.get(name) or AWS_PRICES[name]

        assert entry.date <= date(2026, 12, 31)
        assert len(entry.source) > 20

    @pytest.mark.parametrize("vendor", [name for name, entry in VENDOR_PRICES.items() if entry.price is None])
    def test_unknown_price_is_none_with_a_source(self, vendor):
        assert "no price in the vendor's documents" in VENDOR_PRICES[vendor].source

    def test_the_reference_region_has_every_price(self):
        assert None not in [getattr(AWS_PRICES[REFERENCE], unit) for unit in UNITS]

    @pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1"])
    def test_china_pays_in_yuan(self, region):
        assert aws_prices(region).currency is Currency.CNY

    def test_unlisted_region_uses_the_reference(self):
        prices = aws_prices("eu-west-1")

        assert {getattr(prices, unit) for unit in UNITS} == {None}
        assert prices.currency is AWS_PRICES[REFERENCE].currency

    def test_beijing_uses_the_prices_of_ningxia(self):
        assert aws_prices("cn-north-1") == AWS_PRICES["cn-northwest-1"]

    def test_engine_without_its_own_price_has_the_usual_one(self):
        price = VENDOR_PRICES["volcengine-bigmodel"]

        assert [price.of(each) for each in (None, "volc.bigasr.auc", "of another vendor")] == [0.8, 2.3, 0.8]


class TestVendorPrices:
    def test_given_price_keeps_the_rest_of_the_table(self):
        prices = read_vendor_prices('{"tencent-sentence": {"price": 0.0032}}', VENDORS)

        changed = prices["tencent-sentence"]
        assert (changed.price, changed.per, changed.currency) == (0.0032, "call", Currency.CNY)
        assert (changed.date, changed.source) == (None, "the stack parameter VendorPrices")
        assert prices["tencent-rec-task"] == VENDOR_PRICES["tencent-rec-task"]

    def test_every_price_field_can_be_set(self):
        told = {"price": 2, "currency": "USD", "per": "call", "unit_s": 60, "date": "2026-10-01", "source": "s"}

        changed = read_vendor_prices(json.dumps({"abcpen": told}), VENDORS)["abcpen"]

        assert (changed.unit_s, changed.date, changed.source) == (60, date(2026, 10, 1), "s")
        assert (changed.price, changed.currency, changed.per) == (2.0, Currency.USD, "call")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            pytest.param("[]", "VendorPrices: not a JSON object", id="a list"),
            pytest.param("{", "VendorPrices: not a JSON object", id="no JSON"),
            pytest.param("[" * 100_000, "VendorPrices: not a JSON object", id="bottomless"),
            pytest.param(
                '{"unknown": {"price": 1}}', "unknown is no vendor; there are tencent-sentence", id="no vendor"
            ),
            pytest.param('{"abcpen": 1}', "abcpen: not a JSON object of prices", id="a number alone"),
            pytest.param('{"abcpen": {"price": "much"}}', "abcpen: price: ", id="no number"),
            pytest.param('{"abcpen": {"price": -1}}', "abcpen: price: ", id="below nothing"),
            pytest.param('{"abcpen": {"price": 1, "per": "day"}}', "abcpen: per: ", id="an unknown unit"),
            pytest.param(
                '{"abcpen": {"prise": 1}}', "allowed are price, engines, currency, per", id="an unknown field"
            ),
            pytest.param(
                '{"tencent-rec-task": {"currency": "USD"}}',
                "tencent-rec-task: with another currency give these anew, too: price",
                id="another currency for the same number",
            ),
        ],
    )
    def test_invalid_vendor_prices_name_the_allowed_ones(self, text, said):
        with pytest.raises(AsrError) as told:
            read_vendor_prices(text, VENDORS)

        assert (told.value.error_class, told.value.code) == ("config", "BadPrice")
        assert said in told.value.message
        assert "Deploy the stack again" in told.value.message


class TestAwsPrices:
    def test_given_aws_price_changes_no_other(self):
        prices = read_aws_prices('{"million_transitions": 30}', "cn-north-1")

        assert (prices.million_transitions, prices.million_invocations) == (30, 1.36)

    def test_empty_aws_prices_are_the_table(self):
        assert read_aws_prices("{}", "cn-north-1") == AWS_PRICES["cn-northwest-1"]

    def test_aws_prices_in_another_currency_need_all_of_them(self):
        with pytest.raises(
            AsrError, match="with another currency give these anew, too: million_invocations, gb_second"
        ):
            read_aws_prices('{"currency": "USD", "gb_sent": 0.1}', "cn-northwest-1")

    @pytest.mark.parametrize("text", ["null", '{"million_things": 1}', '{"gb_sent": -1}', '{"currency": "EUR"}'])
    def test_invalid_aws_prices_are_rejected(self, text):
        with pytest.raises(AsrError, match="AwsPrices"):
            read_aws_prices(text, REFERENCE)


class TestExchange:
    @pytest.mark.parametrize(
        ("text", "rate"),
        [
            pytest.param("7.1", Exchange(7.1), id="without a day it is assumed"),
            pytest.param("7.0832@2026-11-20", Exchange(7.0832, date(2026, 11, 20)), id="with its day"),
        ],
    )
    def test_exchange_rate_is_read(self, text, rate):
        assert read_exchange(text) == rate

    @pytest.mark.parametrize("text", ["", "0", "-7", "seven", "7.1@yesterday", "7.1@2026-13-01", "7,1"])
    def test_invalid_exchange_rate_is_rejected(self, text):
        with pytest.raises(AsrError, match="UsdInCny"):
            read_exchange(text)

    def test_amount_is_exact_in_its_own_currency(self):
        rate = Exchange(7.0)

        assert rate.amount(1.0, Currency.USD) == Amount(usd=1.0, cny=7.0)
        assert rate.amount(1.0, Currency.CNY) == Amount(usd=0.142857143, cny=1.0)


class TestSettings:
    def test_settings_read_the_prices_at_start(self):
        told = {"VENDOR_PRICES": '{"abcpen": {"price": 1}}', "USD_IN_CNY": "7.2@2026-11-01", "AWS_REGION": "cn-north-1"}

        rates = Settings.from_environment({**ENVIRONMENT, **told}).rates

        assert rates.vendor("abcpen").price == 1
        assert rates.exchange == Exchange(7.2, date(2026, 11, 1))
        assert (rates.region, rates.aws.currency, rates.exports) == ("cn-north-1", Currency.CNY, 2)
        assert rates.completion_modes == {name: vendor.completion_modes for name, vendor in VENDORS.items()}

    def test_template_defaults_are_the_tables(self):
        parameters = {
            name: TEMPLATE["Parameters"][name]["Default"] for name in ("VendorPrices", "AwsPrices", "UsdInCny")
        }
        told = dict(zip(("VENDOR_PRICES", "AWS_PRICES", "USD_IN_CNY"), parameters.values(), strict=True))

        rates = Settings.from_environment({**ENVIRONMENT, **told}).rates

        assert dict(rates.vendors) == dict(VENDOR_PRICES)
        assert (rates.aws, rates.exchange) == (AWS_PRICES[REFERENCE], ASSUMED_EXCHANGE)

    def test_invalid_prices_stop_the_start(self):
        with pytest.raises(AsrError, match="VendorPrices"):
            Settings.from_environment({**ENVIRONMENT, "VENDOR_PRICES": '{"abcpen": {"price": "x"}}'})


class TestCostPage:
    PAGE = (ROOT / "docs/cost.md").read_text()

    def test_page_shows_a_real_cost(self):
        (shown,) = re.findall(r"```json\n(.*?)```", self.PAGE, re.DOTALL)

        cost = Cost.model_validate_json(shown)

        assert cost.total == cost.known

    @pytest.mark.parametrize(
        ("parameter", "read"),
        [
            ("VendorPrices", lambda text: read_vendor_prices(text, VENDORS)),
            ("AwsPrices", lambda text: read_aws_prices(text, REFERENCE)),
            ("UsdInCny", read_exchange),
        ],
        ids=["VendorPrices", "AwsPrices", "UsdInCny"],
    )
    def test_page_examples_are_valid(self, parameter, read):
        (example,) = re.findall(rf"\| `{parameter}` \| `(.*)` \|", self.PAGE)

        assert re.fullmatch(TEMPLATE["Parameters"][parameter]["AllowedPattern"], example)
        assert read(example)
