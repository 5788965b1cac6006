"""Settings: everything that is wrong is named, and everything at once."""

import pytest

from dormouse.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"LONGEST_HOLD": "10080"}, "'10080' has no unit"),
        ({"IDLE_POLICY": "window=45"}, "window: '45' has no unit"),
        ({"IDLE_POLICY": "cpu_cores=inf"}, "cpu_cores: must be a finite number"),
    ],
)
def test_durations_in_settings_need_a_unit(given: dict[str, str], complaint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(given)
    assert complaint in str(caught.value)


def test_settings_name_all_that_is_wrong_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"AZURE_SUBSCRIPTION_ID": "mine", "RETAIL_PRICES_URL": "http://prices"})
    text = str(caught.value)
    assert all(
        name in text for name in ("KEY_VAULT_URL", "RECORDS_TABLES_URL", "AZURE_SUBSCRIPTION_ID", "RETAIL_PRICES_URL")
    )
