"""The admin panel."""

import flet as ft


async def main(page: ft.Page) -> None:
    page.add(ft.Text("管理后台"))
