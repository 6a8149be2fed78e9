"""Hold the serializer of rows to boto3's."""

from decimal import Decimal

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from asrcore.stores.attributes import AttributeSerializer

NUMBERS = st.integers(-(10**30), 10**30) | st.decimals(allow_nan=False, allow_infinity=False, places=3)
ONE = st.none() | st.booleans() | st.text() | NUMBERS
VALUES = st.recursive(
    ONE | st.sets(st.integers(0, 99), min_size=1), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
)


@given(VALUES)
def test_attribute_value_equals_boto3s(value):
    assert AttributeSerializer().serialize(value) == TypeSerializer().serialize(value)


@pytest.mark.parametrize("value", [1.5, object(), Decimal("NaN"), {"nested": [1.5]}])
def test_value_that_dynamodb_does_not_store_is_an_error(value):
    with pytest.raises(TypeError):
        AttributeSerializer().serialize(value)
