"""The file server of the data room's tests."""

from tests.data.conftest import server

__all__ = ["server"]
