"""What CloudFormation itself knows of resource types, as cfn-lint ships it."""

from typing import Any


def provider_schemas() -> Any:
    """Return cfn-lint's schemas. Importing cfn-lint takes as long as many tests, so only those that need it do."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    return PROVIDER_SCHEMA_MANAGER
