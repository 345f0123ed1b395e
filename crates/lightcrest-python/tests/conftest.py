"""What all tests share."""

import lightcrest
import pytest


@pytest.fixture(autouse=True)
def quiet_lightcrest():
    """Tests that look at messages ask for them."""
    lightcrest.logging.set_verbosity(lightcrest.logging.ERROR)
    yield
    lightcrest.logging.set_verbosity(lightcrest.logging.INFO)
