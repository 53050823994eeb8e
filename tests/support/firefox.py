"""A phone in Firefox, the second engine: driven by Marionette, the protocol built into it.

Playwright brings a patched Firefox of its own, which not every machine may download; this drives
the one that is installed. The protocol is a length and a JSON array:
https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from forecourt.settings import _free_port

# A proxy where nobody listens is the network off. Firefox's own offline mode spares localhost.
NOWHERE = """
const { prefs } = Services;
prefs.setBoolPref("network.proxy.allow_hijacking_localhost", true);
for (const kind of ["http", "ssl"]) {
  prefs.setCharPref(`network.proxy.${kind}`, "127.0.0.1");
  prefs.setIntPref(`network.proxy.${kind}_port`, 9);
}
prefs.setIntPref("network.proxy.type", arguments[0] ? 1 : 0);
"""
IDENTIFIED = """
document.querySelector("flt-semantics-placeholder")?.click();
return [...document.querySelectorAll("[flt-semantics-identifier]")].map(
  (node) => node.getAttribute("flt-semantics-identifier"));
"""
SAID = """
return [...document.querySelectorAll("flt-semantics-host *")].map(
  (node) => (node.getAttribute("aria-label") || "") + node.innerText).join("\\n");
"""
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key WebDriver gives references under


def firefox_path() -> str | None:
    return os.environ.get("FIREFOX") or shutil.which("firefox-esr") or shutil.which("firefox")


class MarionetteError(RuntimeError):
    """The browser refused a command; the message is its own."""


class Firefox:
    """One profile on disk, so that the browser can be killed and started again."""

    def __init__(self, base: str, profile: Path) -> None:
        self.base, self.profile = base, profile
        profile.mkdir(parents=True, exist_ok=True)
        self.port = _free_port(0, set())
        settings = {
            "marionette.port": self.port,
            "intl.accept_languages": "zh-CN",
            "intl.locale.requested": "zh-CN",
            "dom.storageManager.prompt.testing": True,  # nobody is there to answer
            "dom.storageManager.prompt.testing.allow": True,
        }
        lines = [f'user_pref("{key}", {json.dumps(value)});' for key, value in settings.items()]
        (profile / "user.js").write_text("\n".join(lines), encoding="utf8")

    def start(self, *, offline: bool = False) -> None:
        path = firefox_path()
        assert path
        self.process = subprocess.Popen(
            [
                *(path, "--headless", "--marionette", "--no-remote"),
                *("--remote-allow-system-access", "--profile", str(self.profile)),  # for `cut`
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.socket = self._connect()
        self._read()  # its greeting
        self.sent = 0
        self.send("WebDriver:NewSession", {"capabilities": {}})
        self.send("WebDriver:SetTimeouts", {"script": 60_000, "pageLoad": 120_000})
        self.cut(offline)
        self.send("WebDriver:Navigate", {"url": self.base})

    def _connect(self) -> socket.socket:
        end = time.monotonic() + 120
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=180)
            except OSError:
                assert time.monotonic() < end, "Firefox does not answer"
                time.sleep(0.2)  # waiting for a process to listen; bounded above

    def _read(self) -> Any:
        length = b""
        while (byte := self.socket.recv(1)) != b":":
            assert byte, "Firefox has ended"
            length += byte
        data = b""
        while len(data) < int(length):
            data += self.socket.recv(int(length) - len(data))
        return json.loads(data)

    def send(self, command: str, parameters: dict[str, Any] | None = None) -> Any:
        """Raises MarionetteError."""
        self.sent += 1
        data = json.dumps([0, self.sent, command, parameters or {}]).encode()
        self.socket.sendall(str(len(data)).encode() + b":" + data)
        _kind, _number, error, answer = self._read()
        if error:
            raise MarionetteError(f"{command}: {error['error']}: {error['message']}")
        return answer

    def run(self, script: str, *arguments: Any) -> Any:
        told = {"script": script, "args": list(arguments)}
        return self.send("WebDriver:ExecuteScript", told)["value"]

    def cut(self, off: bool) -> None:
        """The network of the whole browser, service workers included."""
        self.send("Marionette:SetContext", {"value": "chrome"})
        self.run(NOWHERE, off)
        self.send("Marionette:SetContext", {"value": "content"})

    def until(self, wanted: Callable[[], Any], seconds: float = 120) -> Any:
        end = time.monotonic() + seconds
        while not (found := wanted()):
            assert time.monotonic() < end, f"it did not come; the page says: {self.run(SAID)[:800]}"
            time.sleep(0.2)  # the page is another process; bounded above
        return found

    def see_id(self, identifier: str) -> None:
        self.until(lambda: identifier in self.run(IDENTIFIED))

    def see(self, words: str) -> None:
        self.until(lambda: words in self.run(SAID))

    def said(self, identifier: str) -> str | None:
        return self.run(
            "return document.querySelector(`[flt-semantics-identifier='${arguments[0]}']`)"
            "?.innerText",
            identifier,
        )

    def _element(self, selector: str) -> str:
        found = self.send("WebDriver:FindElement", {"using": "css selector", "value": selector})
        return found["value"][ELEMENT]

    def tap(self, identifier: str) -> None:
        at = f"[flt-semantics-identifier='{identifier}']"
        self.send("WebDriver:ElementClick", {"id": self._element(f"{at} [role=button], {at}")})

    def type(self, identifier: str, words: str) -> None:
        at = f"[flt-semantics-identifier='{identifier}']"
        field = self._element(f"{at} input, {at} textarea, input{at}, textarea{at}")
        self.send("WebDriver:ElementClick", {"id": field})
        self.send("WebDriver:ElementSendKeys", {"id": field, "text": words})

    def kill(self) -> None:
        """SIGKILL for every process of the browser."""
        processes = [*psutil.Process(self.process.pid).children(recursive=True)]
        self.process.send_signal(signal.SIGKILL)
        for process in processes:
            process.kill()
        self.process.wait(timeout=30)
        psutil.wait_procs(processes, timeout=30)
        self.socket.close()
