"""A voice memo: the customer is asked, then it is recorded, and it stays on this device until it is
sent."""

import array
import asyncio
import io
import wave
from dataclasses import dataclass
from datetime import datetime

import flet as ft
import flet_audio_recorder as far

from mobile_app.offline.attachments import NewAttachment
from mobile_app.session import Session

# What is asked of the recorder is what it gives whatever is asked: the web client answered 44,100
# stereo to a wish for 16,000 mono.
RATE, CHANNELS = 44_100, 2
# samples made one: 14,700 a second are enough for speech, and a sixth of the bytes (29 kB a second)
FOLD = 3
LONGEST = 180  # seconds
STREAM = far.AudioRecorderConfiguration(
    encoder=far.AudioEncoder.PCM16BITS, sample_rate=RATE, channels=CHANNELS
)


@ft.observable
@dataclass(eq=False)
class Recording:
    """phase: "" → asking (do they agree?) → recording → "". Without a yes nothing is recorded; when
    it was said goes with the memo."""

    session: Session
    phase: str = ""
    seconds: int = 0
    memos: tuple[NewAttachment, ...] = ()
    problem: str = ""
    _agreed_at: datetime | None = None
    _recorder: far.AudioRecorder | None = None
    _sound: bytearray | None = None
    _ending: asyncio.Task | None = None

    def ask(self) -> None:
        self.phase, self.problem = "asking", ""

    def decline(self) -> None:
        """They do not want to be recorded."""
        self.phase = ""

    async def begin(self) -> None:
        """They agreed. The recorder is made for this one use: one that is older than a dropped
        connection never answers."""
        agreed, sound = self.session.clock.now(), bytearray()
        recorder = far.AudioRecorder(configuration=STREAM, on_stream=self._heard)
        if not await recorder.has_permission():
            self.phase, self.problem = "", "no_microphone"
            return
        self._agreed_at, self._sound, self._recorder, self.seconds = agreed, sound, recorder, 0
        if await recorder.start_recording(configuration=STREAM):
            self.phase = "recording"
        else:
            self.phase, self.problem, self._recorder = "", "no_microphone", None

    def _heard(self, event: far.AudioRecorderStreamEvent) -> None:
        if self._sound is None:
            return
        self._sound += event.chunk
        self.seconds = len(self._sound) // (RATE * CHANNELS * 2)
        if self.seconds >= LONGEST and self._ending is None:
            self._ending = asyncio.create_task(self.end())

    async def end(self) -> None:
        """Stop, and keep what was said; a second without a sound is none."""
        recorder, sound, agreed = self._recorder, self._sound, self._agreed_at
        self._recorder = self._sound = self._ending = None
        self.phase = ""
        if recorder is None or sound is None or agreed is None:
            return
        await recorder.stop_recording()
        if self.seconds:
            data = await asyncio.to_thread(small_wave, bytes(sound))
            self.memos = (
                *self.memos,
                NewAttachment("voice", "audio/wav", data, agreed, self.session.services.new_id()),
            )

    def drop(self) -> None:
        self.memos = ()


def small_wave(sound: bytes) -> bytes:
    """A WAV file of mono speech from 16-bit stereo samples: the left channel, FOLD samples averaged
    into one."""
    samples = array.array("h", sound[: len(sound) // (CHANNELS * 2) * (CHANNELS * 2)])[::CHANNELS]
    whole = len(samples) // FOLD * FOLD
    folded = array.array(
        "h",
        (
            sum(step) // FOLD
            for step in zip(*(samples[n:whole:FOLD] for n in range(FOLD)), strict=True)
        ),
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE // FOLD)
        out.writeframes(folded.tobytes())
    return file.getvalue()
