import pytest

from tradewarden.control import told


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"errors": [{"pointer": "/rows", "detail": "allowed is 1"}, {"detail": "why"}]}, "allowed is 1; why"),
        ({"detail": "a token is needed", "title": "no"}, "a token is needed"),
        ({"title": "no"}, "no"),
        ({}, "nothing more"),
        ({"errors": "of a stranger", "title": "no"}, "no"),
        ({"errors": ["of a stranger", {"detail": "why"}]}, "why"),
        ({"errors": None, "text": "later"}, "later"),
    ],
)
def test_an_answer_is_told_in_words_also_a_strangers(body: dict[str, object], sentence: str) -> None:
    assert told(body) == sentence
