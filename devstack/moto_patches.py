"""Change moto where it differs from AWS, and why; for Step Functions, see step_functions_patches.py.

Each change finds its stack by region, so that one process can run a stack in each of several regions.
"""

import base64
import copy
import functools
import json
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

from flask import after_this_request, has_request_context
from jsonpath_ng import ext as jsonpath
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaFunction
from moto.cloudformation import parsing
from moto.cloudformation.models import Stack as CloudFormationStack
from moto.core import responses as core_responses
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.responses import ActionResult
from moto.core.serialize import JSONSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing import ast_nodes, expressions
from moto.dynamodb.responses import DynamoHandler
from moto.events.models import Rule
from moto.moto_server import werkzeug_app
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3 import notifications, responses
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeDeleteMarker, FakeKey, S3Backend
from moto.s3.responses import S3Response
from moto.s3.utils import metadata_from_headers
from moto.sns.models import sns_backends
from werkzeug.wrappers import Request

from devstack import step_functions_patches
from devstack.functions import MAX_ASYNC_EVENT_BYTES, MAX_EVENT_BYTES
from devstack.iam_enforcement import access_key_of, refuse_unknown_key
from devstack.region_data import delete_region
from devstack.stack_registry import STACKS, Stack

_Node: Any = vars(ast_nodes)["Node"]
_PARSED_CONDITIONS = 32  # those of the requests in progress
_REMOVED = notifications.S3NotificationEvent
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_ENCODED = ("Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")  # S3 API reference, ListObjectVersions
MAX_ROW_BYTES = 400 * 1024  # DynamoDB developer guide, "Quotas and limits"
MAX_KEY_BYTES = 1024  # Amazon S3 user guide, "Naming Amazon S3 objects"

_lock = threading.Lock()


def register(region: str, stack: Stack) -> None:
    """Connect moto's services in `region` to `stack`. Raises RuntimeError if a stack runs there already."""
    with _lock:
        _install()
        if STACKS.setdefault(region, stack) is not stack:
            raise RuntimeError(f"this process already runs a local stack in {region}: stop it or take another region")


def unregister(region: str) -> None:
    """Undo `register` and delete all that moto stores in `region`."""
    with _lock:
        STACKS.pop(region, None)
        delete_region(region)


@functools.cache
def _install() -> None:
    # moto checks permissions only on request, and of actions alone.
    _replace(
        ActionAuthenticatorMixin,
        "_authenticate_and_authorize_action",
        _enforcing_roles(ActionAuthenticatorMixin._authenticate_and_authorize_action),
    )

    # moto's CloudFormation leaves None in a list for an entry that a condition removes, and among the resources.
    _replace(parsing, "clean_json", _without_removed_entries(parsing.clean_json))
    _replace(CloudFormationStack, "stack_resources", property(_existing_resources))

    # moto reads each template as YAML; the stack's is JSON, which is read ten times as fast.
    _replace(CloudFormationStack, "parse_template", staticmethod(_json_or(CloudFormationStack.parse_template)))

    # moto reads, checks and writes a row without a lock; other requests see it half written.
    _replace(DynamoHandler, "call_action", _locked(DynamoHandler.call_action))

    # moto looks for aliases of each member of each value of a row, which is most of the time of reading a row.
    _replace(JSONSerializer, "_serialize_type_structure", _with_ready_values(JSONSerializer._serialize_type_structure))

    # moto measures the whole row for each of its attributes.
    _replace(Item, "__init__", _measured_once)

    # moto copies every row for each part of a transaction, in case it has to undo it.
    _replace(DynamoDBBackend, "transact_write_items", _copying_named_rows(DynamoDBBackend.transact_write_items))
    setattr(Table, "__deepcopy__", _copy_of_table)  # noqa: B010 - it has none of its own

    # moto parses an expression two or three times in each request, and copies the tree before it changes it.
    parser = vars(expressions)["UpdateExpressionParser"]
    _replace(parser, "make", functools.lru_cache(1024)(parser.make))
    setattr(_Node, "__deepcopy__", _copy_of_node)  # noqa: B010 - it has none of its own
    _replace(ConditionExpressionParser, "parse", _parsed_once(ConditionExpressionParser.parse))

    # moto builds a parser for each path of each event that it sends to a target.
    _replace(jsonpath, "parse", functools.lru_cache(1024)(vars(jsonpath)["parse"]))

    # moto lists the methods of a service at each request.
    _replace(core_responses, "method_names_from_class", functools.cache(method_names_from_class))

    # moto searches its own folders at each request to find the service of a host.
    _replace(
        DomainDispatcherApplication,
        "get_backend_for_host",
        functools.cache(DomainDispatcherApplication.get_backend_for_host),
    )

    # moto adds its own CORS headers, which browser_access.py removes.
    _replace(werkzeug_app, "DISABLE_GLOBAL_CORS", True)

    # moto looks for a form in each request, and makes a class for each request that has none, to explain its absence.
    _replace(werkzeug_app.BackendRequest, "want_form_data_parsed", property(lambda request: request.mimetype in _FORMS))
    _replace(werkzeug_app.BackendRequest, "_load_form_data", Request._load_form_data)

    # moto would run a function in a Docker container.
    _replace(LambdaFunction, "invoke", _invoke)

    # moto's events lack what S3's have, and reach a function before the object has its metadata.
    _replace(notifications, "_get_s3_event", functools.partial(_s3_event, notifications._get_s3_event))
    _replace(notifications, "_invoke_awslambda", _notify_function)

    # moto returns metadata beyond ASCII as it came.
    _replace(responses, "metadata_from_headers", _with_encoded_words(metadata_from_headers))

    # moto reports no delete marker, and a deleted version only if it was the key's last.
    _replace(S3Backend, "delete_object", _reporting_removals(S3Backend.delete_object, notifications.send_event))
    _replace(notifications, "send_event", _without_removals(notifications.send_event))

    # moto accepts keys of any length.
    _replace(S3Response, "parse_key_name", _within_limits(S3Response.parse_key_name))

    # moto copies all that a bucket holds, with its content, to list versions.
    setattr(FakeKey, "__deepcopy__", _copy_without_content)  # noqa: B010 - it has none of its own
    setattr(FakeDeleteMarker, "__deepcopy__", lambda marker, _memo: copy.copy(marker))  # noqa: B010

    # moto lists versions without encoding their keys, and fails for control characters.
    _replace(S3Response, "serialized", _with_encoded_versions(S3Response.serialized))

    # moto's EventBridge supports neither functions nor topics as targets.
    _replace(Rule, "send_to_targets", _also_to_functions_and_topics(Rule.send_to_targets))
    step_functions_patches.install(_replace)


def _replace(owner: Any, name: str, replacement: Any) -> None:
    if not hasattr(owner, name):
        raise RuntimeError(f"this version of moto has no {owner.__name__}.{name}; check devstack/*_patches.py")
    setattr(owner, name, replacement)


def _enforcing_roles(original: Callable[..., None]) -> Callable[..., None]:
    """Enforce roles on requests over HTTP, which are to a stack; moto's mocks in this process stay as they are."""

    @functools.wraps(original)
    def authorize(request: Any, signature_class: Any, resource: str = "*") -> None:
        if not request.is_werkzeug_request:
            original(request, signature_class, resource)
            return
        key, stacks = access_key_of(request), list(STACKS.values())
        if any(stack.credential == key for stack in stacks):  # an administrator's
            return
        iam = next((stack.iam for stack in stacks if stack.iam.has_session(key)), None)
        if iam is None:
            refuse_unknown_key(request)
        else:
            iam.authorize(request, signature_class, resource)

    return authorize


def _locked(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    lock = threading.Lock()

    @functools.wraps(original)
    def call_action(handler: Any) -> Any:
        with lock:
            return original(handler)

    return call_action


def _json_or(original: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse_template(template: str) -> Any:
        try:
            return json.loads(template)
        except json.JSONDecodeError:
            return original(template)

    return parse_template


def _with_ready_values(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def serialize(serializer: Any, serialized: dict[str, Any], value: Any, shape: Any, key: str) -> None:
        if shape.name == "AttributeValue":  # as DynamoDB returns it already, but for bytes, which no row has
            serialized[key] = value
        else:
            original(serializer, serialized, value, shape, key)

    return serialize


def _measured_once(item: Item, hash_key: DynamoType, range_key: DynamoType | None, attrs: dict[str, Any]) -> None:
    item.hash_key, item.range_key, item.attrs = hash_key, range_key, LimitedSizeDict()
    for name, value in attrs.items():
        dict.__setitem__(item.attrs, name, DynamoType(value))
    if item.size() > MAX_ROW_BYTES:
        raise ItemSizeTooLarge


def _copying_named_rows(original: Callable[..., None]) -> Callable[..., None]:
    """Copy only the rows that the transaction names: the others do not change before the lock is free again."""

    @functools.wraps(original)
    def transact_write_items(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
        for part in (part for each in transact_items for part in each.values()):
            table = backend.get_table(part["TableName"])
            named = DynamoType((part.get("Key") or part["Item"])[table.hash_key_attr])
            vars(table).setdefault("_named_rows", []).append(named)
        try:
            original(backend, transact_items)
        finally:
            for table in backend.tables.values():
                vars(table).pop("_named_rows", None)

    return transact_write_items


def _copy_of_table(table: Any, memo: dict[int, Any]) -> Any:
    snapshot = copy.copy(table)
    snapshot.items = table.items.copy()
    for key in table._named_rows:
        if key in table.items:
            snapshot.items[key] = copy.deepcopy(table.items[key], memo)
    return snapshot


def _copy_of_node(node: Any, memo: dict[int, Any]) -> Any:
    """Copy a tree that an expression was parsed to; `copy.deepcopy` takes ten times as long."""
    copied = copy.copy(node)
    if node.children is not None:
        copied.children = [copy.deepcopy(child, memo) for child in node.children]
        for child in copied.children:
            if isinstance(child, _Node):
                child.set_parent(copied)
    return copied


def _copy_without_content(key: Any, memo: dict[int, Any]) -> Any:
    """Copy what ListObjectVersions returns of an object; moto deletes the content of a copy that is removed."""
    etag = key.etag  # of the content: the first time, moto reads it
    copied = object.__new__(type(key))
    vars(copied).update(vars(key), _etag=etag.strip('"'), _value_buffer=None, multipart=None, disposed=True)
    return copied


def _parsed_once(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    parsed: OrderedDict[str, tuple[Any, list[str], list[str]]] = OrderedDict()
    lock = threading.Lock()

    @functools.wraps(original)
    def parse(parser: Any) -> Any:
        written = (
            parser.condition_expression,
            parser.expression_attribute_names,
            parser.expression_attribute_values,
        )
        key = repr(written)
        with lock:
            known = parsed.get(key)
        if known is None:
            operation = original(parser)
            known = operation, list(parser.expr_attr_names_found), list(parser.expr_attr_values_found)
            with lock:
                parsed[key] = known
                if len(parsed) > _PARSED_CONDITIONS:
                    parsed.popitem(last=False)
        operation, parser.expr_attr_names_found[:], parser.expr_attr_values_found[:] = known
        return operation

    return parse


def _without_removed_entries(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    @functools.wraps(original)
    def clean_json(value: Any, resources: Any) -> Any:
        cleaned = original(value, resources)
        if not isinstance(value, list):
            return cleaned
        return [item for item, written in zip(cleaned, value, strict=True) if item is not None or not _is_if(written)]

    return clean_json


def _existing_resources(stack: Any) -> list[Any]:
    return [resource for resource in stack.resource_map.values() if resource is not None]


def _is_if(written: Any) -> bool:
    return isinstance(written, dict) and "Fn::If" in written


def _invoke(function: Any, body: bytes | str | None, headers: Any, response_headers: dict[str, str]) -> bytes:
    """Invoke a function as Lambda does, in place of LambdaFunction.invoke."""
    event = body.encode() if isinstance(body, str) else body or b"{}"
    kind = headers.get("x-amz-invocation-type", "RequestResponse")
    limit = MAX_ASYNC_EVENT_BYTES if kind == "Event" else MAX_EVENT_BYTES
    if len(event) > limit:
        error = LambdaClientError(
            "RequestTooLargeException",
            f"{len(event)} byte payload is too large for the {kind} invocation type ({limit})",
        )
        error.code = 413
        raise error
    response_headers["x-amz-executed-version"] = "$LATEST"
    stack = STACKS[function.region]
    if kind == "Event":
        stack.run_function_later(function.function_name, event)
        return b""
    if kind == "DryRun":
        return b""
    answer = stack.run_function(function.function_name, event)
    if answer.is_error:
        response_headers["x-amz-function-error"] = "Unhandled"
    return answer.payload


def _s3_event(
    original: Callable[..., dict[str, Any]], event_name: str, bucket: Any, key: Any, notification_id: str
) -> dict[str, Any]:
    """Complete moto's event to that of S3 (S3 guide: event message structure, version 2.1)."""
    event = original(event_name, bucket, key, notification_id)
    for record in event["Records"]:
        record["userIdentity"] = {"principalId": "AWS:LOCAL"}
        record["requestParameters"] = {"sourceIPAddress": "127.0.0.1"}
        record["responseElements"] = {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "x-amz-id-2": "local"}
        record["s3"]["bucket"]["ownerIdentity"] = {"principalId": "LOCAL"}
        described = record["s3"]["object"]
        described["key"] = _quoted(key.name)  # S3 does not encode slashes
        described["sequencer"] = f"{time.time_ns():018X}"  # later events of a key compare greater
        if bucket.is_versioned:
            described["versionId"] = key.version_id
    return event


def _with_encoded_words(original: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    """Encode metadata values as S3 does (S3 guide: user-defined object metadata). A header is ISO 8859-1 here, too."""

    @functools.wraps(original)
    def metadata_from_headers(headers: dict[str, Any]) -> Any:
        metadata = original(headers)
        for name, value in metadata.items():
            if not value.isascii():
                metadata[name] = f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="
        return metadata

    return metadata_from_headers


def _reporting_removals(original: Callable[..., Any], send_event: Callable[..., None]) -> Callable[..., Any]:
    """Send S3's events of removed objects (S3 guide: supported event types, `ObjectRemoved`)."""

    @functools.wraps(original)
    def delete_object(backend: Any, bucket_name: str, key_name: str, version_id: str | None = None, **more: Any) -> Any:
        bucket = backend.get_bucket(bucket_name)
        known = {str(each.version_id) for each in bucket.keys.getlist(key_name)} if key_name in bucket.keys else set()
        deleted, described = original(backend, bucket_name, key_name, version_id, **more)
        is_marker = bucket.is_versioned and version_id is None
        if deleted and (is_marker or version_id in known or (version_id is None and known)):
            kind = (
                _REMOVED.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT
                if is_marker
                else _REMOVED.OBJECT_REMOVED_DELETE_EVENT
            )
            removed = SimpleNamespace(name=key_name, etag="", size=0, version_id=described.get("version-id"))
            send_event(backend.account_id, kind, bucket, removed)
        return deleted, described

    return delete_object


def _without_removals(original: Callable[..., None]) -> Callable[..., None]:
    """Drop moto's own events of removed objects."""

    @functools.wraps(original)
    def send_event(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        if event_name != _REMOVED.OBJECT_REMOVED_DELETE_EVENT:
            original(account_id, event_name, bucket, key)

    return send_event


def _within_limits(original: Callable[[Any], str]) -> Callable[[Any], str]:
    @functools.wraps(original)
    def parse_key_name(response: Any) -> str:
        key = original(response)
        if len(key.encode()) > MAX_KEY_BYTES:
            raise S3ClientError("KeyTooLongError", "Your key is too long")
        return key

    return parse_key_name


def _with_encoded_versions(original: Callable[[Any, ActionResult], Any]) -> Callable[[Any, ActionResult], Any]:
    """Encode the keys of ListObjectVersions as S3 does when a client requests `encoding-type=url`."""

    @functools.wraps(original)
    def serialized(response: Any, action_result: ActionResult) -> Any:
        listed = action_result.result
        if (
            isinstance(listed, dict)
            and "DeleteMarkers" in listed
            and response.querystring.get("encoding-type") == ["url"]
        ):
            encoded: dict[str, Any] = {name: _quoted(listed[name]) for name in _ENCODED if listed.get(name)}
            for group, name in (("Versions", "Key"), ("DeleteMarkers", "Key"), ("CommonPrefixes", "Prefix")):
                encoded[group] = [{**each, name: _quoted(each[name])} for each in listed.get(group, [])]
            action_result = ActionResult({**listed, **encoded, "EncodingType": "url"})
        return original(response, action_result)

    return serialized


def _quoted(name: str) -> str:
    return quote_plus(name, safe="/")


def _notify_function(_account_id: str, event: dict[str, Any], function_arn: str, region: str) -> None:
    """Invoke a function asynchronously as S3 does, in place of moto's synchronous invocation."""
    body = json.dumps(event).encode()

    def send(response: Any = None) -> Any:
        STACKS[region].run_function_later(function_arn, body)
        return response

    # moto stores an object's metadata after it notifies, so the notification waits for the end of the request.
    if has_request_context():
        after_this_request(send)
    else:
        send()


def _also_to_functions_and_topics(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def send_to_targets(rule: Any, event: dict[str, Any], transform_input: bool = True) -> None:
        functions = [target["Arn"] for target in rule.targets if ":lambda:" in target["Arn"]]
        topics = [target["Arn"] for target in rule.targets if ":sns:" in target["Arn"]]
        # To moto, a schedule's rule, which has no pattern, matches every event of the bus.
        is_meant = rule.event_pattern.get_pattern() and rule.event_pattern.matches_event(event)
        if (functions or topics) and rule.state != "DISABLED" and is_meant:
            body = json.dumps(_bus_event(event))
            for arn in functions:
                STACKS[rule.region_name].run_function_later(arn, body.encode())
            for arn in topics:
                sns_backends[rule.account_id][rule.region_name].publish(body, arn=arn)
        others = copy.copy(rule)
        others.targets = [target for target in rule.targets if target["Arn"] not in [*functions, *topics]]
        original(others, event, transform_input)

    return send_to_targets


def _bus_event(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event as EventBridge sends it to a target: without moto's own fields, and with its time as text."""
    sent = {key: value for key, value in event.items() if key != "ingestion-time"}
    if isinstance(sent["time"], int | float):
        sent["time"] = datetime.fromtimestamp(sent["time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return sent
