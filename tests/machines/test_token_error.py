import pytest

from tradewarden.machines.token_error import is_token_error


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("TokenException", "Incorrect `api_key` or `access_token`."),
        ("TokenException", ""),
        ("807", "Access token is expired"),
        ("808", "Authentication failed"),
        ("809", "Access token is invalid"),
    ],
)
def test_a_brokers_token_error_speaks_of_the_token(kind: str, message: str) -> None:
    assert is_token_error(kind, message)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("InputException", "Invalid instrument_token 256265"),
        ("TokenException", "Invalid instrument_token 256265"),
        ("TokenException", "Invalid `checksum`."),
        ("TokenException", "Invalid `request_token`."),
        ("PermissionException", "Insufficient permission"),
        ("NetworkException", "the access token could not be checked"),
        ("tokenexception", "Incorrect `api_key` or `access_token`."),
        ("806", "Data APIs not subscribed"),
        ("810", "Client ID is invalid"),
    ],
)
def test_every_other_error_says_nothing_about_it(kind: str, message: str) -> None:
    assert not is_token_error(kind, message)
