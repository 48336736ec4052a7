"""The fields of a body that is no form (JSON, multipart): it is an invalid try of the call that it names."""

import re

import msgspec

from ivr.channels.twilio.form import Pairs

_BOUNDARY = re.compile(r'boundary="?([^";\s]{1,70})')
_NAME = re.compile(rb'content-disposition:[^\r\n]{0,200}?\bname="([^"\r\n]{0,200})"', re.IGNORECASE)
_LONGEST_HEAD = 1000


def stray_pairs(body: bytes, content_type: str) -> Pairs:
    """Read a JSON object of texts or the parts of a multipart body as pairs; none where it is neither.

    This happens before the signature is known to hold, so it is quick whatever the body is.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == "application/json":
        return _of_json(body)
    if media_type == "multipart/form-data":
        return _of_multipart(body, content_type)
    return ()


def _of_json(body: bytes) -> Pairs:
    try:
        fields = msgspec.json.decode(body, type=dict[str, str])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()
    return [(name.encode(), value.encode()) for name, value in fields.items()]


def _of_multipart(body: bytes, content_type: str) -> Pairs:
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        return ()
    pairs = []
    for part in body.split(b"--" + boundary[1].encode("latin-1"))[1:]:
        head, blank, value = part.partition(b"\r\n\r\n")
        name = _NAME.search(head[:_LONGEST_HEAD])
        if blank and name:
            pairs.append((name[1], value.removesuffix(b"\r\n")))
    return pairs
