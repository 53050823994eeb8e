"""What both apps call the same things. A key that is not known yet stands for itself."""

from shared.ui.text import Texts


def method_name(_: Texts, method: str) -> str:
    return {
        "call": _("Call"),
        "visit": _("Visit"),
        "wechat": _("WeChat"),
        "sms": _("SMS"),
        "test_drive": _("Test drive"),
        "quote": _("Quote"),
        "order": _("Vehicle order"),
        "delivery": _("Delivery"),
    }.get(method, method)


def screen_name(_: Texts, screen: str) -> str:
    return {
        "today": _("Today"),
        "customers": _("Customers"),
        "funnel": _("Funnel"),
        "team": _("My team"),
        "approvals": _("Approvals"),
        "me": _("Me"),
    }.get(screen, screen.replace("_", " "))
