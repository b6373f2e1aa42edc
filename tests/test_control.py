import pytest

from tradewarden.control import told


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"errors": [{"pointer": "/rows", "detail": "allowed is 1"}, {"detail": "why"}]}, "allowed is 1; why"),
        ({"detail": "a token is needed", "title": "no"}, "a token is needed"),
        ({"errors": [{"parameter": "lines", "detail": "allowed is 0 to 9"}]}, "lines: allowed is 0 to 9"),
        ({"title": "no"}, "no"),
        ({}, "nothing more"),
        ({"errors": "of a stranger", "title": "no"}, "no"),
        ({"errors": ["of a stranger", {"detail": "why"}]}, "why"),
        ({"errors": None, "text": "later"}, "later"),
    ],
)
def test_an_answer_is_told_in_words_also_a_strangers(body: dict[str, object], sentence: str) -> None:
    assert told(body) == sentence


@pytest.mark.parametrize("kind", ["not-logged-in", "forbidden"])
def test_who_lacks_the_token_is_told_which_variable_and_which_file_hold_it(kind: str) -> None:
    said = told({"type": f"/problems/{kind}", "title": "A token is needed"})
    assert "TRADEWARDEN_HTTP__ADMIN_TOKEN" in said
    assert "http.admin_token" in said
    assert "the file admin_token of its state directory" in said
