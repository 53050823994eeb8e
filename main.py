"""The phone app's entry; it stands here because `flet build` wants it at the root."""

import asyncio
import gc
from importlib import import_module as read_in

import flet as ft


def first_frame(page: ft.Page) -> None:
    """Something on the screen before the app itself is read in, which takes a phone about a second."""
    page.views[0].vertical_alignment = ft.MainAxisAlignment.CENTER
    page.views[0].horizontal_alignment = ft.CrossAxisAlignment.CENTER
    page.add(ft.ProgressRing())


async def main(page: ft.Page) -> None:
    first_frame(page)
    app = await asyncio.to_thread(read_in, "mobile_app.app")
    gc.freeze()  # code never goes: a full collection need not walk its 80,000 objects in the middle of a tap
    await app.main(page)


if __name__ == "__main__":
    ft.run(main, assets_dir="assets")
