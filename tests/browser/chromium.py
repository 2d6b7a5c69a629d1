"""A headless Chromium, spoken to in its DevTools protocol through a pair of pipes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--remote-debugging-pipe",
)


def found() -> str | None:
    """Return the path of a Chromium, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a Chromium that runs until `close`.

    Attributes
    ----------
    complaints
        Console errors, exceptions and failed requests since the last `open`.
    """

    def __init__(self, profile: Path) -> None:
        read_commands, self._commands = os.pipe()
        self._replies, write_replies = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4; above them nothing can be in the way.
        raised = [os.dup2(fd, fd + 100) for fd in (read_commands, write_replies)]
        places = [
            (os.POSIX_SPAWN_DUP2, fd, place) for fd, place in zip(raised, (3, 4), strict=True)
        ]
        log = os.open(profile / "chromium.log", os.O_WRONLY | os.O_CREAT)
        places += [(os.POSIX_SPAWN_DUP2, log, stream) for stream in (1, 2)]
        command = [str(found()), *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        self._process = os.posix_spawn(
            command[0], command, os.environ, file_actions=places, setsid=True
        )
        for fd in (read_commands, write_replies, *raised, log):
            os.close(fd)
        self._unread, self._sent, self._session = b"", 0, None
        self.complaints: list[str] = []
        self._attach()

    def _attach(self) -> None:
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """Return what the browser answers to a command."""
        self._sent += 1
        message: dict[str, Any] = {"id": self._sent, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._sent:
                assert "error" not in answer, answer
                return answer["result"]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._unread:
            chunk = os.read(self._replies, 1 << 16)
            assert chunk, "Chromium has ended"
            self._unread += chunk
        message, self._unread = self._unread.split(b"\0", 1)
        event = json.loads(message)
        self._note(event.get("method"), event.get("params", {}))
        return event

    def _note(self, method: str | None, facts: dict[str, Any]) -> None:
        is_error = method == "Log.entryAdded" and facts["entry"]["level"] in ("error", "warning")
        if is_error or method in ("Runtime.exceptionThrown", "Network.loadingFailed"):
            self.complaints.append(json.dumps(facts))

    def open(
        self, page: Path, width: int, height: int, scheme: str = "light", fragment: str = ""
    ) -> None:
        """Show a page in a window of CSS pixels, in a light or dark colour scheme."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        preferred = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=preferred)
        self.complaints.clear()
        self.send("Page.navigate", url=page.as_uri() + fragment)
        while self._receive().get("method") != "Page.loadEventFired":
            pass

    def evaluate(self, script: str) -> Any:  # noqa: ANN401
        """Return the value of an expression of JavaScript, awaited where it is a promise."""
        done = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def _middle(self, query: str) -> tuple[float, float]:
        """Return where an element's middle is in the window, scrolled to."""
        found = f"document.querySelector('{query}')"
        self.evaluate(f"{found}.scrollIntoView({{block: 'center'}})")
        # What a scroll has its listeners do comes with the next frame.
        self.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
        box = self.evaluate(f"{found}.getBoundingClientRect().toJSON()")
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def move(self, x: float, y: float) -> None:
        """Move the mouse to a point of the window."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def hover(self, query: str) -> None:
        """Move the mouse over an element."""
        self.move(*self._middle(query))

    def click(self, query: str) -> None:
        """Click an element with the mouse."""
        x, y = self._middle(query)
        for kind in ("mousePressed", "mouseReleased"):
            at = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self.send("Input.dispatchMouseEvent", type=kind, **at)

    def tap(self, query: str) -> None:
        """Tap an element with a finger."""
        x, y = self._middle(query)
        self.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, key: str) -> None:
        """Press and let go of a key."""
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, "Home": 36}
        for kind in ("rawKeyDown", "keyUp"):
            code = codes.get(key, 0)
            self.send("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code)

    def screenshot(self, path: Path) -> None:
        """Write the whole page as PNG."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        """Return the page as it prints."""
        printed = self.send("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        return base64.b64decode(printed["data"])

    def close(self) -> None:
        """End the browser and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self._process, signal.SIGTERM)
        os.waitpid(self._process, 0)
        os.close(self._commands)
        os.close(self._replies)
