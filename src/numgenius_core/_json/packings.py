"""The bytes of a source: fetched, unpacked, and read as text.

Rule (of the formats): a packed file says by its first bytes what it is, and text that is no plain
UTF-8 by its byte order mark, or by the zero bytes of its first letters.

Our readings: gzip, bz2 and xz are unpacked; what else is known by its first bytes is refused by its
name, with what unpacks it. Text is UTF-8, or UTF-16 and UTF-32 as Windows shells write them. Text
is never taken for a path: paths come as ``Path``.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from numgenius_core._json import MAX_BYTES, decoded, too_long
from numgenius_core.errors import ParseError, RuleViolation, WrongType, shown

Source = str | os.PathLike[str] | bytes | BinaryIO
"""What is read: the document itself as text or bytes, a ``Path``, or a binary stream."""

_GZIP: Final = b"\x1f\x8b"
_BZ2: Final = b"BZh"
_XZ: Final = b"\xfd7zXZ\x00"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
"""What tells zlib that gzip's header and checksum are around the data."""
_MEMORY: Final = 2**28
_PART: Final = 2**14
_FOREIGN: Final = (
    (b"PK\x03\x04", "a zip archive (unzip it first; of an Excel file, save the sheet as CSV)"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file (zstd -d unpacks it)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive (7z x unpacks it)"),
    (b"Rar!\x1a\x07", "a RAR archive (unrar x unpacks it)"),
    (b"\x04\x22\x4d\x18", "an LZ4 file (lz4 -d unpacks it)"),
    (b"\x1f\x9d", "a file of compress (uncompress unpacks it)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file (save the sheet as CSV)"),
    (
        b"PAR1",
        "a Parquet file (pandas and polars read it, for numgenius_core.frames)",
    ),
    (b"ARROW1", "an Arrow file (pandas and polars read it, for numgenius_core.frames)"),
    (b"Obj\x01", "an Avro file (fastavro reads it)"),
    (b"\x89HDF", "an HDF5 file (pandas.read_hdf reads it)"),
    (b"SQLite format 3\x00", "an SQLite database (sqlite3 -csv -header writes a table of it)"),
    (b"%PDF", "a PDF"),
)
_TAR: Final = "a tar archive (tar -xf unpacks it)"
_WIDE: Final = (  # the first of them is the longest
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def name_of(source: object) -> str:
    """Return what messages call a source: its path, or ``text`` or ``stream``."""
    if isinstance(source, (str, bytes, bytearray)):
        return "text"
    if isinstance(source, os.PathLike):
        return repr(os.fsdecode(source))[1:-1]  # whole: who has many files must find this one
    return "stream"


def text_of(source: Source, name: str) -> str:
    """Return the text of a source, unpacked and without a byte order mark.

    Raises:
        WrongType: ``source`` is nothing that can be read.
        ParseError: It cannot be opened or unpacked, is no text, or is larger than
            256 MiB once unpacked.
    """
    data = _unpacked(bytes_of(source, name), name)
    if len(data) > MAX_BYTES:
        raise too_long(name, MAX_BYTES)
    return _decoded(data, name)


# -- bytes -------------------------------------------------------------------------------------


def bytes_of(source: Source, name: str) -> bytes:
    """Return the bytes of a source as they are.

    Raises:
        WrongType: ``source`` is nothing that can be read.
        ParseError: It cannot be opened, or is larger than 256 MiB.
    """
    data = _bytes_of(source, name)
    if len(data) > MAX_BYTES:
        raise too_long(name, MAX_BYTES)
    return data


def _bytes_of(source: Source, name: str) -> bytes:
    if isinstance(source, str):
        try:
            return source.encode()
        except UnicodeEncodeError as error:
            raise ParseError(name, "text without lone surrogates", str(error)) from None
    if isinstance(source, (bytes, bytearray)):
        return bytes(source)
    if isinstance(source, os.PathLike):
        try:
            with open(source, "rb") as stream:  # noqa: PTH123 - pathlib is slow to import
                return _drain(stream, name)
        except (OSError, ValueError) as error:  # a ValueError for a zero byte in the path
            why = getattr(error, "strerror", None) or str(error)
            raise ParseError(name, "a file that can be read", why) from None
    if not hasattr(source, "read"):
        raise WrongType("source", "a Path, text, bytes or a binary stream", shown(source))
    try:
        return _drain(source, name)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, RuleViolation):
            raise
        raise ParseError(name, "a stream that can be read", str(error)) from None


def _drain(stream: BinaryIO, name: str) -> bytes:
    """Return what a stream holds, at most a byte above the limit; raw ones give short pieces."""
    pieces, left = [], MAX_BYTES + 1
    while left > 0:
        piece = stream.read(min(left, 2**24))
        if not isinstance(piece, bytes):
            raise WrongType(name, "a binary stream", f"one that gives {type(piece).__name__}")
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


# -- packings ----------------------------------------------------------------------------------


def _unpacked(data: bytes, name: str) -> bytes:
    """Return what a packed file holds, at most a byte above the limit."""
    if data.startswith(_GZIP):
        data = _tried(_gunzip, data, name, "gzip")
    elif data.startswith(_BZ2):
        data = _tried(_bunzip, data, name, "bz2")
    elif data.startswith(_XZ):
        data = _tried(_unxz, data, name, "xz")
    for first, what in _FOREIGN:
        if data.startswith(first):
            raise ParseError(name, "text, or text packed by gzip, bz2 or xz", what)
    # Letters that text may have there too; what fills up a tar's fields is in no text.
    if data[257:262] == b"ustar" and b"\x00" in data[:257]:
        raise ParseError(name, "text, or text packed by gzip, bz2 or xz", _TAR)
    return data


def _tried(unpack: Callable[[bytes], bytes], data: bytes, name: str, kind: str) -> bytes:
    try:
        return unpack(data)
    except ImportError:
        raise ParseError(name, f"a Python that has {kind}", "one built without it") from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ParseError(name, f"a whole {kind} file", str(error)) from None


def _gunzip(data: bytes) -> bytes:
    return _streams(data, lambda: zlib.decompressobj(_GZIP_WINDOW))


def _bunzip(data: bytes) -> bytes:
    import bz2

    return _streams(data, bz2.BZ2Decompressor)


def _unxz(data: bytes) -> bytes:
    import lzma

    def new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY)

    try:
        return _streams(data, new)
    except lzma.LZMAError as error:
        raise EOFError(str(error)) from None


def _streams(data: bytes, new: Callable[[], Any]) -> bytes:
    """Unpack streams one after the other, as parallel packers write them."""
    pieces, left, place = [], MAX_BYTES + 1, 0
    while place < len(data) and left > 0:
        unpacker = new()
        # In short parts: what is left of one when a stream ends is copied.
        while not unpacker.eof and left > 0:
            part = data[place : place + _PART]
            if not part:
                raise EOFError("it ends before its end-of-stream marker")
            piece = unpacker.decompress(part, left)
            pieces.append(piece)
            left, place = left - len(piece), place + len(part)
        place = _padded_to(data, place - len(unpacker.unused_data))
    return b"".join(pieces)


def _padded_to(data: bytes, place: int) -> int:
    """Return where the zero bytes end, if any, that fill up a stream."""
    while part := data[place : place + _PART]:
        left = len(part.lstrip(b"\x00"))
        place += len(part) - left
        if left:
            break
    return place


# -- text --------------------------------------------------------------------------------------


def _decoded(data: bytes, name: str) -> str:
    coding = next((coding for mark, coding in _WIDE if data.startswith(mark)), None)
    if coding is None and len(data) > 3:  # two letters of ASCII without a mark
        if not data[1] and not data[3] and data[0] and data[2]:
            coding = "utf-16-le"
        elif not data[0] and not data[2] and data[1] and data[3]:
            coding = "utf-16-be"
    if coding is None:
        return decoded(data, name)
    try:
        return data.decode(coding)
    except UnicodeDecodeError as error:
        got = f"byte {error.object[error.start]:#04x} at {error.start:,}"
        raise ParseError(name, f"{coding[:6].upper()} text", got) from None
