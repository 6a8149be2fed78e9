"""What moto stores in this process, by region."""

from typing import Any

from moto.core.base_backend import BackendDict
from moto.s3.models import s3_backends


def delete_region(region: str) -> None:
    """Delete all that moto stores in `region`, and nothing of other regions."""
    # moto stores buckets by partition, so they are deleted one by one.
    for backend in [backend for account in s3_backends.values() for backend in account.values()]:
        for bucket in [bucket for bucket in backend.buckets.values() if bucket.region_name == region]:
            backend.buckets.pop(bucket.name)
            s3_backends.bucket_accounts.pop(bucket.name, None)
    services: list[Any] = vars(BackendDict)["_instances"]
    for account in [account for service in services for account in service.values()]:
        account.pop(region, None)
