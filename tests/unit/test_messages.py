"""The message catalogues: complete in every language, compiled, and rendered."""

import ast
import re
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from asrcore.messages import DOMAINS, LOCALES, Message, negotiate, render
from asrcore.messages.stored import StoredMessage
from tests.support.chinese import MISTAKES
from tools.messages import compiled, in_order, path, read

ROOT = Path(__file__).parents[2]
CODE = [path for folder in ("layers", "functions") for path in sorted((ROOT / folder).rglob("*.py"))]
# What these are called with is a text for people, so that it is a message: there is no sentence in the call.
EXPLAINED = {"AsrError", "MessageError", "ProblemKind", "Code"}
CATALOGUES = [(domain, language) for domain in DOMAINS for language in LOCALES]


def texts(domain, language):
    """Return the forms of each message, by its code."""
    found = {}
    for message in read(path(domain, language)):
        if message.id:
            code, forms = (message.id[0], message.string) if message.pluralizable else (message.id, (message.string,))
            found[code] = forms
    return found


def parameters(forms):
    """Return the parameters of a message, with how each list is separated."""
    return {(name, spec) for form in forms for _, name, spec, _ in Formatter().parse(form) if name is not None}


@pytest.mark.parametrize(("domain", "language"), CATALOGUES)
def test_catalogue_is_in_order_and_compiled(domain, language):
    source = path(domain, language)
    catalogue = read(source)

    assert source.read_bytes() == in_order(catalogue), "run make messages"
    assert source.with_suffix(".mo").read_bytes() == compiled(catalogue), "run make messages"


@pytest.mark.parametrize("domain", DOMAINS)
def test_catalogues_have_the_same_messages(domain):
    english, *others = (texts(domain, language) for language in LOCALES)

    for other in others:
        assert other.keys() == english.keys()
        assert {code: parameters(forms) for code, forms in other.items()} == {
            code: parameters(forms) for code, forms in english.items()
        }


@pytest.mark.parametrize(("domain", "language"), CATALOGUES)
def test_catalogue_has_a_text_for_every_message(domain, language):
    assert [code for code, forms in texts(domain, language).items() if not all(forms)] == []


def test_unknown_message_is_an_error():
    with pytest.raises(LookupError, match="no-such-message"):
        render(Message("no-such-message"))


def test_stored_message_of_another_version_keeps_its_text():
    stored = StoredMessage(code="no-such-message", params={"size": 3}, text="as it was written")

    assert stored.in_language("zh-CN") == stored


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("*", "en"),
        ("zh", "zh-CN"),
        ("zh-Hans-CN", "zh-CN"),
        ("zh-SG,en;q=0.8", "zh-CN"),
        ("zh-TW;q=0.9, en;q=0.8", "zh-CN"),
        ("zh-HK", "zh-CN"),
        ("en-GB, zh;q=0.9", "en"),
        ("de, fr;q=0.9", "en"),
        ("de, zh-CN;q=0.3", "zh-CN"),
        ("zh;q=0, en;q=0.1", "en"),
        ("ZH-cn ; q = 1.000", "zh-CN"),
        ("zh;q=nonsense, en", "en"),
        ("\ud800,,;q=1", "en"),
    ],
)
def test_negotiate_prefers_the_language_of_highest_weight(header, language):
    assert negotiate(header) == language


@cache
def tree(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def calls(file):
    """Yield the calls in a file, each with the name of what is called."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield (node.func.id if isinstance(node.func, ast.Name) else node.func.attr), node


def messages():
    """Yield each message that the layer makes, as the call that makes it, with its place."""
    for file in CODE:
        if file.parent.name != "messages":
            for name, node in calls(file):
                if name == "Message":
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", node


@cache
def explained():
    """Return the names of what is called with a message to explain it, subclasses of errors included."""
    classes = [node for file in CODE for node in ast.walk(tree(file)) if isinstance(node, ast.ClassDef)]
    names = set(EXPLAINED)
    while more := {each.name for each in classes if names & {ast.unparse(base) for base in each.bases}} - names:
        names |= more
    return names


def sentences(node):
    """Yield the sentences in an argument, but not those in a call within it."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and " " in str(node.value)):
        yield node
    elif not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from sentences(child)


@cache
def catalogue():
    """Return the English texts of every domain, by code."""
    return {code: forms for domain in DOMAINS for code, forms in texts(domain, "en").items()}


def test_each_message_of_the_layer_is_in_the_catalogue():
    known = catalogue()

    unknown = [
        place
        for place, node in messages()
        if isinstance(node.args[0], ast.Constant) and node.args[0].value not in known
    ]

    assert unknown == []


def test_each_message_of_the_catalogue_is_in_the_layer():
    constants = {node.value for file in CODE for node in ast.walk(tree(file)) if isinstance(node, ast.Constant)}

    assert texts("layer", "en").keys() - constants == set()


def test_each_message_has_the_parameters_of_its_text():
    known = catalogue()
    wrong = []
    for place, node in messages():
        given = node.args[1] if len(node.args) > 1 else ast.Dict([], [])
        if isinstance(node.args[0], ast.Constant) and isinstance(given, ast.Dict) and None not in given.keys:
            wanted = {name for name, _ in parameters(known[node.args[0].value])}
            if wanted != {key.value for key in given.keys}:
                wrong.append(place)

    assert wrong == []


def test_errors_are_explained_by_messages_only():
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in CODE
        for name, node in calls(file)
        if name in explained()
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]
        if any(sentences(argument))
    ]

    assert found == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_chinese_texts_are_set_as_chinese(domain):
    plain = {
        code: re.sub(r"`[^`\n]+`", "`name`", form) for code, forms in texts(domain, "zh-CN").items() for form in forms
    }

    assert [
        (code, mistake, text)
        for code, text in plain.items()
        for mistake, pattern in MISTAKES.items()
        if pattern.search(text)
    ] == []


@pytest.mark.parametrize(("language", "text"), [("en", "asrctl: a, b"), ("zh-CN", "asrctl：a、b")])
def test_list_in_a_message_is_separated_as_the_language_does(language, text):
    assert render(Message("cli.run.failed", {"problem": ["a", "b"]}), language) == text


@pytest.mark.parametrize("language", LOCALES)
def test_bidi_controls_of_a_parameter_reorder_nothing_else(language):
    name, isolated = "a\u202egpj.wav", "\u2068a\u202egpj.wav\u2069"
    reason = Message("probe.other", {"what": name})

    text = render(Message("NotAudio", {"key": f"{name}\n{name}", "reason": reason}), language)

    assert f"{isolated}\n{isolated}" in text
    assert text.count(isolated) == text.count(name) == 3
