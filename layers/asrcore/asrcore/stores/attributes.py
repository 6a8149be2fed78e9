"""Values of a row as DynamoDB's attribute values, and back.

Amazon DynamoDB API reference, "AttributeValue".
"""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeSerializer

_PLAIN = {str: "S", bool: "BOOL"}  # attribute types
_LARGEST = 10**38  # DynamoDB stores 38 digits


class AttributeSerializer(TypeSerializer):
    """boto3's, which tries one type after the other for each of the hundred values of a row, for what is rare."""

    def serialize(self, value: Any) -> Any:
        """Return the attribute value. Raises TypeError for what DynamoDB does not store, such as a float."""
        kind = type(value)
        if plain := _PLAIN.get(kind):
            return {plain: value}
        if value is None:
            return {"NULL": True}
        if kind is dict:
            return {"M": {name: self.serialize(member) for name, member in value.items()}}
        if kind is list:
            return {"L": [self.serialize(member) for member in value]}
        if kind is int and -_LARGEST < value < _LARGEST:
            return {"N": str(value)}
        return super().serialize(value)


def deserialize(attribute: Mapping[str, Any]) -> Any:
    """Return the value of an attribute value; of numbers, an int or a float. Raises TypeError for binary values.

    boto3's looks up a method by name for each of the hundred values of a row, and makes each number a Decimal.
    """
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return _number(value)
        case "M":
            return {name: deserialize(member) for name, member in value.items()}
        case "L":
            return [deserialize(member) for member in value]
        case "NULL":
            return None
        case "NS":
            return {_number(member) for member in value}
    raise TypeError(f"a row has no attribute of type {kind}")


def _number(text: str) -> int | float:
    return int(text) if text.removeprefix("-").isdecimal() else float(text)
