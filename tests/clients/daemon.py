"""A real daemon for a test, in a folder of its own: pictures that need no model, as tests/daemon/lib.sh has them."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
from typing import List, Optional

BIN = pathlib.Path(os.environ["PERCEPT_BIN"])
PIXELS = (7, 70, 200)  # of the pictures: each has this value throughout
WIDTH, HEIGHT = 65, 48  # no multiple of 64 bytes a row


class Daemon:
    def __init__(
        self, loops: int = 0, allowed: bool = True, rate: int = 100, said: Optional[List[str]] = None, phone: bool = False,
    ):
        """loops 0: for ever. allowed: who runs the test may see the pictures. said: captions that are kept,
        each "0 en text". phone: a pipeline of that name that hears what is pushed."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="percept-python."))
        self.socket = str(self.folder / "socket")
        images = self.folder / "images"
        images.mkdir()
        for number, value in enumerate(PIXELS):
            (images / f"{number}.ppm").write_bytes(
                b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + bytes([value]) * (WIDTH * HEIGHT * 3)
            )
        rules = "[{same_user: true, allow: [camera, transcript, push]}]" if allowed else "[]"
        (self.folder / "policy.yaml").write_text(f"version: 1\nrules: {rules}\n")
        self.config = self.folder / "config.yaml"
        self.config.write_text(
            "version: 1\n"
            "daemon: {exit_when_done: true, policy: policy.yaml}\n"
            "pipelines:\n"
            "  pictures:\n"
            "    when_late: wait\n"  # every frame, however slow this machine is
            f"    source: {{type: images, paths: [{images}], rate: {rate}, loop: {loops}}}\n"
            "    topics: {frames: source}\n"
        )
        if said is not None:
            (self.folder / "said").write_text("".join(line + "\n" for line in said))
            with self.config.open("a") as config:
                config.write(
                    "  talk:\n"
                    f"    source: {{type: images, paths: [{images}], rate: 500, loop: 0}}\n"
                    "    nodes: [{node: said, file: said, inputs: {frame: source}}]\n"
                    "    topics: {captions: said}\n"
                    "transcript: {topics: captions}\n"
                )
        if phone:
            with self.config.open("a") as config:
                config.write("  phone: {source: {type: audio_stream}}\n")
        self.process = None
        self.start()

    def environment(self) -> dict:
        return {
            **os.environ,
            "PERCEPT_SOCKET": self.socket,
            "PERCEPT_NODES": str(BIN.parent / "tests" / "captions"),
            "XDG_STATE_HOME": str(self.folder / "state"),
        }

    def start(self) -> None:
        self.process = subprocess.Popen(
            [BIN / "perceptd", "--config", self.config],
            env=self.environment(), stderr=subprocess.DEVNULL,
        )
        while self.state() in ("", "starting"):
            assert self.process.poll() is None, "the daemon has ended"
            time.sleep(0.02)

    def state(self) -> str:
        """What the daemon says that it is; nothing while it does not answer."""
        status = subprocess.run(
            [BIN / "percept", "status", "--json"], env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return json.loads(status.stdout)["daemon"]["state"] if status.returncode == 0 else ""

    def command(self, *words: str) -> str:
        return subprocess.run(
            [BIN / "percept", *words], env=self.environment(), check=True,
            stdout=subprocess.PIPE, text=True,
        ).stdout

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)
