"""What `asrctl backfill` reads from results that may be larger than memory."""

import json

import pytest

from asrctl.backfill import elements

CHILDREN = [{"Name": f"child {number}", "Output": json.dumps([{"key": 'a],{"b.wav'}])} for number in range(5)]


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
@pytest.mark.parametrize("indent", [None, 2])
def test_elements_of_pieces_of_any_size_are_complete(size, indent):
    text = json.dumps(CHILDREN, indent=indent)

    assert list(elements(text[start : start + size] for start in range(0, len(text), size))) == CHILDREN


@pytest.mark.parametrize("text", ["[]", " [ ]\n", ""])
def test_elements_of_an_empty_array_are_none(text):
    assert list(elements([text])) == []
