"""The message catalogues: complete in every language, compiled, and rendered."""

from string import Formatter

import pytest

from asrcore.messages import DOMAINS, LOCALES, Message, negotiate, render
from asrcore.messages.stored import StoredMessage
from tools.messages import compiled, in_order, path, read

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
