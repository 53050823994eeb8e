"""The phone app's entry point; `flet build` requires it at the root."""

import asyncio
import functools
import gc
from importlib import import_module
from types import ModuleType

import flet as ft


def first_frame(page: ft.Page) -> None:
    """Something on the screen before the app itself is read in, which takes a phone about a
    second."""
    page.views[0].vertical_alignment = ft.MainAxisAlignment.CENTER
    page.views[0].horizontal_alignment = ft.CrossAxisAlignment.CENTER
    page.add(ft.ProgressRing())


@functools.cache
def read_app() -> ModuleType:
    """The app itself, once: code never goes, so a full garbage collection need not walk its 76,000
    objects (24 ms, now 0) in the middle of a tap."""
    app = import_module("mobile_app.app")
    gc.freeze()
    return app


async def main(page: ft.Page) -> None:
    first_frame(page)
    app = await asyncio.to_thread(read_app)
    await app.main(page)


if __name__ == "__main__":
    ft.run(main, assets_dir="assets")
