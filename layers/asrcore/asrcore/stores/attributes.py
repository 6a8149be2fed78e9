"""Values of a row as DynamoDB's attribute values.

Amazon DynamoDB API reference, "AttributeValue".
"""

from typing import Any

from boto3.dynamodb.types import TypeSerializer


class AttributeSerializer(TypeSerializer):
    """boto3's, which tries one type after the other for each of the hundred values of a row, for what is no number."""

    def serialize(self, value: Any) -> Any:
        """Return the attribute value. Raises TypeError for what DynamoDB does not store, such as a float."""
        kind = type(value)
        if kind is str:
            return {"S": value}
        if value is None:
            return {"NULL": True}
        if kind is dict:
            return {"M": {name: self.serialize(member) for name, member in value.items()}}
        if kind is list:
            return {"L": [self.serialize(member) for member in value]}
        if kind is bool:
            return {"BOOL": value}
        return super().serialize(value)
