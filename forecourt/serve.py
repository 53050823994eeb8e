"""Serves the static files of both apps, and says it is well at /healthz.

python -m forecourt.serve --port 8550      with SUPABASE_URL and SUPABASE_PUBLISHABLE_KEY in the
environment
"""

import argparse
import logging
import os
import threading
from pathlib import Path

from forecourt.build.web_apps import ensure_web_apps
from forecourt.settings import home_folder
from forecourt.static_files import StaticApps


def make_private(home: Path) -> None:
    """Only this user may read what this process writes, and what an earlier one left."""
    os.umask(0o077)
    logs = home / "logs"
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    logs.chmod(0o700)
    if (log := logs / "web.log").is_file():
        log.chmod(0o600)


def make_app() -> StaticApps:
    """The ASGI app, for the project that the environment names."""
    url, key = os.environ["SUPABASE_URL"], os.environ["SUPABASE_PUBLISHABLE_KEY"]
    return StaticApps(ensure_web_apps(), url, key)


def _end_with_parent() -> None:
    """Standard input is a pipe from the parent process: its end means that the parent is gone."""
    while os.read(0, 1024):
        pass
    os._exit(0)


def _is_news(record: logging.LogRecord) -> bool:
    """Not what uvicorn says of each connection that is refused: strangers could fill the disk."""
    return "without completing handshake" not in record.getMessage()


def main() -> None:
    import uvicorn

    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--host", default="127.0.0.1")
    parsed = arguments.parse_args()
    if not os.isatty(0):
        threading.Thread(target=_end_with_parent, daemon=True).start()
    make_private(home_folder())
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    uvicorn.run(
        make_app(),
        host=parsed.host,
        port=parsed.port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
