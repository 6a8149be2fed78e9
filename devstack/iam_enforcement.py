"""Enforce roles: refuse a function's request to AWS unless the policies of its role allow it.

moto can find out the action of a request and check its access key, session token and signature. But of most services it
checks whether the action is allowed on `*`, so that a policy that names a table or a queue allows nothing; it evaluates
no conditions, and it rejects presigned URLs. So this module works out the resources and policy.py evaluates the
policies. S3's further rules are simulated too: the version, and which caller may learn that an object is missing.

Left out: resource policies (`TlsOnly` would refuse every request, as this machine uses no TLS; permissions to invoke a
function) and KMS keys, as moto does not encrypt. An administrator's access key is allowed everything.
"""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from moto.core.exceptions import AccessDeniedError, InvalidClientTokenIdError
from moto.dynamodb.models import dynamodb_backends
from moto.iam.access_control import IAMPolicy, IAMRequestBase, S3IAMRequest
from moto.iam.models import iam_backends
from moto.s3.exceptions import S3ClientError
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition
from werkzeug.exceptions import HTTPException

from devstack import presigned_post
from devstack.functions import Credentials
from devstack.policy import Call, Document, is_allowed
from devstack.settings import ACCOUNT_ID

# Operations with another name in IAM.
_ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction", "s3:HeadBucket": "s3:ListBucket"}
_SIGNATURE = re.compile(r"&?X-Amz-Signature=[0-9a-f]+")
_SESSION_S = 12 * 3600


class TrustError(Exception):
    """A role does not trust the service that assumes it; the message names both."""


@dataclass(frozen=True)
class DeniedCall:
    """A refused call. caller: a function's logical id, or a state machine."""

    caller: str
    role: str
    action: str
    resource: str


class IamEnforcement:
    """The roles of one stack, their calls and their refused calls. Safe to use from several threads."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._partition = get_partition(region)
        self._lock = threading.Lock()
        self._sessions: dict[str, str] = {}
        self._calls: defaultdict[str, set[Call]] = defaultdict(set)
        self._denials: list[DeniedCall] = []

    def assume(self, role_arn: str, service: str, caller: str) -> Credentials:
        """Return credentials of a role for a service of AWS. Raises TrustError if the role does not trust it."""
        trusted = json.dumps(_document(self._backend.get_role_by_arn(role_arn).assume_role_policy_document))
        if f'"{service}"' not in trusted:
            raise TrustError(f"{role_arn} cannot be assumed by {service}: its trust policy is {trusted}")
        session = sts_backends[ACCOUNT_ID][self._partition].assume_role(
            self._region, caller[:64], role_arn, policy="", duration=_SESSION_S, external_id=""
        )
        self._sessions[session.access_key_id] = caller
        return Credentials(session.access_key_id, session.secret_access_key, session.session_token)

    def has_session(self, access_key_id: str) -> bool:
        """Return whether an access key is one of this stack's sessions."""
        return access_key_id in self._sessions

    @property
    def secrets(self) -> list[str]:
        """Return the secret keys and tokens of the sessions."""
        sessions = [
            session
            for session in sts_backends[ACCOUNT_ID][self._partition].assumed_roles
            if session.access_key_id in self._sessions
        ]
        return [secret for each in sessions for secret in (each.secret_access_key, each.session_token)]

    @property
    def denials(self) -> list[DeniedCall]:
        """Return the refused calls, in order."""
        with self._lock:
            return list(self._denials)

    def calls(self, role: str) -> set[Call]:
        """Return the calls under a role (its name), allowed or refused."""
        with self._lock:
            return set(self._calls[role])

    def policies(self, role: str) -> dict[str, Document]:
        """Return the policies of a role (its name), inline by name and managed by ARN."""
        held = self._backend.get_role(role)
        inline = {name: _document(text) for name, text in held.policies.items()}
        managed = {arn: _document(IAMPolicy(policy)._policy_json) for arn, policy in held.managed_policies.items()}
        return {**inline, **managed}

    def authorize(self, request: Any, signature_class: type[IAMRequestBase], resource: str) -> None:
        """Check a request of moto's, and raise AWS's error if it is not allowed.

        signature_class, resource: moto's check of signatures, and its resource, which is exact for S3 only.
        """
        # moto does not read the region of a presigned URL, and takes the partition to be `aws`.
        resource = re.sub(r"^arn:[^:]+:", f"arn:{self._partition}:", resource)
        if presigned_post.is_form(request):
            self._authorize_form(request, resource)
            return
        signed = _signed_request(request, signature_class)
        signed.check_signature()
        held: Any = signed._access_key
        role, caller = held._owner_role_name, self._sessions[held._access_key_id]
        documents = list(self.policies(role).values())
        for call in _calls(request, signed._service, resource):
            if not self._is_allowed(caller, role, documents, call):
                _refuse(request, signed, held.arn, call)

    def _authorize_form(self, request: Any, resource: str) -> None:
        """Check a presigned POST by its policy and by the role that signed it."""
        fields, key = presigned_post.fields_of(request), access_key_of(request)
        session = next(
            each for each in sts_backends[ACCOUNT_ID][self._partition].assumed_roles if each.access_key_id == key
        )
        if fields.get("x-amz-security-token") != session.session_token:
            refuse_unknown_key(request)
        bucket = resource.rpartition(":")[2].partition("/")[0]
        presigned_post.check(fields, bucket, len(request.body), session.secret_access_key)
        role, call = session.role_arn.rpartition("/")[2], Call("s3:PutObject", f"{resource}/{fields['key']}")
        if not self._is_allowed(self._sessions[key], role, list(self.policies(role).values()), call):
            raise S3ClientError("AccessDenied", "Access Denied")

    def _is_allowed(self, caller: str, role: str, documents: list[Document], call: Call) -> bool:
        with self._lock:
            self._calls[role].add(call)
        if is_allowed(documents, call):
            return True
        with self._lock:
            self._denials.append(DeniedCall(caller, role, call.action, call.resource))
        return False

    @property
    def _backend(self) -> Any:
        return iam_backends[ACCOUNT_ID][self._partition]


def access_key_of(request: Any) -> str:
    """Return the access key id that signed a request of moto's (in its header, URL or form); empty if unsigned."""
    if presigned_post.is_form(request):
        return presigned_post.fields_of(request).get("x-amz-credential", "").partition("/")[0]
    if header := request.headers.get("Authorization"):
        return str(header.partition("Credential=")[2].partition("/")[0])
    query: dict[str, str] = dict(parse_qsl(urlsplit(request.uri).query))
    return query.get("AWSAccessKeyId") or query.get("X-Amz-Credential", "").partition("/")[0]


def refuse_unknown_key(request: Any) -> None:
    """Raise AWS's error for a request that is unsigned or signed with an unknown key."""
    if request.service_name == "s3":
        raise S3ClientError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    raise InvalidClientTokenIdError


def _signed_request(request: Any, signature_class: type[IAMRequestBase]) -> IAMRequestBase:
    """Return moto's check of key, session token and signature; for a presigned URL, one with the same interface."""
    query = urlsplit(request.uri).query
    path = f"{request.raw_path}?{query}" if query else request.raw_path
    headers: Any = request.headers
    if "Authorization" not in headers:
        signature_class, path, headers = _Presigned, _SIGNATURE.sub("", path), _presigned_headers(request)
    # To moto, the headers are the form of a request without a body, and it would look for them in the signature.
    data = request.data if request.raw_body or request.service_name == "s3" else {}
    make: Any = signature_class
    signed: IAMRequestBase = make(
        account_id=request.current_account,
        method=request.method,
        path=path,
        data=data,
        body=request.raw_body,
        headers=headers,
        action=request._get_action(),
    )
    return signed


def _presigned_headers(request: Any) -> dict[str, str]:
    """Return the headers that a presigned URL has in its query, and those of the request that it signs."""
    query = dict(parse_qsl(urlsplit(request.uri).query))
    names = ("Credential", "SignedHeaders", "Signature")
    signed = query.get("X-Amz-SignedHeaders", "").split(";")
    return {
        **{name: request.headers.get(name, "") for name in signed},
        "Authorization": ", ".join(f"{name}={query.get(f'X-Amz-{name}', '')}" for name in names) + ",",
        "X-Amz-Security-Token": query.get("X-Amz-Security-Token", ""),
        "X-Amz-Date": query.get("X-Amz-Date", ""),
        "X-Amz-SignedHeaders": query.get("X-Amz-SignedHeaders", ""),
    }


class _Presigned(S3IAMRequest):
    """A presigned URL: the signature is in the query and does not cover a body."""

    def _create_auth(self, credentials: Any) -> Any:
        return S3SigV4QueryAuth(credentials, self._service, self._region)

    def _create_aws_request(self) -> AWSRequest:
        signed = {name: self._headers[name] for name in self._headers["X-Amz-SignedHeaders"].split(";")}
        request = AWSRequest(method=self._method, url=self._path, headers=signed)
        request.context["timestamp"] = self._headers["X-Amz-Date"]
        return request


def _refuse(request: Any, signed: IAMRequestBase, user_arn: str, call: Call) -> None:
    """Raise the service's error (S3: XML; JSON protocols: a `__type`; the query protocol: XML)."""
    if request.service_name == "s3":
        signed._raise_access_denied()
    if request.headers.get("X-Amz-Target") is None and request.service_name != "lambda":
        raise AccessDeniedError(user_arn, f"{call.action} on resource: {call.resource}")
    raise _DeniedError(
        f"User: {user_arn} is not authorized to perform: {call.action} on resource: {call.resource} "
        f"because no identity-based policy allows the {call.action} action"
    )


class _DeniedError(HTTPException):
    code = 400

    def __init__(self, message: str) -> None:
        super().__init__(json.dumps({"__type": "AccessDeniedException", "message": message, "Message": message}))


def _calls(request: Any, service: str, resource: str) -> Iterator[Call]:
    """Yield the actions and resources that a request needs."""
    operation = request._get_action()
    action = _ACTIONS.get(f"{service}:{operation}", f"{service}:{operation}")
    if service == "s3":
        yield from _s3_calls(request, action, resource)
        return
    parameters = _request_parameters(request)
    arn_prefix = f"arn:{get_partition(request.region)}:{service}:{request.region}:{request.current_account}"
    match service, operation:
        case "dynamodb", "TransactWriteItems" | "TransactGetItems":
            for item in parameters["TransactItems"]:
                for kind, entry in item.items():
                    yield Call(f"dynamodb:{kind}Item", _table(arn_prefix, entry), _leading_keys(request, entry))
        case "dynamodb", "BatchGetItem":
            for table, wanted in parameters["RequestItems"].items():
                named = {"TableName": table}
                for key in wanted["Keys"]:
                    yield Call(action, _table(arn_prefix, named), _leading_keys(request, {**named, "Key": key}))
        case "dynamodb", _:
            yield Call(action, _table(arn_prefix, parameters), _leading_keys(request, parameters))
        case "events", "PutEvents":
            for entry in parameters["Entries"]:
                bus = entry.get("EventBusName", "default")
                context = {"events:source": (entry["Source"],), "events:detail-type": (entry["DetailType"],)}
                yield Call(action, bus if bus.startswith("arn:") else f"{arn_prefix}:event-bus/{bus}", context)
        case "states", "SendTaskSuccess" | "SendTaskFailure" | "SendTaskHeartbeat":
            yield from (Call(action, arn) for arn in _machine_of_token(request, parameters["taskToken"]))
        case _:
            yield Call(action, _named(service, arn_prefix, request, parameters))


def _request_parameters(request: Any) -> Mapping[str, Any]:
    """Return the parameters of a request, from its body: JSON or a form."""
    if request.headers.get("X-Amz-Target"):
        parameters: Mapping[str, Any] = json.loads(request.raw_body or b"{}")
        return parameters
    return {name: values[0] for name, values in request.querystring.items()}


def _named(service: str, arn_prefix: str, request: Any, parameters: Mapping[str, Any]) -> str:
    """Return the ARN of the resource that a request names; `*` where this module cannot tell."""
    match service:
        case "lambda":
            name = unquote(request.raw_path).split("/functions/")[-1].split("/")[0]
            return name if name.startswith("arn:") else f"{arn_prefix}:function:{name}"
        case "sqs":
            return f"{arn_prefix}:{parameters.get('QueueUrl', '*').rpartition('/')[2]}"
        case "logs":
            return f"{arn_prefix}:log-group:{parameters.get('logGroupName', '*')}:*"
    names = ("SecretId", "stateMachineArn", "executionArn", "TopicArn", "KeyId")
    return str(next((parameters[name] for name in names if name in parameters), "*"))


def _table(arn_prefix: str, parameters: Mapping[str, Any]) -> str:
    name = parameters.get("TableName", "*")
    table = name if name.startswith("arn:") else f"{arn_prefix}:table/{name}"
    return f"{table}/index/{parameters['IndexName']}" if "IndexName" in parameters else table


def _leading_keys(request: Any, parameters: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return the partition key of a request's item (IAM: `dynamodb:LeadingKeys`), if it has one."""
    item = parameters.get("Key") or parameters.get("Item")
    if not item:
        return {}
    table = dynamodb_backends[request.current_account][request.region].tables.get(parameters["TableName"])
    return {"dynamodb:leadingkeys": tuple(item[table.hash_key_attr].values())} if table else {}


def _machine_of_token(request: Any, token: str) -> Iterator[str]:
    """Yield the state machine whose task has this token; Step Functions itself refuses an unknown token."""
    for execution in stepfunctions_parser_backends[request.current_account][request.region]._get_executions():
        if execution.exec_worker.env.callback_pool_manager.get(token):
            yield execution.state_machine.arn


def _s3_calls(request: Any, action: str, resource: str) -> Iterator[Call]:
    """Yield S3's actions, which differ from its operations (S3 guide: required permissions for API operations)."""
    query = dict(parse_qsl(urlsplit(request.uri).query, keep_blank_values=True))
    bucket, _, key = resource.rpartition(":")[2].partition("/")
    bucket_arn = resource.removesuffix(f"/{key}") if key else resource
    if action == "s3:GetObject" and "versionId" in query:
        action = "s3:GetObjectVersion"
    yield Call(action, resource, {"s3:prefix": (query["prefix"],)} if "prefix" in query else {})
    if request.method == "PUT" and "If-Match" in request.headers:
        yield Call("s3:GetObject", resource)
    if copied := request.headers.get("x-amz-copy-source"):
        source, _, version = unquote(copied).lstrip("/").partition("?versionId=")
        name = "s3:GetObjectVersion" if version else "s3:GetObject"
        yield Call(name, f"{bucket_arn.removesuffix(bucket)}{source}")
    if key and action in ("s3:GetObject", "s3:GetObjectVersion"):
        try:
            is_there = request.backend.get_object(bucket, key, version_id=query.get("versionId"))
        except S3ClientError:
            return
        if not is_there:
            yield Call("s3:ListBucket", bucket_arn)


def _document(policy: Any) -> Any:
    return json.loads(policy) if isinstance(policy, str) else policy
