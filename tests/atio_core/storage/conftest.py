"""Lets the shared suites explain their failures."""

import pytest

pytest.register_assert_rewrite("tests.atio_core.storage.contract")
