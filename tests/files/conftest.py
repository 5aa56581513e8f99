import pytest

from unsnarl.files.session import Session


@pytest.fixture
def session(tmp_path):
    with Session(threads=2, temp_dir=tmp_path) as opened:
        yield opened
