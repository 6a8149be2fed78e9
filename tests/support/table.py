"""The jobs table as the template deploys it, on a local DynamoDB."""

from typing import Any

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
