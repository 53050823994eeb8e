"""One calm theme. Screens use the roles of ft.Colors and these few sizes, never hex."""

import flet as ft

SEED = "#1F5FA8"
GAP, EDGE, TARGET = 8, 16, 48  # dp

# Stage colours a store may choose from: a mark beside a word, never the only sign. (on light, on
# dark)
STAGE_COLORS = {
    "grey": ("#5B6470", "#AEB7C2"),
    "blue": ("#1F5FA8", "#9CC4F5"),
    "cyan": ("#0B6E83", "#82D3E6"),
    "teal": ("#0F6B5C", "#7FD6C4"),
    "green": ("#2C6B2F", "#9AD39B"),
    "amber": ("#8A5A00", "#F2C46D"),
    "orange": ("#9A4A12", "#F5B48A"),
    "red": ("#A8322D", "#F3A6A1"),
    "purple": ("#6B3FA0", "#CDB2F2"),
}


# Every pair of ink and ground a screen uses, as a scheme of our own: a seed's colours are computed
# in Flutter, where no test can measure them. tests/ui/test_theme.py holds each pair to 4.5:1.
LIGHT = {
    "primary": "#2F5D9B",
    "on_primary": "#FFFFFF",
    "primary_container": "#D6E3FF",
    "on_primary_container": "#11305C",
    "secondary_container": "#DAE2F9",
    "on_secondary_container": "#131C2B",
    "tertiary": "#6E4B86",
    "on_tertiary": "#FFFFFF",
    "tertiary_container": "#F4DAFF",
    "on_tertiary_container": "#4A2A60",
    "error": "#B3261E",
    "on_error": "#FFFFFF",
    "error_container": "#FFDAD6",
    "on_error_container": "#8C0009",
    "surface": "#F9F9FF",
    "on_surface": "#191C20",
    "on_surface_variant": "#44474E",
    "surface_container_lowest": "#FFFFFF",
    "surface_container_low": "#F3F3FA",
    "surface_container": "#EDEDF4",
    "surface_container_high": "#E7E8EE",
    "surface_container_highest": "#E2E2E9",
    "outline": "#6C6F77",
    "outline_variant": "#C4C6CF",
    "inverse_surface": "#2E3036",
    "on_inverse_surface": "#F0F0F7",
    "inverse_primary": "#A9C7FF",
}
DARK = {
    "primary": "#A9C7FF",
    "on_primary": "#08305F",
    "primary_container": "#274777",
    "on_primary_container": "#D6E3FF",
    "secondary_container": "#3E4759",
    "on_secondary_container": "#DAE2F9",
    "tertiary": "#DEBCF3",
    "on_tertiary": "#3F2155",
    "tertiary_container": "#563A6C",
    "on_tertiary_container": "#F4DAFF",
    "error": "#FFB4AB",
    "on_error": "#690005",
    "error_container": "#93000A",
    "on_error_container": "#FFDAD6",
    "surface": "#111318",
    "on_surface": "#E2E2E9",
    "on_surface_variant": "#C4C6CF",
    "surface_container_lowest": "#0C0E13",
    "surface_container_low": "#191C20",
    "surface_container": "#1D2024",
    "surface_container_high": "#282A2F",
    "surface_container_highest": "#33353A",
    "outline": "#8E9099",
    "outline_variant": "#44474E",
    "inverse_surface": "#E2E2E9",
    "on_inverse_surface": "#2E3036",
    "inverse_primary": "#2F5D9B",
}


def _theme(brightness: ft.Brightness) -> ft.Theme:
    return ft.Theme(
        color_scheme_seed=SEED,
        color_scheme=ft.ColorScheme(**(DARK if brightness == ft.Brightness.DARK else LIGHT)),
        use_material3=True,
        page_transitions=ft.PageTransitionsTheme(
            android=ft.PageTransitionTheme.NONE,
            linux=ft.PageTransitionTheme.NONE,
            macos=ft.PageTransitionTheme.NONE,
            windows=ft.PageTransitionTheme.NONE,
        ),
        visual_density=ft.VisualDensity.STANDARD,
        appbar_theme=ft.AppBarTheme(center_title=False, elevation=0),
        navigation_bar_theme=ft.NavigationBarTheme(
            label_text_style=ft.TextStyle(size=11, letter_spacing=0)
        ),  # six tabs on 360 dp: "Customers" fits
    )


def themes() -> tuple[ft.Theme, ft.Theme]:
    """Light and dark; also for a part of a page that looks different from the rest."""
    return _theme(ft.Brightness.LIGHT), _theme(ft.Brightness.DARK)


def apply_theme(page: ft.Page, mode: str = "system") -> None:
    page.theme, page.dark_theme = themes()
    page.theme_mode = {"light": ft.ThemeMode.LIGHT, "dark": ft.ThemeMode.DARK}.get(
        mode, ft.ThemeMode.SYSTEM
    )


def is_dark(page: ft.Page) -> bool:
    if page.theme_mode == ft.ThemeMode.SYSTEM:
        return page.platform_brightness == ft.Brightness.DARK
    return page.theme_mode == ft.ThemeMode.DARK


def stage_color(name: str, *, dark: bool) -> str:
    return STAGE_COLORS.get(name, STAGE_COLORS["blue"])[1 if dark else 0]


def apply_text_scale(page: ft.Page, scale: float) -> None:
    """Larger words for those who want them; the sizes are Material's own, multiplied."""
    sizes = {
        "body_large": 16,
        "body_medium": 14,
        "body_small": 12,
        "label_large": 14,
        "label_medium": 12,
        "label_small": 11,
        "title_large": 22,
        "title_medium": 16,
        "title_small": 14,
        "headline_small": 24,
        "headline_medium": 28,
    }
    styles = {name: ft.TextStyle(size=size * scale) for name, size in sizes.items()}
    for theme in (page.theme, page.dark_theme):
        if theme is not None:
            theme.text_theme = ft.TextTheme(**styles) if scale != 1 else None
