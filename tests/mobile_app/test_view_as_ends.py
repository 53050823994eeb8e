"""A look at another's phone ends: what the page says then is true."""

from types import SimpleNamespace

from mobile_app.view_as import ViewAs


async def test_the_page_says_over_when_the_book_is_off_the_disk(tmp_path):
    folder, told = tmp_path / "view_as", []
    folder.mkdir()
    (folder / "book.sqlite").write_bytes(b"13800138000")

    class Phases(SimpleNamespace):
        def __setattr__(self, name, value):
            told.append((value, folder.exists()))
            super().__setattr__(name, value)

        async def close(self):
            told.append(("closed", folder.exists()))

    await ViewAs(Phases(), SimpleNamespace(), folder).leave("view_as_ended")  # type: ignore[arg-type]
    assert told == [("leaving", True), ("closed", True), ("view_as_ended", False)]
