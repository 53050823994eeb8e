"""Compressed twins of files, made once for each content and kept."""

import gzip
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SMALLEST = 1000  # bytes: below, a twin saves nothing worth a file
COMPRESSIBLE = {
    ".js",
    ".mjs",
    ".wasm",
    ".so",
    ".json",
    ".otf",
    ".ttf",
    ".html",
    ".zip",
    ".frag",
    ".bin",
    ".svg",
}


def compress_all(folder: Path, cache: Path) -> None:
    """Write a .br and a .gz beside each file that gets smaller."""
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.suffix in COMPRESSIBLE and file.stat().st_size >= SMALLEST
    ]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda file: _twins(file, cache / "compressed"), files))


def _twins(file: Path, cache: Path) -> None:
    import brotli

    data = file.read_bytes()
    name = hashlib.sha256(data).hexdigest()[:32]
    for suffix, compress in (
        (".br", lambda: brotli.compress(data, quality=11, lgwin=24)),
        (".gz", lambda: gzip.compress(data, 9, mtime=0)),
    ):
        kept = cache / (name + suffix)
        if not kept.exists():
            cache.mkdir(parents=True, exist_ok=True)
            unfinished = kept.with_suffix(f"{suffix}.{file.name}.new")
            unfinished.write_bytes(compress())
            unfinished.replace(kept)
        file.with_name(file.name + suffix).write_bytes(kept.read_bytes())
