"""Passwords: long, mixed, safe to type."""

import string

from hypothesis import given
from hypothesis import strategies as st

from activities.resources.keyvault import new_password


@given(st.builds(new_password))
def test_a_password_is_long_mixed_and_safe_to_type(password: str) -> None:
    assert len(password) >= 20
    assert all(
        set(password) & set(kind) for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+=")
    )
    assert not set(password) & set("'\"`$\\ !&<>|;#%")
