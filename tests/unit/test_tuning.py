"""Check `VendorTuning`: the rates and sizes that an operator may change, and the error messages."""

import json

import jsonschema
import pytest

from asrcore.core.errors import AsrError, ErrorClass
from asrcore.core.tuning import ceiling, read_vendor_tuning
from asrcore.vendors.registry import VENDORS
from tools.schemas import TUNING

SCHEMA = json.loads(TUNING.read_text())
OWN = {name: vendor.tuning for name, vendor in VENDORS.items()}


def test_tuning_without_changes_is_the_vendors_own():
    assert read_vendor_tuning("{}", VENDORS) == OWN


def test_tuning_changes_the_given_fields_only():
    changes = {"tencent-sentence": {"submissions_per_second": 50}, "abcpen-offline": {"submissions_per_day": 500}}

    tuning = read_vendor_tuning(json.dumps(changes), VENDORS)

    assert tuning == OWN | {name: OWN[name].model_copy(update=fields) for name, fields in changes.items()}
    jsonschema.validate(changes, SCHEMA)


def test_every_vendor_may_have_a_limit_per_day():
    given = {name: {"submissions_per_day": 7} for name in VENDORS}

    tuning = read_vendor_tuning(json.dumps(given), VENDORS)

    assert {each.submissions_per_day for each in tuning.values()} == {7}
    jsonschema.validate(given, SCHEMA)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        pytest.param("[]", "it must be a JSON object such as", id="list"),
        pytest.param("{", "it must be a JSON object such as", id="not-json"),
        pytest.param("[" * 100_000, "it must be a JSON object such as", id="nested-too-deep"),
        pytest.param({"acme": {}}, "acme is not a vendor; the vendors are tencent-sentence, ", id="unknown-vendor"),
        pytest.param({"abcpen": 5}, "abcpen must be a JSON object such as", id="not-an-object"),
        pytest.param(
            {"abcpen": {"per_second": 5}},
            "abcpen has no 'per_second'; it has submissions_per_second, submissions_per_day, queries_per_second",
            id="unknown-field",
        ),
        pytest.param(
            {"volcengine": {"max_data_bytes": 5}},
            "volcengine has no 'max_data_bytes'; it has submissions_per_second",
            id="field-of-another-vendor",
        ),
        pytest.param(
            {"abcpen": {"queries_per_second": 0}},
            "abcpen.queries_per_second is 0: it must be at least 1",
            id="zero",
        ),
        pytest.param(
            {"abcpen": {"submissions_per_second": 1001}},
            "abcpen.submissions_per_second is 1001: it must be at most 1000",
            id="too-many",
        ),
        pytest.param(
            {"abcpen": {"submissions_per_second": "5"}},
            "abcpen.submissions_per_second is 5: it must be a whole number",
            id="text",
        ),
        pytest.param(
            {"abcpen": {"queries_per_second": None}},
            "abcpen.queries_per_second is None: it must be a whole number",
            id="null",
        ),
        pytest.param(
            {"tencent-sentence": {"max_data_bytes": 3_000_000}},
            "tencent-sentence.max_data_bytes is 3000000, and the vendor accepts up to 2250000",
            id="above-the-vendors-limit",
        ),
    ],
)
def test_tuning_that_is_not_allowed_is_rejected(given, complaint):
    text = given if isinstance(given, str) else json.dumps(given)

    with pytest.raises(AsrError) as raised:
        read_vendor_tuning(text, VENDORS)

    message = raised.value.message
    assert (raised.value.error_class, raised.value.code) == (ErrorClass.CONFIG, "BadTuning")
    assert message.startswith(f"the stack parameter VendorTuning: {complaint}")
    assert message.endswith("Correct it and deploy the stack again (docs/settings.md).")
    if not isinstance(given, str):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(given, SCHEMA)


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_vendor_defaults_are_allowed_values(vendor):
    own = vendor.tuning.model_dump(exclude_unset=True)

    read_vendor_tuning(json.dumps({vendor.name: own}), VENDORS)
    jsonschema.validate({vendor.name: own}, SCHEMA)


@pytest.mark.parametrize("vendor", VENDORS.values(), ids=VENDORS)
def test_vendor_has_a_data_size_exactly_where_it_accepts_data(vendor):
    assert ("max_data_bytes" in vendor.tuning.model_fields_set) == (vendor.limits.max_data_bytes > 0)
    assert vendor.tuning.max_data_bytes <= (ceiling(vendor, "max_data_bytes") or 0)
