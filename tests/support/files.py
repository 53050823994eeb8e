"""Files as a phone makes them, as far as anybody looks: the first bytes of their type, then
whatever a test wants."""


def png(rest: bytes = b"") -> bytes:
    return b"\x89PNG\r\n\x1a\n" + rest


def wav(rest: bytes = b"") -> bytes:
    return b"RIFF" + len(rest).to_bytes(4, "little") + b"WAVEfmt " + rest
