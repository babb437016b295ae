"""Files as people have them: read as UTF-8, written whole or not at all."""

import os
import tempfile
from pathlib import Path


def read_text(file: Path) -> str:
    """What is in `file`, in UTF-8 whatever this machine's own encoding is.

    Raises:
        OSError: it cannot be read, or is no UTF-8; the text says where.
    """
    content = read_bytes(file)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise OSError(
            f"{file}, line {line}: the byte 0x{content[error.start]:02x} is not UTF-8; save the "
            f"file as UTF-8, for example with `iconv -f latin1 -t utf-8 {file.name}`"
        ) from None


def read_bytes(file: Path) -> bytes:
    """What is in `file`.

    Raises:
        OSError: it cannot be read; unlike that of `Path.read_bytes`, it always names the file.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from None


def write_text(file: Path, text: str) -> None:
    """Put `text` into `file`, in UTF-8; a device or a pipe will do.

    Raises:
        OSError: it cannot be written; unlike that of `Path.write_text`, it always names the file.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file)) from None


def replace_file(file: Path, content: bytes) -> None:
    """Put `content` into `file`, so that nobody ever finds half of it there."""
    target = file.resolve()
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as temporary:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
        Path(name).chmod(target.stat().st_mode)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
