"""Check that the documentation's tables, names and commands match the code; `test_readability.py` checks its links.

Its examples run in `tests/stack/test_documentation.py`; those that need what tests lack (an account of
AWS, Docker) are compared with what they name here.
"""

import ast
import json
import re
import shlex
import subprocess
import tomllib
from functools import cache
from itertools import pairwise

import jmespath
import pytest
from botocore import xform_name
from botocore.session import Session

from asrcore.vendors.registry import VENDORS
from asrctl.cli import main
from devstack.expand import check_parameters
from devstack.settings import SAM_ENV
from tests.support.doc_examples import MARKS, PAGES, ROOT, RUN_BY, blocks, inline, name
from tests.support.template import TEMPLATE
from tools.tables import CHINESE, DOCUMENTS, language, rewritten, translation
from tools.translation import Translation, UntranslatedError

# The programs of `make`, with what tests them: a CI job or a test.
STARTED_BY = {
    "test": "make check",
    "local": "tests/stack/test_first_hour.py::test_first_hour_leads_from_clone_to_checked_stack",
}
PROGRAMS = ("make", "python -m asrctl", "sam", "aws", "export", ". .local/aws.env")
# The documented SAM commands; SAM itself is not a requirement of the tests.
SAM_OPTIONS = {
    "build": {"--use-container"},
    "delete": {"--stack-name"},
    "deploy": {"--config-env", "--guided", "--no-confirm-changeset", "--parameter-overrides", "--region", "--tags"},
    "local": {"--add-host", "--env-vars", "--event"},
}
OF_THE_CLI = {"--endpoint-url", "--output", "--profile", "--query", "--region"}
FROM_ZERO = ("docs/from-zero.md", "docs/zh-CN/from-zero.md")
NOT_RUN = MARKS - {"", "make"}
MAKEFILE = (ROOT / "Makefile").read_text()
WORKFLOW = (ROOT / ".github/workflows/check.yml").read_text()


def examples(program, marks=MARKS):
    """Yield the arguments of each documented shell command of a program."""
    return [
        pytest.param(shlex.split(command, comments=True)[len(program.split()) :], id=f"{block.place}: {command}")
        for block in blocks("sh")
        for command in block.commands
        if block.mark in marks and command.startswith(f"{program} ")
    ]


def within(program):
    """Yield the arguments of each command of a program within a sentence."""
    return [pytest.param(shlex.split(command), id=f"{page}: {command}") for page, command in inline(program)]


@cache
def definitions(file):
    return ast.parse(file.read_text()).body


def is_there(test):
    """Return whether `path::name`, `path::Class::name` or a path is an existing test or fixture."""
    path, *names = test.split("::")
    if not (ROOT / path).is_file():
        return False
    body = definitions(ROOT / path)
    for wanted in names:
        found = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == wanted]
        if not found:
            return False
        body = found[0].body
    return True


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_generated_tables_are_up_to_date(document):
    assert rewritten(document, translation(language(document))) == document.read_text(), "run: make docs"


def test_every_translated_table_text_is_used():
    chinese = translation(CHINESE)
    for document in DOCUMENTS:
        if language(document) == CHINESE:
            rewritten(document, chinese)

    assert sorted(chinese.texts.keys() - chinese.used) == []


def test_table_text_without_a_translation_is_an_error():
    with pytest.raises(UntranslatedError, match="an untranslated text"):
        Translation(CHINESE).markdown("| an untranslated text |\n")


def test_index_lists_every_page():
    index = (ROOT / "docs/README.md").read_text()
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").glob("*.md")]

    assert [page for page in pages if f"]({page})" not in index and page != "README.md"] == []
    assert "](runbooks/README.md)" in index


def test_every_event_file_is_documented_with_its_function():
    told = (ROOT / "docs/developing.md").read_text()

    assert [event.stem for event in (ROOT / "events").glob("*.json") if f"`{event.stem}`" not in told] == []


@pytest.mark.parametrize("language", ["bash", "shell", "console", "zsh", ""])
def test_shell_blocks_are_marked_as_shell(language):
    assert blocks(language) == []


@pytest.mark.parametrize("block", blocks("sh"), ids=lambda block: block.place)
def test_every_example_is_run_by_a_test(block):
    """tests/stack/test_documentation.py runs unmarked blocks, or the test that `run_by` names."""
    assert block.mark in MARKS or block.page in RUN_BY
    assert block.run_by is None or is_there(block.run_by)
    if block.mark in NOT_RUN:
        assert [command for command in block.commands if not command.startswith(PROGRAMS)] == []


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: block.place)
def test_json_examples_are_valid(block):
    assert json.loads(block.body)


def each_once(parameters):
    """Return each list of arguments once, by its first place."""
    return {tuple(each.values[0]): each for each in reversed(parameters)}.values()


@pytest.mark.parametrize("arguments", each_once(examples("make") + within("make")))
def test_documented_make_targets_exist(arguments):
    words = [word for word in arguments if word != "make"]
    targets = [word for word in words if "=" not in word]
    variables = dict(word.split("=", 1) for word in words if "=" in word)

    assert [target for target in targets if f"\n{target}:" not in MAKEFILE] == []
    assert [each for each in variables if f"$({each})" not in MAKEFILE and f"$${each}" not in MAKEFILE] == []
    subprocess.run(["make", "--dry-run", *words], check=True, cwd=ROOT, capture_output=True, timeout=60)
    assert variables.get("PROFILE", "default") in tomllib.loads((ROOT / "samconfig.toml").read_text())


@pytest.mark.parametrize(
    "target",
    sorted({command.split()[1] for block in blocks("sh") if block.mark == "make" for command in block.commands}),
)
def test_programs_of_make_are_started_by_a_test(target):
    by = STARTED_BY.get(target, f"make {target}")

    assert is_there(by) if by.startswith("tests/") else f"- run: {by}\n" in WORKFLOW


@pytest.mark.parametrize("arguments", each_once(examples("python -m asrctl")))
def test_documented_asrctl_commands_parse(arguments, monkeypatch, capsys):
    monkeypatch.setattr("asrctl.run.run", lambda _command, _values: 0)
    monkeypatch.setattr("asrctl.parameters.ExistingFile.convert", lambda _type, name, *_: name)

    assert main(arguments) == 0, capsys.readouterr().err


@pytest.mark.parametrize("words", each_once(within("asrctl") + within("python -m asrctl")))
def test_mentioned_asrctl_options_exist(words, capsys):
    command, *options = words[words.index("asrctl") + 1 :] if "asrctl" in words else words[3:]
    if command == "COMMAND":
        return
    assert main([command, *options[:1], "--help"] if command in {"backfill", "budget"} else [command, "--help"]) == 0

    told = capsys.readouterr().out
    assert [option for option in options if option.startswith("--") and option not in told] == []


@pytest.mark.parametrize("words", examples("sam") + within("sam"))
def test_documented_sam_commands_name_existing_files(words):
    given = dict(pairwise(words))
    command, *_ = (word for word in words if word != "sam")

    assert {word for word in words if word.startswith("--")} <= SAM_OPTIONS[command]
    assert given.get("invoke", "SubmitFunction") in TEMPLATE["Resources"]
    assert (ROOT / given.get("--event", "events")).exists()
    assert ROOT / given.get("--env-vars", SAM_ENV) == SAM_ENV
    assert given.get("--config-env", "prod") in tomllib.loads((ROOT / "samconfig.toml").read_text())
    if overrides := given.get("--parameter-overrides"):
        parameter, _, value = overrides.partition("=")
        check_parameters(TEMPLATE["Parameters"], {parameter: json.loads(value)})


@pytest.mark.parametrize("arguments", each_once(examples("aws", NOT_RUN) + within("aws")))
def test_documented_aws_commands_parse_and_their_files_exist(arguments):
    given = dict(pairwise(arguments))
    service, operation, *further = [word for word in arguments if not word.startswith(("-", "http")) and word != "aws"]
    if operation == "wait":
        waiter = Session().get_waiter_model(service).get_waiter(further[0].replace("-", " ").title().replace(" ", ""))
        operation = xform_name(waiter.operation, "-")
    high_level = {("s3", each) for each in ("cp", "sync", "ls", "presign")} | {("cloudformation", "deploy")}

    if (service, operation) not in high_level:
        api = Session().get_service_model("s3" if service == "s3api" else service)
        operations = {xform_name(each, "-"): api.operation_model(each).input_shape for each in api.operation_names}
        assert operation in operations
        known = {f"--{xform_name(each, '-')}" for each in operations[operation].members} | OF_THE_CLI
        assert [word for word in arguments if word.startswith("--") and word not in known] == []
    jmespath.compile(given.get("--query", "@"))
    assert (ROOT / given.get("--template-file", "template.yaml")).is_file()
    assert [word for word in arguments if word.startswith("samples/") and not (ROOT / word).is_file()] == []


# AWS names that the code does not use.
AWS_NAMES = {"ItemReaderFailed", "TooManyRequests", "SourceIp", "SourceVpce"}
SOURCES = ("layers/asrcore/asrcore", "asrctl", "devstack", "statemachine", "template.yaml")


@pytest.fixture(scope="module")
def code():
    files = [file for source in SOURCES for file in [ROOT / source, *(ROOT / source).rglob("*")] if file.is_file()]
    return "\n".join(file.read_text() for file in files if file.suffix in {".py", ".yaml", ".json"})


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "runbooks" in page.parts or page.stem in {"README", "troubleshooting", "vendors"}],
    ids=name,
)
def test_documented_names_exist_in_the_code(page, code):
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^ *```.*?^ *```$", "", page.read_text()))
    names = {each for span in spans for each in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", span)}

    assert [each for each in sorted(names - AWS_NAMES) if each not in code] == []


def test_vendor_requirements_are_documented():
    told = (ROOT / "docs/vendors.md").read_text()
    (table,) = re.findall(r"\| object \| fields .*\n((?:\|.*\n)+)", told)
    rows = {row.split("`")[1]: row for row in table.splitlines()[1:]}

    for vendor in VENDORS.values():
        row = rows[vendor.secret_name]
        assert [field for field in (*vendor.secret_fields, vendor.name) if f"`{field}`" not in row] == []


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_readme_is_short(page):
    assert 100 <= len((ROOT / page).read_text().splitlines()) <= 120


@pytest.mark.parametrize(("readme", "page"), [("README.md", FROM_ZERO[0]), ("README.zh-CN.md", FROM_ZERO[1])])
def test_every_step_from_zero_has_its_time(readme, page):
    steps = (ROOT / page).read_text("utf-8")
    rows = re.findall(r"(?m)^\| \[(.+)\]\(#.+?\) \| (.*?) \|", steps)

    assert [step.lower() for step, _ in rows] == re.findall(r"(?m)^### (.+)$", steps.lower())
    assert [step for step, time in rows if not re.match(r"\d+ (s|min|秒|分钟)", time)] == []
    assert f"]({page})" in (ROOT / readme).read_text("utf-8")


def threats():
    """Return the rows of the threat model: the attack, and the tests of its defence."""
    lines = (ROOT / "SECURITY.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith(("| ---", "| attack |"))]
    return [
        pytest.param(re.findall(r"`(tests/[^`]+)`", row.split(" | ")[-1]), id=row.split(" | ")[0].strip("| "))
        for row in rows
    ]


@pytest.mark.parametrize("tests", threats())
def test_threat_model_names_existing_tests(tests):
    assert tests
    assert [test for test in tests if not is_there(test)] == []


def test_threat_model_covers_every_interface():
    interfaces = re.findall(r"(?m)^### (.+)$", (ROOT / "SECURITY.md").read_text())

    assert len(interfaces) == 11
    assert len(threats()) > 5 * len(interfaces)


@pytest.mark.parametrize("page", ["docs/deploy.md", "docs/zh-CN/deploy.md"])
def test_deployment_needs_no_json_written_by_hand(page):
    text = (ROOT / page).read_text("utf-8")

    assert [mark for mark in ("```json", '{"', "put-secret-value") if mark in text] == []
    assert "asrctl setup --rotate-key" in text
