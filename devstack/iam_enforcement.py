"""Holds every role to its policies: what a function asks of AWS is refused unless its own role is allowed it.

moto can check permissions, and here it does: it finds out the action, and checks the access key, the session token and
the signature. But it asks of most services whether the action is allowed on `*`, so that a policy that names a table or
a queue allows nothing, it looks at no condition, and it knows no presigned URL. So the resources are worked out here,
and the policies evaluated (policy.py). What S3 looks at besides is played too: the version, and who may know that an
object is missing.

Left out: policies of resources (`TlsOnly` would refuse every request, there is no TLS on this machine; who may invoke a
function), and keys of KMS, as moto encrypts nothing. An operator's access key may do everything.
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
from devstack.settings import ACCOUNT_ID, CREDENTIAL

# Operations that IAM knows by another name.
_ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction", "s3:HeadBucket": "s3:ListBucket"}
_SIGNATURE = re.compile(r"&?X-Amz-Signature=[0-9a-f]+")
_SESSION_S = 12 * 3600


class TrustError(Exception):
    """A role does not trust the service that is to take it; the message says which."""


@dataclass(frozen=True)
class DeniedCall:
    """A call that was refused: who made it (a function by its logical id), and what it was."""

    caller: str
    role: str
    action: str
    resource: str


class IamEnforcement:
    """The roles of one stack, what was asked under them, and what was refused. Safe to use from several threads."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._partition = get_partition(region)
        self._lock = threading.Lock()
        self._sessions: dict[str, str] = {}
        self._calls: defaultdict[str, set[Call]] = defaultdict(set)
        self._denials: list[DeniedCall] = []

    def assume(self, role_arn: str, service: str, caller: str) -> Credentials:
        """Credentials of a role, as a service of AWS gets them. Raises TrustError if the role does not trust it."""
        trusted = json.dumps(_document(self._backend.get_role_by_arn(role_arn).assume_role_policy_document))
        if f'"{service}"' not in trusted:
            raise TrustError(f"{role_arn} cannot be taken by {service}: its trust policy is {trusted}")
        session = sts_backends[ACCOUNT_ID][self._partition].assume_role(
            self._region, caller[:64], role_arn, policy="", duration=_SESSION_S, external_id=""
        )
        self._sessions[session.access_key_id] = caller
        return Credentials(session.access_key_id, session.secret_access_key, session.session_token)

    def knows(self, access_key_id: str) -> bool:
        """Whether an access key is one of this stack's."""
        return access_key_id in self._sessions

    @property
    def secrets(self) -> list[str]:
        """What nobody but their holders may see: the sessions' keys and tokens."""
        sessions = [
            session
            for session in sts_backends[ACCOUNT_ID][self._partition].assumed_roles
            if session.access_key_id in self._sessions
        ]
        return [secret for each in sessions for secret in (each.secret_access_key, each.session_token)]

    @property
    def denials(self) -> list[DeniedCall]:
        """What was refused, in order."""
        with self._lock:
            return list(self._denials)

    def calls(self, role: str) -> set[Call]:
        """What was asked under a role (its name), refused or not."""
        with self._lock:
            return set(self._calls[role])

    def policies(self, role: str) -> dict[str, Document]:
        """The policies of a role (its name), inline and managed, by their names or ARNs."""
        held = self._backend.get_role(role)
        inline = {name: _document(text) for name, text in held.policies.items()}
        managed = {arn: _document(IAMPolicy(policy)._policy_json) for arn, policy in held.managed_policies.items()}
        return {**inline, **managed}

    def authorize(self, request: Any, proof_class: type[IAMRequestBase], resource: str) -> None:
        """Lets a request of moto's through, or raises what AWS would answer.

        proof_class, resource: as moto would check it, the latter worth something for S3 only.
        """
        # moto does not read the region of a presigned URL, and takes the partition to be `aws`.
        resource = re.sub(r"^arn:[^:]+:", f"arn:{self._partition}:", resource)
        if presigned_post.is_form(request):
            self._authorize_form(request, resource)
            return
        proof = _proof(request, proof_class)
        proof.check_signature()
        held: Any = proof._access_key
        role, caller = held._owner_role_name, self._sessions[held._access_key_id]
        documents = list(self.policies(role).values())
        for call in _calls(request, proof._service, resource):
            if not self._is_allowed(caller, role, documents, call):
                _refuse(request, proof, held.arn, call)

    def _authorize_form(self, request: Any, resource: str) -> None:
        """An upload by form may do what its policy allows, if the role that signed it may."""
        fields, key = presigned_post.fields_of(request), access_key_of(request)
        session = next(
            each for each in sts_backends[ACCOUNT_ID][self._partition].assumed_roles if each.access_key_id == key
        )
        if fields.get("x-amz-security-token") != session.session_token:
            refuse_stranger(request)
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
    """The id of the access key that a request of moto's is signed with: in its header, URL or form; else empty."""
    if presigned_post.is_form(request):
        return presigned_post.fields_of(request).get("x-amz-credential", "").partition("/")[0]
    if header := request.headers.get("Authorization"):
        return str(header.partition("Credential=")[2].partition("/")[0])
    told: dict[str, str] = dict(parse_qsl(urlsplit(request.uri).query))
    return told.get("AWSAccessKeyId") or told.get("X-Amz-Credential", "").partition("/")[0]


def is_operator(access_key_id: str) -> bool:
    """Whether an access key is the one of this machine's user, who may do everything."""
    return access_key_id == CREDENTIAL


def refuse_stranger(request: Any) -> None:
    """The answer to a request that is signed with no key of ours, or not at all."""
    if request.service_name == "s3":
        raise S3ClientError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    raise InvalidClientTokenIdError


def _proof(request: Any, proof_class: type[IAMRequestBase]) -> IAMRequestBase:
    """moto's check of access key, session token and signature; for a presigned URL, ours in the same form."""
    query = urlsplit(request.uri).query
    path = f"{request.raw_path}?{query}" if query else request.raw_path
    headers: Any = request.headers
    if "Authorization" not in headers:
        proof_class, path, headers = _Presigned, _SIGNATURE.sub("", path), _presigned_headers(request)
    # To moto, the headers are the form of a request without a body, and it would look for them in the signature.
    data = request.data if request.raw_body or request.service_name == "s3" else {}
    make: Any = proof_class
    proof: IAMRequestBase = make(
        account_id=request.current_account,
        method=request.method,
        path=path,
        data=data,
        body=request.raw_body,
        headers=headers,
        action=request._get_action(),
    )
    return proof


def _presigned_headers(request: Any) -> dict[str, str]:
    """What a presigned URL says in its query, where other requests say it."""
    told = dict(parse_qsl(urlsplit(request.uri).query))
    signed = ("Credential", "SignedHeaders", "Signature")
    return {
        "Authorization": ", ".join(f"{name}={told.get(f'X-Amz-{name}', '')}" for name in signed) + ",",
        "X-Amz-Security-Token": told.get("X-Amz-Security-Token", ""),
        "X-Amz-Date": told.get("X-Amz-Date", ""),
        "Host": request.headers["Host"],
    }


class _Presigned(S3IAMRequest):
    """A presigned URL: the signature stands in the query and does not cover a body."""

    def _create_auth(self, credentials: Any) -> S3SigV4QueryAuth:
        return S3SigV4QueryAuth(credentials, self._service, self._region)

    def _create_aws_request(self) -> AWSRequest:
        request = AWSRequest(method=self._method, url=self._path, headers={"host": self._headers["Host"]})
        request.context["timestamp"] = self._headers["X-Amz-Date"]
        return request


def _refuse(request: Any, proof: IAMRequestBase, user_arn: str, call: Call) -> None:
    """The answer in the service's own form (S3: XML; JSON protocols: a `__type`; the query protocol: XML)."""
    if request.service_name == "s3":
        proof._raise_access_denied()
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
    """What has to be allowed for a request: which actions, on which resources."""
    operation = request._get_action()
    action = _ACTIONS.get(f"{service}:{operation}", f"{service}:{operation}")
    if service == "s3":
        yield from _s3_calls(request, action, resource)
        return
    asked = _request_parameters(request)
    place = f"arn:{get_partition(request.region)}:{service}:{request.region}:{request.current_account}"
    match service, operation:
        case "dynamodb", "TransactWriteItems" | "TransactGetItems":
            for item in asked["TransactItems"]:
                for kind, told in item.items():
                    yield Call(f"dynamodb:{kind}Item", _table(place, told), _leading_keys(request, told))
        case "dynamodb", "BatchGetItem" | "BatchWriteItem":
            for table in asked["RequestItems"]:
                yield Call(action, _table(place, {"TableName": table}))
        case "dynamodb", _:
            yield Call(action, _table(place, asked), _leading_keys(request, asked))
        case "events", "PutEvents":
            for entry in asked["Entries"]:
                bus = entry.get("EventBusName", "default")
                told = {"events:source": (entry["Source"],), "events:detail-type": (entry["DetailType"],)}
                yield Call(action, bus if bus.startswith("arn:") else f"{place}:event-bus/{bus}", told)
        case "states", "SendTaskSuccess" | "SendTaskFailure" | "SendTaskHeartbeat":
            yield from (Call(action, arn) for arn in _waiting(request, asked["taskToken"]))
        case _:
            yield Call(action, _named(service, place, request, asked))


def _request_parameters(request: Any) -> Mapping[str, Any]:
    """The parameters of a request, which lie in its body, as JSON or as a form."""
    if request.headers.get("X-Amz-Target"):
        asked: Mapping[str, Any] = json.loads(request.raw_body or b"{}")
        return asked
    return {name: values[0] for name, values in request.querystring.items()}


def _named(service: str, place: str, request: Any, asked: Mapping[str, Any]) -> str:
    """The one resource that a request names; `*` where none is known here, which few policies allow."""
    match service:
        case "lambda":
            name = unquote(request.raw_path).split("/functions/")[-1].split("/")[0]
            return name if name.startswith("arn:") else f"{place}:function:{name}"
        case "sqs":
            return f"{place}:{asked.get('QueueUrl', '*').rpartition('/')[2]}"
        case "logs":
            return f"{place}:log-group:{asked.get('logGroupName', '*')}:*"
    names = ("SecretId", "stateMachineArn", "executionArn", "TopicArn", "KeyId")
    return str(next((asked[name] for name in names if name in asked), "*"))


def _table(place: str, asked: Mapping[str, Any]) -> str:
    name = asked.get("TableName", "*")
    table = name if name.startswith("arn:") else f"{place}:table/{name}"
    return f"{table}/index/{asked['IndexName']}" if "IndexName" in asked else table


def _leading_keys(request: Any, asked: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The partition key of the item that is meant (IAM: `dynamodb:LeadingKeys`), where one is."""
    item = asked.get("Key") or asked.get("Item")
    if not item:
        return {}
    table = dynamodb_backends[request.current_account][request.region].tables.get(asked["TableName"])
    return {"dynamodb:leadingkeys": tuple(item[table.hash_key_attr].values())} if table else {}


def _waiting(request: Any, token: str) -> Iterator[str]:
    """The state machine whose task waits under a token; nobody's token is refused by Step Functions itself."""
    for execution in stepfunctions_parser_backends[request.current_account][request.region]._get_executions():
        if execution.exec_worker.env.callback_pool_manager.get(token):
            yield execution.state_machine.arn


def _s3_calls(request: Any, action: str, resource: str) -> Iterator[Call]:
    """S3's actions are not its operations (S3 guide: required permissions for API operations)."""
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
