"""Photos, papers and voice memos are opened where they are told of: from this device at once, else
from the server, and plainly not without a network."""

import io
import json
import wave
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import flet as ft
import flet_audio as fa
import pytest

from mobile_app.files.viewer import seconds_of
from shared.domain import presets
from shared.domain.config import StoreConfig
from shared.domain.records import Attachment
from tests.support.files import png
from tests.support.phone_screen import ME, STORE, LocalData, ident, phone

TODAY = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai")).date()
PNG = png(b"a picture")


def spoken(seconds: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(14_700)
        out.writeframes(b"\0\0" * 14_700 * seconds)
    return file.getvalue()


def with_papers(*forms: tuple[str, str]) -> StoreConfig:
    """A field "papers" of type file in each form, for every role that may write the field beside
    it."""
    document = json.loads(json.dumps(presets.load("three_levels").document()))
    for form, on in forms:
        document["forms"][form]["fields"].append(
            {"key": "papers", "label": {"zh_CN": "证件"}, "type": "file"}
        )
        for role in document["roles"]:
            if role.get("rights", {}).get(form, {}).get(on) == "write":
                role["rights"][form]["papers"] = "write"
    return StoreConfig.model_validate(document)


def picked(name: str, data: bytes) -> dict:
    return {"pick_files": [{"id": 1, "name": name, "size": len(data), "path": None, "bytes": data}]}


def local_data_with_files(
    *, kind: str = "photo", mime: str = "image/png", size: int = len(PNG)
) -> tuple[LocalData, str, str]:
    """A customer with a conversation, of which the server has a file: (book, customer, file)."""
    local_data = LocalData(TODAY)
    customer = local_data.customer("王先生")
    conversation = local_data.log_conversation(customer, "王")
    file = local_data.insert(
        "attachments",
        "his file",
        customer_id=customer,
        form="conversation",
        record_id=conversation,
        kind=kind,
        mime=mime,
        bytes=size,
    )
    return local_data, customer, file


def put_here(folder: Path, file: str, ending: str, data: bytes) -> None:
    """As if it had been fetched before."""
    files = folder / str(ME) / f"{STORE}.files"
    files.mkdir(parents=True, exist_ok=True)
    (files / f"{file}.{ending}").write_bytes(data)


def contents(path: object) -> bytes:
    return Path(str(path)).read_bytes()


def sound(p) -> fa.Audio:
    return next(s for s in p.screen.session.page._services._services if isinstance(s, fa.Audio))


async def test_a_photo_taken_here_is_seen_over_the_whole_screen_without_a_network(tmp_path):
    local_data = LocalData(TODAY)
    customer = local_data.customer("王先生")
    local_data.task(customer, "王")
    async with phone(tmp_path, presets.load("three_levels"), "advisor", local_data) as p:
        s = p.screen
        await s.tap("outcome-interested")
        s.client.replies |= picked("车.png", PNG)
        await s.tap("photo")
        await s.settle(until=lambda: len(s.all("file-")) == 1)
        await s.tap(s.all("file-")[0])  # what was shot, before it is saved
        assert s.inside("picture", ft.Image).src == PNG
        await s.tap("close-file")
        await s.type("notes", "拍了试驾车", leave=False)
        await s.tap("save-conversation")
        await s.go(f"/customers/{customer}")
        await s.settle(until=lambda: s.has("customer-name") and len(s.all("file-")) == 1)
        [chip] = s.all("file-")
        assert s.texts(chip) == ["照片"]
        before = len(p.network.asked)
        await s.tap(chip)
        await s.settle(until=lambda: s.has("picture"))
        assert s.inside("picture", ft.Image).src == PNG
        assert not [path for path in p.network.asked[before:] if "attachment" in path]
        s.client.replies["save_file"] = None
        await s.tap("save-file")
        [saved] = [args for name, args in s.client.invoked if name == "save_file"]
        assert (
            saved["src_bytes"] == PNG
            and saved["file_name"].startswith(f"photo-{TODAY}")
            and "王" not in saved["file_name"]
        )
        await s.tap("close-file")
        assert not s.has("picture")


async def test_a_photo_that_is_too_large_is_said_and_the_talk_is_saved_without_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("mobile_app.files.picker.LARGEST", 20)
    local_data = LocalData(TODAY)
    local_data.task(local_data.customer("王先生"), "王")
    async with phone(tmp_path, presets.load("three_levels"), "advisor", local_data) as p:
        s = p.screen
        await s.tap("outcome-interested")
        s.client.replies |= picked("大.png", PNG * 2)
        await s.tap("photo")
        await s.settle(until=lambda: s.sees("文件不能超过 20 MB"))
        await s.type("notes", "照片太大", leave=False)
        await s.tap("save-conversation")
        assert (
            len(await p.sent()) == 1
            and await p.session.local_store.attachments.unacknowledged() == []
        )


async def test_a_photo_that_lies_elsewhere_says_that_it_needs_the_network_once(tmp_path):
    local_data, customer, file = local_data_with_files()
    async with phone(
        tmp_path,
        presets.load("three_levels"),
        "advisor",
        local_data,
        route=f"/customers/{customer}",
    ) as p:
        s = p.screen
        await s.settle(until=lambda: s.has(f"file-{file}"))
        await s.tap(f"file-{file}")
        await s.settle(until=lambda: s.has("file-problem"))
        assert s.texts("file-problem") == ["此文件还不在本机。联网打开一次后，以后没网也能看。"]
        put_here(tmp_path, file, "png", PNG)
        await s.tap("retry-file")
        await s.settle(until=lambda: s.has("picture"))
        assert s.inside("picture", ft.Image).src == PNG


async def test_what_was_fetched_once_opens_from_the_story_without_a_network(tmp_path):
    local_data, customer, file = local_data_with_files()
    put_here(tmp_path, file, "png", PNG)
    async with phone(
        tmp_path,
        presets.load("three_levels"),
        "advisor",
        local_data,
        route=f"/customers/{customer}/timeline",
    ) as p:
        await p.screen.settle(until=lambda: p.screen.has(f"file-{file}"))
        await p.screen.tap(f"file-{file}")
        await p.screen.settle(until=lambda: p.screen.has("picture"))
        assert p.screen.inside("picture", ft.Image).src == PNG


async def test_a_picture_no_client_draws_says_so_and_can_be_saved(tmp_path):
    heic = b"\0\0\0\x18ftypheic"
    local_data, customer, file = local_data_with_files(mime="image/heic", size=len(heic))
    put_here(tmp_path, file, "bin", heic)
    async with phone(
        tmp_path,
        presets.load("three_levels"),
        "advisor",
        local_data,
        route=f"/customers/{customer}",
    ) as p:
        await p.screen.settle(until=lambda: p.screen.has(f"file-{file}"))
        await p.screen.tap(f"file-{file}")
        await p.screen.settle(until=lambda: p.screen.has("save-file"))
        assert p.screen.sees("这里无法显示这张图片") and not p.screen.has("picture")
        await p.screen.tap("save-file")
        assert [
            args["src_bytes"] for name, args in p.screen.client.invoked if name == "save_file"
        ] == [heic]


async def test_a_memo_plays_by_one_tap_shows_how_far_it_is_and_ends_by_itself(tmp_path):
    memo = spoken(12)
    local_data, customer, file = local_data_with_files(
        kind="voice", mime="audio/wav", size=len(memo)
    )
    put_here(tmp_path, file, "wav", memo)
    async with phone(
        tmp_path,
        presets.load("three_levels"),
        "advisor",
        local_data,
        route=f"/customers/{customer}",
    ) as p:
        s = p.screen
        await s.settle(until=lambda: s.has(f"file-{file}"))
        assert s.texts(f"file-{file}") == ["录音 · 0:12"]
        await s.tap(f"file-{file}")
        await s.settle(until=lambda: s.texts(f"file-{file}") == ["0:00 / 0:12"])
        player = sound(p)
        assert (
            contents(player.src) == memo and player.autoplay
        )  # a phone plays the file, a browser its bytes
        await s.session.dispatch_event(player._i, "position_change", {"position": 3000})
        await s.settle()
        assert s.texts(f"file-{file}") == ["0:03 / 0:12"]
        await s.session.dispatch_event(player._i, "state_change", {"state": "completed"})
        await s.settle()
        assert s.texts(f"file-{file}") == ["录音 · 0:12"]


async def test_a_second_tap_stops_it_and_so_does_another_memo_and_leaving(tmp_path):
    memo = spoken(2)
    local_data, customer, file = local_data_with_files(
        kind="voice", mime="audio/wav", size=len(memo)
    )
    other = local_data.insert(
        "attachments",
        "another",
        customer_id=customer,
        form="conversation",
        record_id=ident("talk 王"),
        kind="voice",
        mime="audio/wav",
        bytes=len(memo),
    )
    for one in (file, other):
        put_here(tmp_path, one, "wav", memo)
    async with phone(
        tmp_path,
        presets.load("three_levels"),
        "advisor",
        local_data,
        route=f"/customers/{customer}",
    ) as p:
        s = p.screen

        def released() -> int:
            return [name for name, _ in s.client.invoked].count("release")

        await s.settle(until=lambda: s.has(f"file-{file}"))
        await s.tap(f"file-{file}")
        await s.tap(f"file-{file}")
        assert released() == 1 and s.texts(f"file-{file}") == ["录音 · 0:02"]
        await s.tap(f"file-{file}")
        await s.tap(f"file-{other}")
        assert (
            released() == 2
            and s.texts(f"file-{file}") == ["录音 · 0:02"]
            and s.texts(f"file-{other}") == ["0:00 / 0:02"]
        )
        await s.go("/customers")
        assert released() == 3


async def test_a_memo_that_lies_elsewhere_says_so_where_it_stands(tmp_path):
    local_data, customer, file = local_data_with_files(kind="voice", mime="audio/wav", size=30_000)
    async with phone(
        tmp_path,
        presets.load("three_levels"),
        "advisor",
        local_data,
        route=f"/customers/{customer}",
    ) as p:
        await p.screen.settle(until=lambda: p.screen.has(f"file-{file}"))
        await p.screen.tap(f"file-{file}")
        await p.screen.settle(until=lambda: p.screen.has("memo-problem"))
        assert p.screen.sees("此文件还不在本机")


async def test_a_player_that_says_nothing_is_not_believed(tmp_path, monkeypatch):
    """A sound the device cannot read: the player itself never tells."""
    monkeypatch.setattr("mobile_app.files.viewer.SILENCE", 0.2)
    local_data, customer, file = local_data_with_files(kind="voice", mime="audio/wav", size=4)
    put_here(tmp_path, file, "wav", b"none")
    async with phone(
        tmp_path,
        presets.load("three_levels"),
        "advisor",
        local_data,
        route=f"/customers/{customer}",
    ) as p:
        await p.screen.settle(until=lambda: p.screen.has(f"file-{file}"))
        await p.screen.tap(f"file-{file}")
        await p.screen.settle(until=lambda: p.screen.has("memo-problem"))
        assert p.screen.sees("本机无法播放这段录音")


async def test_a_file_just_chosen_is_opened_before_it_is_saved_and_taken_out_again(tmp_path):
    config = with_papers(("customer", "name"))
    async with phone(tmp_path, config, "advisor", LocalData(TODAY), route="/customers/new") as p:
        s = p.screen
        await s.tap("more-fields")
        s.client.replies |= picked("驾驶证.png", PNG)
        await s.tap("papers-attach")
        await s.settle(until=lambda: bool(s.all("file-")))
        await s.tap(s.all("file-")[0])
        assert s.inside("picture", ft.Image).src == PNG
        await s.tap("close-file")
        await s.tap("papers-remove")
        assert s.all("file-") == []
        await s.type("name", "王先生")
        await s.tap("save-customer")
        assert (
            "papers" not in (await p.sent())[0]["payload"]["set"]
            and await p.session.local_store.attachments.unacknowledged() == []
        )


async def test_the_papers_of_a_card_open_there_and_in_its_form(tmp_path):
    local_data = LocalData(TODAY)
    file = ident("paper")
    customer = local_data.customer("王先生", custom={"papers": file})
    local_data.insert(
        "attachments",
        "paper",
        customer_id=customer,
        form="customer",
        record_id=customer,
        kind="file",
        mime="application/pdf",
        bytes=2048,
    )
    put_here(tmp_path, file, "bin", b"%PDF")
    async with phone(
        tmp_path,
        with_papers(("customer", "name")),
        "advisor",
        local_data,
        route=f"/customers/{customer}",
    ) as p:
        s = p.screen
        await s.settle(until=lambda: s.has(f"file-{file}"))
        assert s.texts(f"file-{file}") == ["文件 · PDF · 2 KB"]
        await s.tap(f"file-{file}")
        await s.settle(until=lambda: s.has("save-file"))
        s.client.replies["save_file"] = None
        await s.tap("save-file")
        [saved] = [args for name, args in s.client.invoked if name == "save_file"]
        assert (saved["src_bytes"], saved["file_name"][-4:]) == (b"%PDF", ".pdf")
        await s.go(f"/customers/{customer}/edit/customer/{customer}")
        await s.settle(until=lambda: s.has(f"file-{file}"))
        assert not s.sees(file)  # never its id


async def test_who_may_not_change_a_policy_opens_its_paper_on_the_card(tmp_path):
    """The advisor reads policies and saves none: there is no form for them to open it in."""
    document = with_papers(("policy", "insurer")).document()
    advisor = next(r for r in document["roles"] if r["key"] == "advisor")
    advisor["rights"]["policy"] = {
        **advisor["rights"].get("policy", {}),
        "expires_on": "read",
        "papers": "read",
    }
    local_data, file = LocalData(TODAY), ident("scan")
    customer = local_data.customer("王先生")
    policy = local_data.insert(
        "policies",
        "policy",
        customer_id=customer,
        status="active",
        expires_on=TODAY,
        custom={"papers": file},
    )
    local_data.insert(
        "attachments",
        "scan",
        customer_id=customer,
        form="policy",
        record_id=policy,
        kind="photo",
        mime="image/png",
        bytes=len(PNG),
    )
    local_data.insert(
        "attachments",
        "replaced",
        customer_id=customer,
        form="policy",
        record_id=policy,
        kind="photo",
        mime="image/png",
        bytes=9,
    )
    put_here(tmp_path, file, "png", PNG)
    async with phone(
        tmp_path,
        StoreConfig.model_validate(document),
        "advisor",
        local_data,
        route=f"/customers/{customer}",
    ) as p:
        s = p.screen
        await s.settle(until=lambda: s.has(f"file-{file}"))
        assert s.all("file-") == [f"file-{file}"] and not s.has(f"policy-{policy}")
        await s.tap(f"file-{file}")
        await s.settle(until=lambda: s.has("picture"))


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
async def test_a_visitors_paper_goes_with_the_reception_to_his_own_record(tmp_path, known):
    config = with_papers(("customer", "name"), ("companion", "name"))
    asked = {
        "fields": [*config.visit.fields[:5], "papers"],
        "required": list(config.visit.required),
    }
    config = StoreConfig.model_validate({**config.document(), "visit": asked})
    local_data = LocalData(TODAY)
    if known:
        local_data.customer("王先生", phone="13911112222")
    async with phone(tmp_path, config, "advisor", local_data, route="/customers/visit") as p:
        s = p.screen
        await s.type("name", "王先生")
        await s.type("phone", "13911112222")
        s.client.replies |= picked("驾驶证.png", PNG)
        await s.tap("papers-attach")
        await s.settle(until=lambda: len(s.all("file-")) == 1)
        await s.tap("add-companion")
        assert len(s.all("papers-attach")) == 2
        await s.tap("add-companion")  # nobody after all
        await s.tap("save-reception")
        [op] = await p.sent()
        [file] = await p.session.local_store.attachments.unacknowledged()
        assert op["verb"] == "record_visit" and op["payload"]["set"]["papers"] == str(file.id)
        assert (file.form, str(file.record_id), file.path.read_bytes()) == (
            "customer",
            op["payload"]["customer_id"],
            PNG,
        )


async def test_a_companions_paper_belongs_to_the_companion(tmp_path):
    config = with_papers(("companion", "name"))
    async with phone(tmp_path, config, "advisor", LocalData(TODAY), route="/customers/visit") as p:
        s = p.screen
        await s.type("name", "王先生")
        await s.tap("add-companion")
        s.client.replies |= picked("驾驶证.png", PNG)
        await s.tap("papers-attach")
        await s.settle(until=lambda: len(s.all("file-")) == 1)
        box = [c for c in s.controls() if isinstance(c, ft.Semantics) and c.identifier == "name"][
            -1
        ]  # the companion's
        field = next(c for c in [box.content] if isinstance(c, ft.TextField))
        s.session.apply_patch(field._i, {"value": "爱人"})
        await s.session.dispatch_event(field._i, "change", "爱人")
        await s.settle()
        await s.tap("save-reception")
        [op] = await p.sent()
        [file] = await p.session.local_store.attachments.unacknowledged()
        [companion] = op["payload"]["companions"]
        assert (file.form, str(file.record_id), companion["set"]["papers"]) == (
            "companion",
            companion["id"],
            str(file.id),
        )


async def test_a_stage_that_demands_a_paper_can_be_given_one(tmp_path):
    document = with_papers(("deal", "title")).document()
    stages = document["pipelines"][0]["stages"]
    stages[1]["required"] = ["papers"]
    local_data = LocalData(TODAY)
    customer = local_data.customer("王先生")
    deal = local_data.insert(
        "deals",
        "deal",
        customer_id=customer,
        owner_id=str(ME),
        pipeline=document["pipelines"][0]["key"],
        stage=stages[0]["key"],
        title="汉",
        stage_at=datetime.now(UTC),
    )
    async with phone(
        tmp_path,
        StoreConfig.model_validate(document),
        "advisor",
        local_data,
        route=f"/funnel/{deal}",
    ) as p:
        s = p.screen
        await s.tap(f"target-{stages[1]['key']}".replace("_", "-"))
        s.client.replies |= picked("合同.pdf", b"%PDF-1.7")
        await s.tap("papers-attach")
        await s.settle(until=lambda: len(s.all("file-")) == 1)
        await s.tap("move")
        [op] = await p.sent()
        [file] = await p.session.local_store.attachments.unacknowledged()
        assert (op["verb"], op["payload"]["set"]["papers"]) == ("move_deal", str(file.id))
        assert (file.form, str(file.record_id)) == ("deal", deal)


def test_only_our_own_memos_say_how_long_they_are():
    about = {
        "id": UUID(int=1),
        "customer_id": UUID(int=2),
        "form": "conversation",
        "record_id": UUID(int=3),
        "kind": "voice",
    }
    assert seconds_of(Attachment(**about, mime="audio/wav", bytes=len(spoken(7)))) == 7
    assert seconds_of(Attachment(**about, mime="audio/mp4", bytes=500_000)) is None
