"""Addresses among a job's options are as secret as those of remote recordings: the row has the key of their object."""

from collections.abc import Callable, Mapping
from functools import partial

from asrcore.core.options import Options, RequestedOptions
from asrcore.core.remote_recordings import address_key, is_remote
from asrcore.core.transcript import Source
from asrcore.core.vendor import Vendor
from asrcore.services import Services


def store_addresses(requested: RequestedOptions, bucket: str, job_id: str, services: Services) -> RequestedOptions:
    """Store each address as an object, and replace it by the object's key: the same for the same address of a job."""
    options = _replace(requested.options, partial(_store, bucket, job_id, services), services.vendors)
    return requested.model_copy(update={"options": options})


def load_addresses(options: Options, bucket: str, services: Services) -> Options:
    """Return a job's options with the addresses themselves. Raises AsrError as `Recordings.look_up` does."""
    return _replace(options, partial(_load, bucket, services), services.vendors)


def _replace(options: Options, change: Callable[[str], str], vendors: Mapping[str, Vendor]) -> Options:
    if not options.vendor:
        return options
    vendor = {
        name: {
            each: change(str(value)) if vendors[name].parameters[each].is_secret else value
            for each, value in own.items()
        }
        for name, own in options.vendor.items()
    }
    return options.model_copy(update={"vendor": vendor})


def _store(bucket: str, job_id: str, services: Services, value: str) -> str:
    if is_remote(value):
        return value
    key = address_key(job_id, value)
    services.recordings.put_remote_url(bucket, key, value)
    return key


def _load(bucket: str, services: Services, value: str) -> str:
    named = Source(bucket=bucket, key=value, version_id=None, etag="", size_bytes=0)
    return services.recordings.presign(services.recordings.look_up(named).source)
