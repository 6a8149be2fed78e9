"""Hold the serializer of rows, and the deserializer, to boto3's."""

from decimal import Decimal

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from asrcore.stores.attributes import AttributeSerializer, deserialize

NUMBERS = st.integers(-(10**30), 10**30) | st.decimals(allow_nan=False, allow_infinity=False, places=3)
ONE = st.none() | st.booleans() | st.text() | NUMBERS
VALUES = st.recursive(
    ONE | st.sets(st.integers(0, 99), min_size=1), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
)


@given(VALUES)
def test_attribute_value_equals_boto3s(value):
    assert AttributeSerializer().serialize(value) == TypeSerializer().serialize(value)


@given(VALUES)
def test_value_of_an_attribute_equals_boto3s(value):
    attribute = TypeSerializer().serialize(value)

    assert deserialize(attribute) == as_floats(TypeDeserializer().deserialize(attribute))


def as_floats(value):
    """Return a value with every Decimal that is no whole number as a float."""
    if isinstance(value, list):
        return [as_floats(member) for member in value]
    if isinstance(value, dict):
        return {name: as_floats(member) for name, member in value.items()}
    return float(value) if isinstance(value, Decimal) and "." in str(value) else value


@pytest.mark.parametrize("attribute", [{"B": b"bytes"}, {"SS": ["words"]}])
def test_attribute_that_no_row_has_is_an_error(attribute):
    with pytest.raises(TypeError):
        deserialize(attribute)


@pytest.mark.parametrize("value", [1.5, object(), Decimal("NaN"), {"nested": [1.5]}])
def test_value_that_dynamodb_does_not_store_is_an_error(value):
    with pytest.raises(TypeError):
        AttributeSerializer().serialize(value)
