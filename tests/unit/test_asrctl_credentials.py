"""Accounts with vendors: where each field is found, and what `setup` accepts of a file or the environment."""

import io
import json
import os
from types import SimpleNamespace

import pytest

from asrcore.messages import LOCALES, render
from asrcore.vendors.registry import VENDORS
from asrctl.accounts import ACCOUNTS
from asrctl.credential_check import CredentialCheck
from asrctl.credential_sources import GivenFields, read_environment, read_file, variable
from asrctl.result import OperatorError
from asrctl.setup import setup
from asrctl.shapes import CredentialStatus
from asrctl.signing_keys import completed, rotated
from tests.support.template import ROOT

APPLICATION = {"appid": "new", "token": "new", "cluster": "new"}
FIELDS = [(account, field) for account in ACCOUNTS.values() for field in account.fields]


def test_accounts_have_the_fields_of_their_vendors():
    assert {vendor.secret_name for vendor in VENDORS.values()} == set(ACCOUNTS)
    for account in ACCOUNTS.values():
        known = {field.name for field in account.fields}
        assert [vendor.name for vendor in account.vendors if not set(vendor.secret_fields) <= known] == []


@pytest.mark.parametrize("page", ["docs/vendors.md", "docs/zh-CN/vendors.md"])
def test_console_pages_are_those_of_the_documentation(page):
    text = (ROOT / page).read_text("utf-8")
    pages = {field.page for _, field in FIELDS} | {account.page for account in ACCOUNTS.values()}

    assert [address for address in pages if address and f"({address})" not in text] == []


@pytest.mark.parametrize("language", LOCALES)
def test_each_field_says_where_it_is_found(language):
    assert [field.name for _, field in FIELDS if not render(field.place, language)] == []


def refusal(call):
    with pytest.raises(OperatorError) as refused:
        call()
    return str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param('{"tencent": {"secret_key": "sesame"', "must be a JSON object", id="no JSON"),
        pytest.param('["sesame"]', "must be a JSON object", id="a list"),
        pytest.param('{"tencent": "sesame"}', "must be a JSON object", id="an account without fields"),
        pytest.param('{"tencnt": {}}', "tencnt is not one of the accounts tencent, volcengine", id="unknown account"),
        pytest.param('{"callback": {"keys": ["sesame"]}}', "callback is not one of the accounts", id="signing keys"),
        pytest.param('{"tencent": {"key": "sesame"}}', "tencent.key is not one of the fields secret_id", id="field"),
        pytest.param('{"tencent": {"secret_id": "open sesame"}}', "tencent.secret_id: a credential is one", id="space"),
        pytest.param('{"tencent": {"secret_id": "芝麻"}}', "tencent.secret_id: a credential is one", id="not ASCII"),
        pytest.param('{"tencent": {"secret_id": 7}}', "tencent.secret_id: a credential is one", id="number"),
    ],
)
def test_file_with_a_mistake_is_refused_without_its_secrets(content, says, tmp_path):
    path = tmp_path / "accounts.json"
    path.write_text(content, "utf-8")
    path.chmod(0o600)

    said = refusal(lambda: read_file(str(path)))

    assert says in said
    assert "sesame" not in said


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_file_of_other_users_is_refused(mode, tmp_path):
    path = tmp_path / "accounts.json"
    path.write_text("{}")
    path.chmod(mode)

    assert f"run chmod 600 {path}" in refusal(lambda: read_file(str(path)))


def test_missing_file_is_named(tmp_path):
    assert "none.json cannot be read: No such file" in refusal(lambda: read_file(str(tmp_path / "none.json")))


def test_pipe_and_standard_input_are_read(monkeypatch):
    content = json.dumps({"abcpen": {"appid": "a", "api_key": "b"}})
    reading, writing = os.pipe()
    os.write(writing, content.encode())
    os.close(writing)
    monkeypatch.setattr("sys.stdin", io.StringIO(content))

    for name in (f"/dev/fd/{reading}", "-"):
        source = read_file(name)
        (account,) = source.accounts({}, [])
        assert source.fields(account, {}) == {"appid": "a", "api_key": "b"}
    os.close(reading)


def test_file_of_windows_keeps_unknown_fields_alone(tmp_path):
    path = tmp_path / "accounts.json"
    path.write_bytes(b'\xef\xbb\xbf{"abcpen":\r\n {"appid": "a"}}\r\n')
    path.chmod(0o600)

    source = read_file(str(path))

    (account,) = source.accounts({}, [])
    stored = {"appid": "old", "api_key": "old", "note": "of the operator"}
    assert source.fields(account, stored) == {"appid": "a", "note": "of the operator"}


def test_environment_has_a_variable_per_field():
    names = {variable(account, field): field.name for account, field in FIELDS}

    source = read_environment(names)

    assert len(names) == len(FIELDS)
    assert {account.name: [*source.fields(account, {})] for account in source.accounts({}, [])} == {
        account.name: [field.name for field in account.fields] for account in ACCOUNTS.values()
    }


def test_environment_without_credentials_names_a_variable():
    assert "ASRCTL_TENCENT_SECRET_ID" in refusal(lambda: read_environment({"PATH": "/bin"}))


@pytest.mark.parametrize(
    ("given", "rejected", "stored"),
    [
        pytest.param({"api_key": "new", **APPLICATION}, "volcengine-bigmodel", APPLICATION, id="field of one vendor"),
        pytest.param(APPLICATION, "volcengine", APPLICATION, id="fields of both"),
    ],
)
def test_rejected_field_is_stored_if_another_vendor_uses_it(given, rejected, stored, monkeypatch):
    secret = {"volcengine": {"note": "kept"}, "callback": {}}
    working = {"volcengine": CredentialStatus.WORKING, "volcengine-bigmodel": CredentialStatus.WORKING}
    checks = [CredentialCheck(*each) for each in (working | {rejected: CredentialStatus.REJECTED}).items()]
    monkeypatch.setattr("asrctl.setup.check_credentials", lambda *_, **__: checks)
    stack = SimpleNamespace(
        read_secret=lambda arn: secret,
        write_secret=lambda arn, content: secret.update(content),
        secret_arn="vendors",
        signing_secret_arn="signing",
        services=SimpleNamespace(settings=SimpleNamespace(off=frozenset())),
        options="",
    )

    setup(stack, GivenFields({"volcengine": given}), test=True)

    assert secret["volcengine"] == {"note": "kept"} | stored


@pytest.mark.parametrize(
    ("signing", "earlier", "moved", "generated"),
    [
        pytest.param({}, {}, [], ["callback", "webhook"], id="new installation"),
        pytest.param(
            {"callback": {"keys": ["new"]}}, {"callback": {"keys": ["new"]}}, [], ["webhook"], id="key in both"
        ),
        pytest.param({"callback": {"keys": [""]}}, {"webhook": 7}, [], ["callback", "webhook"], id="edited by hand"),
        pytest.param({}, {"callback": {"keys": ["old"]}}, ["callback"], ["webhook"], id="older installation"),
    ],
)
def test_signing_keys_are_moved_or_generated(signing, earlier, moved, generated):
    content, was_moved, was_generated = completed(signing, earlier)

    assert (was_moved, was_generated) == (moved, generated)
    assert all(content[name]["keys"] for name in ("callback", "webhook"))


def test_rotated_key_signs_before_the_one_that_signed():
    other = {"callback": {"keys": ["c"]}}

    content = rotated({**other, "webhook": {"keys": ["signs", "older"]}}, "webhook")

    new, *rest = content.pop("webhook")["keys"]
    assert new.startswith("whsec_")
    assert (rest, content) == (["signs"], other)


def test_moved_key_follows_the_newer_one():
    content, *_ = completed({"callback": {"keys": ["new"]}}, {"callback": {"keys": ["old", "new"]}})

    assert content["callback"]["keys"] == ["new", "old"]
