import pytest

from dormouse.resources.reserved_words import reserved_word_in


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("stwindows1abc", "windows"),
        ("MyMicrosoftStore", "microsoft"),
        ("loginstore", "login"),
        ("azure", "azure"),
        ("OneDrive", "onedrive"),
        ("web.config", "web.config"),
        ("stlogin1", ""),
        ("azurestore", ""),
        ("window", ""),
        ("", ""),
    ],
)
def test_a_reserved_word_is_found_where_azure_rejects_it(name: str, word: str) -> None:
    assert reserved_word_in(name) == word
