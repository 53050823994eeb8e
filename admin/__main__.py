"""The admin panel's entry point in the browser, as main.py is the phone's."""

import flet as ft

from admin.app import main

ft.run(main, assets_dir="assets")
