"""The server of the page: on loopback, for whoever typed the command, without the internet."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
import warnings
import webbrowser
from collections.abc import Mapping
from pathlib import Path

from lobule.case import Case
from lobule.errors import InputError

HOST = "127.0.0.1"
FIRST_PORT, PORTS = 8765, 20
#: Settings of Solara, which reads them when it is imported: no telemetry, closed pages forgotten soon.
SETTINGS = {
    "SOLARA_TELEMETRY_MIXPANEL_ENABLE": "false",
    "SOLARA_MODE": "production",
    "SOLARA_ASSETS_PROXY": "true",
    "SOLARA_KERNEL_CULL_TIMEOUT": "2m",
    "SOLARA_APP": "lobule.experiments.browser.app",
}


def free_port(port: int | None) -> int:
    """Return `port`, or the first free one from :data:`FIRST_PORT` on.

    Raises
    ------
    InputError
        If it is taken.
    """
    for candidate in range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, candidate))
            except (OSError, OverflowError) as error:
                reason = getattr(error, "strerror", None) or str(error)
                continue
            return candidate
    words = f"--port {port}" if port is not None else f"ports {FIRST_PORT} to {FIRST_PORT + PORTS - 1}"
    raise InputError(f"{words} -> cannot be used: {reason}; choose another with --port")


def serve(
    case: Case | None,
    folders: Mapping[str, Path] | None,
    port: int,
    open_browser: bool = True,
) -> None:
    """Serve the page until interrupted.

    Parameters
    ----------
    case : Case, optional
        What a visitor finds.
    folders : mapping of str to Path or None
        Run folders to be replayed instead, by what they are called.
    port : int
        Where; see :func:`free_port`.
    open_browser : bool
        Show it in the browser.

    Raises
    ------
    InputError
        If what the view needs is not installed.
    """
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    warnings.filterwarnings("ignore", message="Cookies with samesite=none")  # loopback has no https
    try:
        import uvicorn
        from solara.server import settings
    except ImportError:
        raise InputError("the view is not installed -> pip install 'lobule[view]'") from None
    settings.main.mode = "production"
    settings.theme.loader = "plain"
    settings.main.base_url = f"http://{HOST}:{port}/"
    from lobule.experiments.browser.app import Target
    from lobule.experiments.browser.recording import Recording
    from lobule.experiments.browser.session import Session

    def make() -> Session | Recording:
        return Recording(folders or {}) if case is None else Session(case)

    Target.make = staticmethod(make)
    first = make()
    first.step()  # what is wrong with the case is said here, and the kernels are compiled before anyone waits
    config = uvicorn.Config(
        "solara.server.starlette:app", host=HOST, port=port, log_level="error", access_log=False
    )
    server = uvicorn.Server(config)
    url = f"http://{HOST}:{port}"

    def announce() -> None:
        while not server.started:
            time.sleep(0.05)
        print(f"the lobule is at {url}  (Ctrl-C ends it)", flush=True)
        if open_browser:
            webbrowser.open(url)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # folders in work are removed
    threading.Thread(target=announce, daemon=True).start()
    try:
        server.run()
    except KeyboardInterrupt:
        print(file=sys.stderr)
