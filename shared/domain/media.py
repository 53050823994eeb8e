"""What a file is, by its first bytes: its name and what a client says of it prove nothing."""

# The ending of the name a file is saved under. The server accepts the types listed here.
ENDINGS = {
    "application/pdf": "pdf",
    "audio/3gpp": "3gp",
    "audio/aac": "aac",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/webm": "webm",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "video/3gpp": "3gp",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
MP4_BRANDS = {
    b"isom",
    b"iso2",
    b"iso4",
    b"iso5",
    b"iso6",
    b"mp41",
    b"mp42",
    b"avc1",
    b"dash",
    b"M4V ",
    b"MSNV",
}
HEAD = 64  # bytes that are looked at


def ending(media_type: str) -> str:
    """The ending of a file's name; `bin` for a type we do not know, which no system opens."""
    return ENDINGS.get(media_type, "bin")


def media_types(data: bytes) -> tuple[str, ...]:
    """The types whose files begin with these bytes, as crm.media_types says; none for what is not
    taken. A container such as MP4 holds sound or pictures."""
    head = data[:HEAD]
    brand = head[8:12]
    if head[4:8] == b"ftyp":
        return _of_brand(brand)
    if head[:4] == b"RIFF":
        found = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(brand)
        return (found,) if found else ()
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return ("audio/webm", "video/webm") if b"webm" in head else ()
    for signature, media_type in (
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"OggS", "audio/ogg"),
        (b"ID3", "audio/mpeg"),
        (b"\xff\xfb", "audio/mpeg"),
        (b"\xff\xfa", "audio/mpeg"),
        (b"\xff\xf3", "audio/mpeg"),
        (b"\xff\xf2", "audio/mpeg"),
        (b"\xff\xf1", "audio/aac"),
        (b"\xff\xf9", "audio/aac"),
    ):
        if head.startswith(signature):
            return (media_type,)
    return ()


def _of_brand(brand: bytes) -> tuple[str, ...]:
    if brand in HEIF_BRANDS:
        return ("image/heic", "image/heif")
    if brand == b"qt  ":
        return ("video/quicktime",)
    if brand[:3] == b"3gp":
        return ("audio/3gpp", "video/3gpp")
    if brand in (b"M4A ", b"M4B "):
        return ("audio/mp4",)
    return ("audio/mp4", "video/mp4") if brand in MP4_BRANDS else ()


def media_type(data: bytes, *, voice: bool = False) -> str | None:
    """The type to send a file as; of a container sound when it is a recording, else pictures. None:
    not taken."""
    found = media_types(data)
    if not found:
        return None
    if found[0].startswith("image/"):
        return found[0]
    return found[0] if voice else found[-1]
