import os
import threading
from pathlib import Path

import pytest

from spiral.errors import InputError
from spiral.io.files import make_folder, read_bytes, write_atomically


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")

    def fail(temporary):
        temporary.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(InputError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_reading_is_limited(tmp_path):
    (tmp_path / "big").write_bytes(b"12345")
    with pytest.raises(InputError, match="larger than 4 bytes"):
        read_bytes(tmp_path / "big", 4)


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path):
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(InputError, match="taken"):
        make_folder(tmp_path / "taken" / "inner")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no /dev/zero here")
def test_reading_what_has_no_end_is_limited():
    with pytest.raises(InputError, match="larger than 1000 bytes"):
        read_bytes(Path("/dev/zero"), 1000)


def test_a_pipe_is_read(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"content",))
    writer.start()
    assert read_bytes(path, 1000) == b"content"
    writer.join()
