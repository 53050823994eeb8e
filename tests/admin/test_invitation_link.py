"""Where an invitation leads, and what its link says: the code and nothing else."""

import struct

import pytest

from admin.members.invitation import invitation_link, phone_address, qr_png


@pytest.mark.parametrize(
    ("panel", "address"),
    [
        ("http://127.0.0.1:8550/admin/members", "http://127.0.0.1:8550"),
        ("https://crm.example.com/admin", "https://crm.example.com"),
    ],
)
def test_the_phone_app_is_beside_the_panel(panel, address):
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
