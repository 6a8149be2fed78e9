"""The jobs table as the template deploys it, on a local DynamoDB."""

from collections.abc import Iterator, Mapping
from typing import Any

from asrcore.core.totals import TOTALS
from tests.support.template import TEMPLATE


def create_jobs_table(client: Any) -> str:
    """Keys and indexes of the template's table; its name. client: a boto3 `dynamodb` client."""
    table = TEMPLATE["Resources"]["JobsTable"]["Properties"]
    created = client.create_table(
        TableName="jobs",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=table["AttributeDefinitions"],
        KeySchema=table["KeySchema"],
        GlobalSecondaryIndexes=table["GlobalSecondaryIndexes"],
    )
    name: str = created["TableDescription"]["TableName"]
    return name


def totals_rows(items: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, int]]:
    """Yield the numbers of every row of totals, by name. items: of the table, by key."""
    for key, item in items.items():
        if key.startswith(TOTALS):
            yield {name: int(each["N"]) for name, each in item.items() if name not in {"job_id", "expires_at"}}
