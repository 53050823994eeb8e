"""Where an invitation leads, and what its link says: the code and nothing else."""

import struct

import pytest

from admin.members.invitation import invitation_link, phone_address, qr_png


@pytest.mark.parametrize(
    ("panel", "environment", "address"),
    [
        ("ws://127.0.0.1:8550/admin", {}, "http://127.0.0.1:8550"),
        ("wss://crm.example.com/admin", {}, "https://crm.example.com"),
        (  # a proxy ended TLS: the panel itself sees no https
            "ws://crm.example.com/admin",
            {"FORECOURT_ORIGINS": "https://other.example.com, https://crm.example.com"},
            "https://crm.example.com",
        ),
        (
            "ws://127.0.0.1:8550/admin",
            {"FORECOURT_PHONE_URL": "https://phone.example.com/"},
            "https://phone.example.com",
        ),
    ],
)
def test_the_phone_app_is_where_its_operator_says(monkeypatch, panel, environment, address):
    for name in ("FORECOURT_ORIGINS", "FORECOURT_PHONE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert phone_address(panel) == address


def test_the_code_stands_behind_the_hash_sign():
    assert invitation_link("https://crm.example.com", "AB12") == (
        "https://crm.example.com/#invitation=AB12"
    )


def test_the_picture_is_a_square_with_a_white_edge():
    data = qr_png("https://crm.example.com/#invitation=AB12-CD34")
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert width == height >= 6 * (21 + 8)
