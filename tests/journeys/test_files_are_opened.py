"""A photo goes with the advisor's talk and their manager sees it; a voice memo is heard to its end;
who may not read the words gets nothing."""

import base64
import hashlib
import io
import json
import math
import struct
import urllib.error
import urllib.request
import wave
import zlib

import pytest
from playwright.sync_api import expect
from uuid6 import uuid7

pytestmark = pytest.mark.journey

MAGENTA = (230, 20, 200)
SHOWN = """async ([shot]) => {
  const answer = await fetch("data:image/png;base64," + shot);
  const picture = await createImageBitmap(await answer.blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const at = (x, y) => {
    const place = [Math.round(picture.width * x), Math.round(picture.height * y)];
    return [...pen.getImageData(...place, 1, 1).data].slice(0, 3);
  };
  return [at(0.5, 0.5), at(0.5, 0.95)];
}"""


def a_picture(width: int = 400, height: int = 300) -> bytes:
    """A PNG of one colour that the app itself never uses."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = (b"\0" + bytes(MAGENTA) * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def a_tone(seconds: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(14_700)
        out.writeframes(
            b"".join(
                struct.pack("<h", int(9000 * math.sin(n / 5))) for n in range(14_700 * seconds)
            )
        )
    return file.getvalue()


def colours(app) -> list[tuple[int, ...]]:
    """What is drawn in the middle of the screen, and near its lower edge."""
    app.page.wait_for_timeout(500)  # a canvas tells nobody when it has drawn
    shot = base64.b64encode(app.page.screenshot()).decode()
    return [tuple(c) for c in app.page.evaluate(SHOWN, [shot])]


def near(one, other) -> bool:
    return all(abs(a - b) <= 12 for a, b in zip(one, other, strict=True))


def call(server, token: str, function: str, arguments: dict) -> tuple[int, dict]:
    """What curl would send."""
    request = urllib.request.Request(
        f"{server.stack.supabase_url}/rest/v1/rpc/{function}",
        json.dumps(arguments).encode(),
        method="POST",
        headers={
            "apikey": server.stack.publishable_key,
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Content-Profile": "api",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def token_of(server, person) -> str:
    request = urllib.request.Request(
        f"{server.stack.supabase_url}/auth/v1/token?grant_type=password",
        json.dumps({"email": person.email, "password": person.password}).encode(),
        method="POST",
        headers={"apikey": server.stack.publishable_key, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["access_token"]


def test_the_manager_sees_the_photo_of_a_talk(visit, make_task, operator, server, people):
    customer, _task = make_task("lin", "照片客户")
    advisor = visit("lin")
    advisor.see_id("progress")
    advisor.page.goto(f"{advisor.base}/customers/{customer}/log")
    advisor.ready()
    advisor.tap("outcome-interested")
    with advisor.page.expect_file_chooser() as chooser:
        advisor.tap("photo")
    picture = a_picture()
    chooser.value.set_files([{"name": "试驾.png", "mimeType": "image/png", "buffer": picture}])
    advisor.see_id("drop-photos")
    advisor.type("notes", "拍了看中的车")
    advisor.tap("save-conversation")
    expect(advisor.starting("file-").first).to_be_attached()  # their own, at once
    advisor.tap(advisor.starting("file-"))
    advisor.see_id("picture")
    assert near(colours(advisor)[0], MAGENTA)
    advisor.tap("close-file")
    expect(advisor.id("picture")).to_have_count(0)

    def there() -> list:
        return operator.execute(
            "select id, store_id, bytes from crm.attachments where customer_id = %s and received "
            "= bytes",
            (customer,),
        ).fetchall()

    advisor.page.goto(advisor.base + "/customers")
    advisor.ready()
    advisor.see("已全部上传")
    [(file, store, size)] = there()
    assert size > 0

    manager = visit("he")
    manager.see_id("sync-mark")
    manager.page.goto(f"{manager.base}/customers/{customer}")
    manager.ready()
    manager.tap(f"file-{file}")  # not in their own data: fetched, and nothing of it kept
    manager.see_id("picture")
    middle, below = colours(manager)
    assert near(middle, MAGENTA)
    assert not near(below, MAGENTA)  # the whole picture fits: dark around it
    box = manager.id("picture").bounding_box()
    assert box and box["width"] > 380 and box["height"] > 700  # the whole screen
    manager.page.mouse.click(195, 450)  # one tap closes it
    expect(manager.id("picture")).to_have_count(0)
    manager.page.goto(f"{manager.base}/customers/{customer}/timeline")
    manager.ready()
    expect(manager.id(f"file-{file}").first).to_be_attached()

    asked = {"store_id": str(store), "id": str(file), "at": 0}
    assert call(server, token_of(server, people["he"]), "download_attachment", asked)[0] == 200
    for stranger in (
        "chen",
        "xu",
        "zhou",
    ):  # a colleague; the assistant, who may not read the words; somebody with another queue
        assert (
            call(server, token_of(server, people[stranger]), "download_attachment", asked)[0] == 404
        )
    assert call(server, server.stack.publishable_key, "download_attachment", asked)[0] == 401


def test_a_voice_memo_is_heard_to_its_end(visit, make_task, operator, server, people):
    customer, task = make_task("lin", "录音客户")
    token, sound, conversation, file = (
        token_of(server, people["lin"]),
        a_tone(3),
        str(uuid7()),
        str(uuid7()),
    )
    store = operator.execute(
        "select store_id from crm.members where user_id = %s", (people["lin"].user_id,)
    ).fetchone()[0]
    op = {
        "op_id": str(uuid7()),
        "seq": 1,
        "verb": "log_conversation",
        "payload": {
            "store_id": str(store),
            "id": conversation,
            "customer_id": customer,
            "task_id": task,
            "outcome": "interested",
            "level": "intent",
            "notes": "有录音",
        },
    }
    assert (
        call(server, token, "sync_push", {"device_id": str(uuid7()), "operations": [op]})[1][0][
            "status"
        ]
        == "applied"
    )
    about = {
        "id": file,
        "form": "conversation",
        "record_id": conversation,
        "kind": "voice",
        "mime": "audio/wav",
        "bytes": len(sound),
        "sha256": hashlib.sha256(sound).hexdigest(),
        "consented_at": "2026-11-01T08:00:00Z",
    }
    assert call(
        server,
        token,
        "upload_attachment",
        {
            "store_id": str(store),
            "attachment": about,
            "at": 0,
            "data": base64.b64encode(sound).decode(),
        },
    )[1]["complete"]

    app = visit("lin")
    app.see_id("progress")
    app.page.goto(f"{app.base}/customers/{customer}")
    app.ready()
    app.see("录音 · 0:03")
    app.tap(f"file-{file}")
    app.see("0:01 / 0:03")  # the browser's own player says how far it is
    app.see("录音 · 0:03")  # and that it has ended
    app.tap(f"file-{file}")
    app.see("/ 0:03")
    app.tap(f"file-{file}")
    app.see("录音 · 0:03")
    app.gone("/ 0:03")
