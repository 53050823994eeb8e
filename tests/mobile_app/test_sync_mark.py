"""What the cloud says: "sent" only when the server said so."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mobile_app.offline import sync
from mobile_app.offline.sync import SyncState
from mobile_app.shell import sync_text
from shared.domain.problems import Offline
from shared.ui.text import Texts
from tests.support.faults import Network
from tests.support.phones import app_device, dealers

__all__ = ["app_device", "dealers"]

SENT = "已全部上传"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (SyncState(), "正在与服务器核对"),
        (SyncState(running=True), "正在与服务器核对"),
        (SyncState(trouble="offline"), "离线中"),
        (SyncState(answered=True, trouble="offline"), "离线中"),
        (SyncState(answered=True, running=True, trouble="offline"), "离线中"),
        (SyncState(answered=True), SENT),
        (SyncState(answered=True, running=True), SENT),
        (SyncState(answered=True, pending=2), "2 条待上传"),
        (SyncState(pending=2, trouble="offline"), "2 条待上传"),
    ],
)
def test_sent_is_said_only_when_it_is_known(state, words):
    assert sync_text(Texts("zh_CN"), state) == words


@pytest.mark.parametrize("language", ["zh_CN", "zh_TW", "en"])
def test_the_words_are_there_in_every_language(language):
    words = {
        sync_text(Texts(language), state)
        for state in (SyncState(), SyncState(trouble="offline"), SyncState(answered=True))
    }
    assert len(words) == 3


@pytest.fixture
async def lin(app_device):
    device = await app_device()
    await device.session.local_store.sync.once()
    assert sync_text(Texts("zh_CN"), device.session.sync) == SENT
    return device


def words_of(device) -> str:
    return sync_text(Texts("zh_CN"), device.session.sync)


async def test_a_network_that_went_stays_gone_while_the_next_round_runs(lin):
    """A round that begins offline said "sent" again, until its request had failed."""
    said: list[str] = []
    lin.session.local_store.sync.lose_network()
    assert words_of(lin) == "离线中"
    lin.network.before = lambda request: said.append(words_of(lin))
    lin.network.down = True
    with pytest.raises(Offline):
        await lin.session.local_store.sync.once()
    assert said
    assert set(said) == {"离线中"}
    lin.network.heal()
    await lin.session.local_store.sync.once()
    assert words_of(lin) == SENT


async def test_a_server_that_takes_long_is_doubted(lin, monkeypatch):
    monkeypatch.setattr(sync, "DOUBT", 0.01)
    said: list[str] = []

    async def slow(request):
        await asyncio.sleep(0.1)
        said.append(words_of(lin))
        return await Network.handle_async_request(lin.network, request)

    monkeypatch.setattr(lin.network, "handle_async_request", slow)
    await lin.session.local_store.sync.once()
    assert said[-1] == "正在与服务器核对"
    assert words_of(lin) == SENT


async def test_after_a_long_sleep_nothing_is_known(lin):
    session = lin.session
    awake = session.services.now()
    later = replace(session.services, now=lambda: awake + timedelta(hours=3))
    await session.app_returned()
    assert words_of(lin) == SENT  # a glance at another app
    session.services = later
    await session.app_returned()
    assert words_of(lin) == "正在与服务器核对"
    await session.local_store.sync.once()
    assert words_of(lin) == SENT
