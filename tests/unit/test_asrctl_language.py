"""asrctl speaks the language of the shell: every text is a message, and both catalogues have it."""

import ast
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from asrctl.cli import commands, main
from asrctl.help import CATALOGUES, DOMAIN
from asrctl.language import reader_language
from asrctl.shapes import SHAPES
from tests.support.template import ROOT
from tools.messages import compiled, in_order, path, read

# Where texts for readers are; in the files of USED_IN there are errors for developers too.
PROGRAMS = (
    "asrctl/*.py",
    "tools/deploy.py",
    "tools/preflight.py",
    "tools/sam_progress.py",
    "devstack/__main__.py",
    "devstack/commands.py",
    "devstack/demo.py",
)
USED_IN = (*PROGRAMS, "devstack/expand.py", "devstack/stack.py", "devstack/web.py", "recognizer/*.py")
CHINESE = "zh_CN.UTF-8"
TWO_WORDS = re.compile(r"[a-z]{2,}[,:;]? [a-z]{2,}")
COMMAND = re.compile(r"(aws )?cloudformation [a-z-]+( --[a-z-]+)*$")
# Texts for programs and AWS, not for the reader.
NOT_SHOWN = {
    "the stack is being deleted",  # the cause of a stopped execution
    "an operator stopped it",
    "does not exist",  # in CloudFormation's message
    "python -m asrctl",
    "dict[str, int]",  # a type
}
CLICK = CATALOGUES / "zh_CN/LC_MESSAGES" / f"{DOMAIN}.po"


def trees(programs):
    for program in programs:
        for file in sorted(ROOT.glob(program)):
            yield file, ast.parse(file.read_text("utf-8"))


def constants(tree):
    """Yield the strings of a module, those within f-strings included, without docstrings."""
    left_out = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            left_out.add(id(node.body[0].value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.value


def test_codes_of_the_programs_are_those_of_the_catalogue():
    used = {each for _, tree in trees(USED_IN) for each in constants(tree) if re.fullmatch(r"cli\.[a-z_.]+", each)}
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in read(path("cli", "en"))}

    assert used == known - {""}


def test_text_for_readers_is_in_the_catalogue_only():
    found = [
        (file.name, each)
        for file, tree in trees(PROGRAMS)
        for each in constants(tree)
        if TWO_WORDS.search(each) and not COMMAND.match(each) and each not in NOT_SHOWN and each not in SHAPES
    ]

    assert found == []


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        pytest.param({}, "en", id="none"),
        pytest.param({"LANG": "C.UTF-8"}, "en", id="no language"),
        pytest.param({"LANG": "zh_CN.UTF-8"}, "zh-CN", id="Chinese"),
        pytest.param({"LANG": "zh_TW.UTF-8"}, "zh-CN", id="Chinese of another region"),
        pytest.param({"LANG": "de_DE@euro"}, "en", id="a language without a catalogue"),
        pytest.param({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN"}, "zh-CN", id="messages in another language"),
        pytest.param({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en", id="all overridden"),
        pytest.param({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh-CN", id="empty is unset"),
    ],
)
def test_reader_language_is_that_of_the_shell(monkeypatch, variables, language):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert reader_language() == language


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("LC_ALL", CHINESE)
    monkeypatch.setenv("LANGUAGE", "")  # `main` sets it


def leaves(group, *names):
    for each in group.commands.values():
        yield [*names, each.name]
        if isinstance(each, click.Group):
            yield from leaves(each, *names, each.name)


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("command", [[], *leaves(commands)], ids=" ".join)
def test_help_in_chinese_has_no_english_text(command, capsys):
    main([*command, "--help"])

    shown = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("用法")]
    assert [line for line in shown if TWO_WORDS.search(re.sub("`.*`|^  --.*  ", "", line))] == []


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["lst"], "没有命令 'lst'。", id="mistyped command"),
        pytest.param(["why"], "缺少参数 'JOB'", id="no job"),
        pytest.param(["list", "--limt", "1"], "没有选项 '--limt'。 是不是 '--limit'？", id="mistyped option"),
        pytest.param(["list", "--limit", "0"], "0 不在范围", id="number out of range"),
        pytest.param(["list", "--limit", "x"], "'x' 不是有效的数字", id="no number"),
        pytest.param(["list", "--status", "FALED"], "是不是 'FAILED'？", id="mistyped state"),
        pytest.param(["list", "--older-than", "soon"], "'soon' 不是时长", id="no duration"),
        pytest.param(["why", "a", "b"], "多余的参数（b）", id="too many"),
        pytest.param(["redrive"], "请指定 JOB", id="redrive of nothing"),
    ],
)
def test_wrong_arguments_are_explained_in_chinese(arguments, said, capsys):
    assert main(arguments) == 2

    assert said in capsys.readouterr().err


def test_chinese_texts_of_click_are_texts_of_click():
    """click's next version may word them differently: then they would be shown in English."""
    source = "".join(file.read_text("utf-8") for file in Path(inspect.getfile(click)).parent.glob("*.py"))
    texts = {
        part
        for message in read(CLICK)
        if message.id
        for part in ([message.id] if isinstance(message.id, str) else message.id)
    }

    assert [each for each in texts if f'"{each}"' not in source] == []


def test_chinese_texts_of_click_are_in_order_and_compiled():
    catalogue = read(CLICK)

    assert CLICK.read_bytes() == in_order(catalogue), "run make messages"
    assert CLICK.with_suffix(".mo").read_bytes() == compiled(catalogue), "run make messages"


def test_chinese_is_written_where_the_locale_is_not_installed():
    done = subprocess.run(
        [sys.executable, "-m", "asrctl", "--help"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "LANG": CHINESE},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )

    assert "转写" in done.stdout
