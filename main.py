"""The phone app's entry; it stands here because `flet build` wants it at the root."""

import flet as ft

from mobile_app.app import main

if __name__ == "__main__":
    ft.run(main, assets_dir="assets")
