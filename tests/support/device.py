"""A phone with its own browser: a profile on disk, so that the browser can be killed and started
again."""

import base64
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests.support.browser import CHROME_ARGS, COUNT_MESSAGES, PHONE, App, chromium_path

# The files of web_client/opfs_pool.js by their paths: [[path, content in base64]].
READ_POOL = """async () => {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle("device", { create: true });
  const best = new Map();
  for await (const [, entry] of folder.entries()) {
    const data = new Uint8Array(await (await entry.getFile()).arrayBuffer());
    let latest = { generation: 0, path: "" };
    for (const at of [0, 2048]) {
      if (data.length < at + 1024) continue;
      const view = new DataView(data.buffer, at);
      const [magic, generation, length] = [view.getUint32(0), view.getUint32(4), view.getUint32(8)];
      if (magic !== 0x46435431 || generation <= latest.generation) continue;
      const path = new TextDecoder().decode(data.subarray(at + 16, at + 16 + length));
      latest = { generation, path };
    }
    const other = best.get(latest.path);
    if (latest.path && (!other || other.generation < latest.generation)) {
      best.set(latest.path, { generation: latest.generation, data: data.subarray(4096) });
    }
  }
  const base64 = (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) {
      text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    }
    return btoa(text);
  };
  return [...best].map(([path, { data }]) => [path, base64(data)]);
}"""


# Puts other content under a path of that pool, as somebody with the browser's developer tools
# could.
WRITE_POOL = """async ([path, text]) => {
  const unlocked = async (entry) => { // the worker that was just left lets go in a moment
    for (const end = Date.now() + 30_000;;) {
      try { return await entry.createWritable(); } catch (error) {
        if (Date.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  };
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle("device");
  const content = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  for await (const [, entry] of folder.entries()) {
    const data = new Uint8Array(await (await entry.getFile()).arrayBuffer());
    let latest = { generation: 0, path: "" };
    for (const at of [0, 2048]) {
      if (data.length < at + 1024) continue;
      const view = new DataView(data.buffer, at);
      const [magic, generation, length] = [view.getUint32(0), view.getUint32(4), view.getUint32(8)];
      if (magic !== 0x46435431 || generation <= latest.generation) continue;
      const name = data.subarray(at + 16, at + 16 + length);
      latest = { generation, path: new TextDecoder().decode(name) };
    }
    if (latest.path !== path && latest.path !== `${path}-wal`) continue;
    const file = await unlocked(entry);
    await file.write(data.subarray(0, 4096));
    if (latest.path === path) await file.write(content);
    await file.close();
  }
}"""


class Device(App):
    """The phone app in a browser of its own; what the journeys do with `App` works here too."""

    def __init__(
        self, opened: Browser, base: str, profile: Path, timeout: int = 60_000, **context
    ) -> None:
        self.base, self.profile, self._timeout = base.rstrip("/"), profile, timeout
        self._engine, self._options = opened.browser_type, {**PHONE, **context}
        self.context: BrowserContext
        self.start()

    def start(self) -> None:
        """Start the browser; nothing is opened yet."""
        self.context = self._engine.launch_persistent_context(
            self.profile,
            executable_path=chromium_path(),
            headless=True,
            args=CHROME_ARGS,
            **self._options,
        )
        self.context.set_default_timeout(self._timeout)
        self.context.add_init_script(COUNT_MESSAGES)
        expect.set_options(timeout=self._timeout)
        pages = self.context.pages
        self._watch(pages[0] if pages else self.context.new_page())

    def another_tab(self, path: str = "/") -> "App":
        """A second tab of this browser, without waiting for the app in it."""
        page: Page = self.context.new_page()
        other = self.beside(page)
        page.goto(self.base + path)
        return other

    def processes(self) -> list[psutil.Process]:
        """Every process of this browser."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            with contextlib.suppress(psutil.Error):
                if any(str(self.profile) in part for part in process.info["cmdline"] or []):
                    found.append(process)
        return found

    def kill(self) -> None:
        """SIGKILL for the whole browser, as when the battery falls out."""
        processes = self.processes()
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(processes, timeout=10)
        self.close()
        for name in ("SingletonLock", "SingletonCookie", "SingletonSocket"):
            (self.profile / name).unlink(missing_ok=True)

    def close(self) -> None:
        with contextlib.suppress(Error):
            self.context.close()

    def copy_files(self, into: Path) -> list[Path]:
        """What lies in the app's private folder, as real files; the app is left for it."""
        with self._without_app() as page:
            found = page.evaluate(READ_POOL)
        made = []
        for path, data in found:
            file = into / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(base64.b64decode(data))
            made.append(file)
        return made

    def write_file(self, path: str, data: bytes) -> None:
        """Exchange the content of a file that is there; the app is left for it."""
        with self._without_app() as page:
            page.evaluate(WRITE_POOL, [path, base64.b64encode(data).decode()])

    @contextlib.contextmanager
    def _without_app(self) -> Iterator[Page]:
        """A page of this origin in which no app starts; the app's own page is closed. The service
        worker answers every address with the app, and it would open the files again."""
        taps, typed, left = self.taps, self.typed, self.page
        page = self.context.new_page()
        left.close()
        page.add_init_script("window.Worker = class { constructor() { throw Error('no app'); } };")
        page.goto(self.base + "/manifest.json")
        yield page
        self._watch(self.context.new_page())
        self.taps, self.typed = taps, typed
        page.close()

    def wait_for(self, condition: str) -> None:
        """Until an async JavaScript function answers true: wait_for_function does not await."""
        script = f"""async () => {{
          const end = Date.now() + {self._timeout};
          while (!(await ({condition})())) {{
            if (Date.now() > end) throw new Error("waited in vain");
            await new Promise((resolve) => setTimeout(resolve, 50));
          }}
        }}"""
        self.page.evaluate(script)

    def problem(self) -> str:
        """The start page's problem, after waiting for one."""
        # A start may take as long as in `ready`, whatever it ends with.
        self.page.wait_for_selector("#start[data-problem]", timeout=180_000)
        return self.page.get_attribute("#start", "data-problem") or ""
