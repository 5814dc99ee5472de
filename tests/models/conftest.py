from collections.abc import Iterator

import pytest

from tests.models.served import Served, serving


@pytest.fixture
def service() -> Iterator[Served]:
    with serving() as served:
        yield served
