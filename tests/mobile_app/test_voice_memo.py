"""A voice memo: nobody is recorded without their yes, it waits on the device, and it goes with the
talk."""

import array
import io
import itertools
import math
import wave
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import flet as ft
import pytest

from mobile_app.conversations.recording import CHANNELS, FOLD, RATE, small_wave
from mobile_app.offline.attachments import NewAttachment
from shared.domain import presets
from tests.support.phone_screen import LocalData, phone

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()


def spoken(seconds: float, hertz: int = 440) -> bytes:
    """What a microphone gives: 16-bit stereo."""
    tone = (
        int(12_000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(int(RATE * seconds))
    )
    return array.array("h", (x for sample in tone for x in (sample,) * CHANNELS)).tobytes()


def test_a_recording_becomes_small_speech_of_the_same_length():
    with wave.open(
        io.BytesIO(small_wave(spoken(2.0) + b"\x01"))
    ) as found:  # a torn last sample too
        assert (found.getnchannels(), found.getsampwidth(), found.getframerate()) == (
            1,
            2,
            RATE // FOLD,
        )
        samples = array.array("h", found.readframes(found.getnframes()))
    assert abs(len(samples) / (RATE // FOLD) - 2.0) < 0.01
    level_increases = sum(1 for a, b in itertools.pairwise(samples) if a < 0 <= b)
    assert abs(level_increases / 2.0 - 440) < 5  # the tone is still the tone


@pytest.fixture
async def p(tmp_path):
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("王先生"), "王")
    async with phone(tmp_path, presets.load("three_levels"), "advisor", local_data) as found:
        found.screen.client.replies |= {"has_permission": True, "start_recording": True}
        await found.screen.tap("outcome-interested")
        yield found


def sheet(p):
    return next(state for name, state in p.session._kept.items() if name.startswith("today")).log


async def speak(p, seconds: float) -> None:
    recorder = sheet(p).attachments.recording._recorder
    await p.screen.session.dispatch_event(
        recorder._i, "stream", {"chunk": spoken(seconds), "sequence": 0, "bytes_streamed": 0}
    )
    await p.screen.settle()


async def test_the_customer_is_asked_first_and_his_yes_goes_with_the_memo(p):
    s, before = p.screen, p.session.clock.now()
    await s.tap("record")
    assert s.sees("请先征得客户同意") and not [
        name for name, _ in s.client.invoked if name == "start_recording"
    ]
    await s.tap("record-agreed")
    await speak(p, 2.5)
    assert s.sees("录音中：2 秒")
    await s.tap("record-stop")
    assert s.texts("memos") == ["1 段语音备忘，有网络时上传"]
    [chip] = s.all("file-")  # heard before it is saved
    assert s.texts(chip) == ["录音 · 0:02"]
    await s.tap(chip)
    assert s.texts(chip) == ["0:00 / 0:02"]
    await s.tap(chip)
    await s.type("notes", "想看七座", leave=False)
    await s.tap("save-conversation")
    [op] = await p.sent()
    [file] = await p.session.local_store.attachments.unacknowledged()
    assert (file.kind, file.mime, str(file.record_id), file.state) == (
        "voice",
        "audio/wav",
        op["payload"]["id"],
        "pending",
    )
    assert before <= datetime.fromisoformat(file.consented_at) <= p.session.clock.now()
    with wave.open(str(file.path)) as found:
        assert found.getnframes() / found.getframerate() == pytest.approx(2.5, abs=0.05)


async def test_a_no_records_nothing_and_saving_while_speaking_keeps_what_was_said(p):
    s = p.screen
    await s.tap("record")
    await s.tap("record-declined")
    assert not s.has("record-agreed") and not [
        name for name, _ in s.client.invoked if name == "start_recording"
    ]
    await s.tap("record")
    await s.tap("record-agreed")
    await speak(p, 1.5)
    await s.type("notes", "边说边存", leave=False)
    await s.tap("save-conversation")
    await s.settle()
    assert len(await p.session.local_store.attachments.unacknowledged()) == 1
    assert "stop_recording" in [name for name, _ in s.client.invoked]


async def test_without_a_microphone_it_is_said_and_the_words_stay(p):
    s = p.screen
    s.client.replies |= {"has_permission": False}
    await s.type("notes", "打了字", leave=False)
    await s.tap("record")
    await s.tap("record-agreed")
    assert s.sees("无法使用麦克风") and s.inside("notes", ft.TextField).value == "打了字"
    await s.tap("save-conversation")
    assert (
        len(await p.sent()) == 1 and await p.session.local_store.attachments.unacknowledged() == []
    )


async def test_a_recording_without_consent_is_not_even_stored(p):
    with pytest.raises(ValueError, match="consent"):
        await p.session.local_store.attachments.store(NewAttachment("voice", "audio/wav", b"RIFF"))
    assert not p.session.local_store.attachments.folder.exists() or not [
        *p.session.local_store.attachments.folder.iterdir()
    ]


async def test_a_long_recording_ends_by_itself(p, monkeypatch):
    monkeypatch.setattr("mobile_app.conversations.recording.LONGEST", 3)
    await p.screen.tap("record")
    await p.screen.tap("record-agreed")
    await speak(p, 3.5)
    await p.screen.settle(until=lambda: p.screen.has("memos"))
    assert not p.screen.has("record-stop") and timedelta(0) <= p.session.clock.now() - sheet(
        p
    ).attachments.recording.memos[0].consented_at < timedelta(minutes=1)
