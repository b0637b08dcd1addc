"""The Python package against a real daemon."""

import asyncio
import gc
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import threading
import time
import unittest
import warnings

import numpy as np

import percept
from by_hand import GRANT
from daemon import HEIGHT, PIXELS, WIDTH, BIN, Daemon
from older import Older

SOURCE = pathlib.Path(os.environ["PERCEPT_SOURCE_DIR"])
RECORDING = SOURCE / "tests/fuzz/corpus/recording/hands_frame_presence"
PATIENCE = 60  # seconds for what happens at once on a machine that is not overloaded


def rings():
    """The rings that are mapped: (start, end, permissions) each."""
    found = []
    for line in pathlib.Path("/proc/self/maps").read_text().splitlines():
        span, permissions, *rest = line.split()
        if "memfd:" in line and "r--s" in permissions:
            start, end = (int(word, 16) for word in span.split("-"))
            found.append((start, end, permissions))
    return found


def address(array):
    return array.__array_interface__["data"][0]


class Live(unittest.TestCase):
    """One daemon for all that leave it as it is."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def setUp(self):
        self.client = percept.connect(self.daemon.socket)
        self.addCleanup(self.client.close)

    def test_arrays_are_views_of_the_ring(self):
        sample = self.client.subscribe("frames").next(PATIENCE)
        (ring,) = rings()
        for array in (sample.payload, sample.data, sample.image, sample["pixels"]):
            self.assertFalse(array.flags.owndata)
            self.assertIsNotNone(array.base)
            self.assertTrue(ring[0] <= address(array) < ring[1], "not in the ring")
            self.assertTrue(np.shares_memory(array, sample.payload))
        self.assertEqual(address(sample.image), address(sample.payload) + 32)
        self.assertEqual(address(sample.payload) % 64, 0)

    def test_arrays_can_not_be_written_to(self):
        sample = self.client.subscribe("frames").next(PATIENCE)
        for array in (sample.payload, sample.data, sample.image):
            self.assertFalse(array.flags.writeable)
            with self.assertRaises(ValueError):
                array[...] = 0
            with self.assertRaises(ValueError):
                array.flags.writeable = True
        with self.assertRaises(TypeError):
            memoryview(sample.payload)[0] = 0

    def test_an_image_has_height_width_and_channels(self):
        sample = self.client.subscribe("frames").next(PATIENCE)
        self.assertEqual(sample.image.shape, (HEIGHT, WIDTH, 3))
        self.assertEqual(sample.image.dtype, np.uint8)
        self.assertEqual((sample["width"], sample["height"]), (WIDTH, HEIGHT))
        self.assertEqual(sample.word("format"), "rgb8")
        kept = sample.copy()  # the newest is held for us, so it is whole
        self.assertTrue((kept.image == PIXELS[kept["frame"] % 3]).all())
        self.assertTrue(kept.image.base is not None and not np.shares_memory(kept.image, sample.image))

    def test_members_are_as_echo_prints_them(self):
        printed = json.loads(self.daemon.command("echo", "frames", "--json", "--count", "1"))
        for sample in self.client.subscribe("frames", "queue"):
            if sample.sequence >= printed["sequence"]:
                break
        if sample.sequence == printed["sequence"]:  # else the ring has forgotten it
            self.assertEqual(sample.to_dict(), printed["data"])
        self.assertEqual(list(sample.to_dict()), list(printed["data"]))
        sensors = self.client.subscribe("indicator").next(PATIENCE)
        printed = json.loads(self.daemon.command("echo", "indicator", "--json", "--count", "1"))
        self.assertEqual(sensors.to_dict()["sensors"][0]["pipeline"], "pictures")
        self.assertEqual(list(sensors.to_dict()), list(printed["data"]))
        self.assertEqual(len(sensors["sensors"]), 1)
        self.assertEqual(sensors["sensors"]["pipeline"][0], b"pictures")

    def test_a_queue_gives_the_history_and_every_sample(self):
        while self.client.subscribe("frames").next(PATIENCE).sequence < 10:
            pass
        queue, latest = self.client.subscribe("frames", "queue"), self.client.subscribe("frames")
        before = queue.next(PATIENCE)
        self.assertGreater(latest.next(PATIENCE).sequence, before.sequence + 2)
        for _ in range(20):
            sample = queue.next(PATIENCE)
            self.assertEqual(sample.sequence, before.sequence + 1 + sample.lost)
            self.assertGreater(sample.capture_ns, before.capture_ns)
            before = sample

    def test_a_queue_of_so_many(self):
        while self.client.subscribe("frames").next(PATIENCE).sequence < 10:
            pass
        queue = self.client.subscribe("frames", "queue", depth=2, spin=0.001)
        newest = self.client.subscribe("frames")
        first = queue.next(PATIENCE)
        while newest.next(PATIENCE).sequence < first.sequence + 5:
            pass
        sample = queue.next(PATIENCE)
        self.assertGreaterEqual(sample.sequence, first.sequence + 4)
        self.assertEqual(sample.lost, sample.sequence - first.sequence - 1)
        for wrong in ({"depth": -1}, {"spin": 1}):
            with self.assertRaises(percept.Invalid):
                self.client.subscribe("frames", **wrong)

    def test_latest_skips_and_counts(self):
        latest = self.client.subscribe("frames")
        first = latest.next(PATIENCE).sequence
        other = self.client.subscribe("frames")
        while other.next(PATIENCE).sequence < first + 5:
            pass
        sample = latest.next(PATIENCE)
        self.assertGreaterEqual(sample.sequence, first + 5)
        self.assertEqual(sample.lost, sample.sequence - first - 1)

    def test_a_wait_ends_in_time(self):
        quiet = self.client.subscribe("indicator")
        quiet.next(PATIENCE)
        # Somebody reading or leaving is news on this topic, so it may take some until it is quiet.
        with self.assertRaises(TimeoutError):
            for _ in range(1000):
                quiet.next(timeout=0.2)
        self.assertTrue(issubclass(percept.TimedOut, percept.PerceptError))
        while quiet.poll() is not None:
            pass

    def test_a_descriptor_for_select(self):
        frames = self.client.subscribe("frames")
        poller = select.poll()
        poller.register(frames, select.POLLIN)  # by its fileno()
        seen = 0
        while seen < 10:
            self.assertTrue(poller.poll(PATIENCE * 1000))
            while frames.poll() is not None:
                seen += 1

    def test_async_iteration(self):
        async def read(topic):
            seen = []
            async for sample in self.client.subscribe(topic, "queue"):
                seen.append(sample.sequence)
                if len(seen) == 10:
                    return seen

        async def both():
            return await asyncio.wait_for(asyncio.gather(read("frames"), read("frames")), PATIENCE)

        for seen in asyncio.run(both()):
            self.assertEqual(seen, sorted(set(seen)))

    def test_a_view_outlives_its_subscription_and_the_client(self):
        with self.client.subscribe("frames") as frames:
            image = frames.next(PATIENCE).image
            frames.release()
        with self.assertRaises(percept.Invalid):
            frames.next()
        self.assertEqual(len(rings()), 1)
        self.client.close()
        with self.assertRaises(percept.Invalid):
            self.client.topics()
        # Whatever is in there by now: it can be read, and of one picture each pixel is the same.
        self.assertIn(int(image[0, 0, 0]), range(256))
        self.assertEqual(image.sum(dtype=np.uint64) >= 0, True)
        part = image[10:20, ::2, 1]
        del image, frames
        gc.collect()
        self.assertEqual(len(rings()), 1)
        self.assertEqual(part.shape, (10, 33))
        del part
        gc.collect()
        self.assertEqual(rings(), [])  # and no longer than that

    def test_what_nobody_refers_to_is_given_back(self):
        for _ in range(100):  # a client has 32 subscriptions at most
            self.client.subscribe("frames").next(PATIENCE)
        gc.collect()
        self.client.topics()
        self.assertEqual(rings(), [])

    def test_errors_are_exceptions(self):
        with self.assertRaisesRegex(percept.NotFound, "no-such-topic"):
            self.client.subscribe("no-such-topic")
        with self.assertRaises(percept.VersionMismatch) as raised:
            self.client.subscribe("frames", schema="percept.frame/99")
        self.assertEqual(raised.exception.status, -13)
        with self.assertRaises(percept.Invalid):
            self.client.subscribe("frames", reading="backwards")
        with self.assertRaises(percept.NotFound):
            self.client.query("the weather")
        with self.assertRaisesRegex(percept.NotFound, "no daemon listens on '/nowhere'"):
            percept.connect("/nowhere")
        with self.assertRaises(KeyError):
            self.client.subscribe("indicator").next(PATIENCE)["no such member"]

    def test_the_daemon_can_be_asked(self):
        (row,) = [row for row in self.client.topics() if row["name"] == "frames"]
        self.assertEqual(row["schema"], "percept.frame/1")
        self.assertEqual(self.client.query("status")["daemon"]["pid"], self.daemon.process.pid)

    def test_threads_take_turns(self):
        frames = self.client.subscribe("frames", "queue")
        seen, failed = [], []

        def read():
            try:
                for _ in range(20):
                    seen.append(frames.next(PATIENCE).sequence)
                    self.client.topics()
            except Exception as error:  # shown by the main thread
                failed.append(error)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failed, [])
        self.assertEqual(len(seen), len(set(seen)))

    def test_a_thread_that_waits_lets_others_in(self):
        quiet = self.client.subscribe("indicator")
        over = threading.Event()

        def wait():
            try:
                while not over.is_set():
                    quiet.next(PATIENCE)
            except percept.Invalid:  # closed meanwhile
                pass

        thread = threading.Thread(target=wait)
        thread.start()
        for _ in range(5):
            self.client.topics()
        over.set()
        self.client.close()
        thread.join(PATIENCE)
        self.assertFalse(thread.is_alive())

    def test_ctrl_c_ends_a_wait(self):
        child = subprocess.Popen(
            [sys.executable, "-c",
             "import percept\n"
             "s = percept.connect().subscribe('indicator')\n"
             "print('reading', flush=True)\n"
             "while True: s.next()\n"],
            env=self.daemon.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.assertEqual(child.stdout.readline(), "reading\n")
        child.send_signal(signal.SIGINT)
        _, trace = child.communicate(timeout=PATIENCE)
        self.assertIn("KeyboardInterrupt", trace)

    def test_a_recording_reads_as_it_is_echoed(self):
        path = self.daemon.folder / "a.mcap"
        self.daemon.command("record", "--out", str(path), "--seconds", "2", "frames", "indicator")
        echoed = [
            json.loads(line)
            for line in self.daemon.command("echo", "--from", str(path), "--json").splitlines()
        ]
        read = list(percept.read(path))
        self.assertEqual(
            [(s.topic, s.schema.name, s.sequence, s.capture_ns, s.publish_ns, s.lost, s.to_dict()) for s in read],
            [
                (m["topic"], m["schema"], m["sequence"], m["capture_ns"], m["publish_ns"], m["lost"], m["data"])
                for m in echoed
            ],
        )
        frames = list(percept.read(path, "frames"))
        self.assertGreater(len(frames), 2)
        for sample in frames:
            self.assertTrue((sample.image == PIXELS[sample["frame"] % 3]).all())
            self.assertFalse(sample.image.flags.writeable)
        whole = path.read_bytes()
        for cut in range(0, len(whole), len(whole) // 40):
            path.write_bytes(whole[:cut])
            try:
                with warnings.catch_warnings(record=True):
                    self.assertLessEqual(len(list(percept.read(path))), len(read))
            except percept.Malformed:
                self.assertLess(cut, 8)
        path.write_bytes(whole[:20000] + b"\xa5" + whole[20001:])
        with self.assertRaisesRegex(percept.Malformed, "checksum"):
            list(percept.read(path))


class Changing(unittest.TestCase):
    """Daemons that stop, come back and refuse."""

    def daemon(self, **options):
        daemon = Daemon(**options)
        self.addCleanup(daemon.close)
        return daemon

    def test_iteration_ends_with_the_topic(self):
        daemon = self.daemon(loops=100)
        with percept.connect(daemon.socket) as client:
            frames, last = client.subscribe("frames", "queue"), None
            for sample in frames:
                last = sample["frame"]
            self.assertEqual(last, 299)
            with self.assertRaises(percept.EndOfStream):
                frames.next()
            self.assertEqual(list(frames), [])
        self.assertEqual(daemon.process.wait(PATIENCE), 0)

    def test_it_comes_back_with_the_daemon(self):
        daemon, changes = self.daemon(), []
        with percept.connect(daemon.socket, on_connection=changes.append) as client:
            frames = client.subscribe("frames")
            descriptor = frames.fileno()
            image = frames.next(PATIENCE).image
            daemon.kill()
            with self.assertRaises(percept.TimedOut):
                while True:  # what was there before
                    frames.next(0.5)
            self.assertEqual(changes, [False])
            daemon.start()
            sample = frames.next(PATIENCE)
            self.assertEqual(changes, [False, True])
            self.assertEqual(sample.image.shape, (HEIGHT, WIDTH, 3))
            self.assertFalse(np.shares_memory(image, sample.image))
            self.assertEqual(frames.fileno(), descriptor)
            self.assertEqual(image.shape, (HEIGHT, WIDTH, 3))
            self.assertTrue((image == image[0, 0, 0]).all())  # nobody writes there any more

    def test_what_callbacks_may_do(self):
        daemon = self.daemon()

        def callback(connected):
            with self.assertRaisesRegex(RuntimeError, "callback"):
                client.topics()
            with self.assertRaisesRegex(RuntimeError, "callback"):
                client.close()
            raise ZeroDivisionError

        client = percept.connect(daemon.socket, on_connection=callback)
        frames = client.subscribe("frames")
        daemon.kill()
        with self.assertRaises(ZeroDivisionError):
            while True:
                try:
                    frames.next(0.5)
                except percept.TimedOut:
                    pass
        client.close()

    def test_what_is_not_granted_is_refused_and_what_is_revoked_ends(self):
        daemon, ended = self.daemon(allowed=False), []
        with percept.connect(
            daemon.socket, on_ended=lambda *what: ended.append(what)
        ) as client, percept.connect(daemon.socket) as administrator:
            with self.assertRaisesRegex(PermissionError, "was not granted"):
                client.subscribe("frames")
            administrator.grant("camera", uid=os.getuid())
            frames = client.subscribe("frames")
            image = frames.next(PATIENCE).image
            administrator.revoke("camera")
            with self.assertRaisesRegex(percept.PermissionDenied, "was not granted"):
                while True:
                    frames.next(PATIENCE)
            ((subscription, why),) = ended
            self.assertIs(subscription, frames)
            self.assertIsInstance(why, percept.PermissionDenied)
            self.assertEqual(image.shape, (HEIGHT, WIDTH, 3))
            with self.assertRaises(percept.NotFound):
                administrator.revoke("camera")


    def test_what_was_said(self):
        said = [f"0 en number {n} of many" for n in range(1, 703)]
        daemon = self.daemon(said=[])
        with percept.connect(daemon.socket) as client:
            for at in range(0, len(said), 50):  # no more at once than may wait for a slow disk
                with (daemon.folder / "said").open("a") as file:
                    file.write("".join(line + "\n" for line in said[at : at + 50]))
                while client.query("transcript")["transcript"]["lines"] < min(at + 50, len(said)):
                    time.sleep(0.02)
            lines = list(client.history())
            self.assertEqual([line["text"] for line in lines], [line[5:] for line in said])
            self.assertEqual([line["id"] for line in lines], list(range(1, 703)))
            (line,) = client.history(search="NUMBER 77")
            self.assertEqual((line["id"], line["topic"], line["language"]), (77, "captions", "en"))
            after = list(client.history(topic="captions", after=700))
            self.assertEqual([line["id"] for line in after], [701, 702])
            self.assertEqual(list(client.history(since=time.time() + 3600)), [])
            self.assertEqual(list(client.history(until=1)), [])
            with self.assertRaises(percept.NotFound):
                list(client.history(topic="frames"))
            with self.assertRaises(percept.Invalid):
                list(client.history(search=" "))
            for wrong in ({}, {"seconds": 0}, {"seconds": 5, "everything": True}):
                with self.assertRaises(percept.Invalid):
                    client.forget(**wrong)
            self.assertEqual(client.forget(seconds=3600), 702)
            self.assertEqual(client.forget(everything=True), 0)
            self.assertEqual(list(client.history()), [])

    def phone(self, client):
        """The pipeline's row of the status."""
        (row,) = [p for p in client.query("pipelines")["pipelines"] if p["name"] == "phone"]
        return row

    def test_sound_is_pushed(self):
        daemon = self.daemon(phone=True)
        with percept.connect(daemon.socket) as client:
            with client.push("phone", rate=8000, channels=2) as phone:
                with self.assertRaises(percept.Busy):
                    client.push("phone")
                began = time.monotonic_ns() - 500_000_000
                self.assertEqual(phone.write(np.zeros((4000, 2), np.int16), began), 4000)
                self.assertEqual(phone.write(bytes(4000 * 4)), 4000)
                phone.skip(2000)
                self.assertEqual(phone.write(np.zeros(8000, np.int16)), 4000)
                for wrong in (bytes(6), np.zeros(3, np.int16), np.zeros((2, 1), np.int16), np.zeros(4)):
                    with self.assertRaises(percept.Invalid):
                        phone.write(wrong)
            with self.assertRaisesRegex(percept.Invalid, "closed"):
                phone.write(bytes(4))
            # 16 and 16 blocks of 512 samples, a gap of 0.25 s, the rest; and the pause after it.
            while self.phone(client)["frames"] < 32 + 16 + 1:
                time.sleep(0.02)
            self.assertEqual(self.phone(client)["lost_ms"], 250)
            self.assertEqual(self.phone(client)["state"], "running")
            with self.assertRaises(percept.NotFound):
                client.push("pictures")
            for wrong in ({"rate": 7000}, {"channels": 9}, {"dtype": "float64"}, {"rate": -1}):
                with self.assertRaises(percept.Invalid):
                    client.push("phone", **wrong)

    def test_pushing_goes_on_with_the_daemon(self):
        daemon, seen = self.daemon(phone=True), []
        with percept.connect(daemon.socket) as client:
            with client.push("phone", on_connection=seen.append) as phone:
                self.assertEqual(phone.write(np.zeros(16000, np.int16)), 16000)
                daemon.kill()
                self.assertEqual(phone.write(np.zeros(16000, np.int16), timeout=0.1), 0)
                self.assertEqual(seen, [False])
                phone.skip(16000)
                daemon.start()
                self.assertEqual(phone.write(np.zeros(16000, np.int16)), 16000)
                self.assertEqual(seen, [False, True])
        with percept.connect(daemon.socket) as client:
            while self.phone(client)["frames"] < 16000 // 512 + 1:  # and the pause after it
                time.sleep(0.02)
            self.assertEqual(self.phone(client)["lost_ms"], 0)

    def test_what_a_callback_of_a_push_raises(self):
        daemon = self.daemon(phone=True)

        def fail(up):
            raise ValueError(f"up: {up}")

        with percept.connect(daemon.socket) as client:
            phone = client.push("phone", on_connection=fail)
        with self.assertRaisesRegex(percept.Invalid, "closed"):
            client.push("phone")
        self.assertEqual(phone.write(bytes(2)), 1)  # its connection is its own
        daemon.kill()
        with self.assertRaisesRegex(ValueError, "up: False"):
            phone.write(bytes(2))
        phone.close()

    def test_sound_that_nobody_takes_and_its_end(self):
        daemon = self.daemon(phone=True)
        with percept.connect(daemon.socket) as client:
            phone = client.push("phone")
            written = 1
            while written:  # more than is spoken in that time finds no room
                written = phone.write(np.zeros(16000, np.int16), timeout=0)
            daemon.command("privacy", "on")
            with self.assertRaisesRegex(percept.Busy, "the privacy switch is on"):
                phone.write(np.zeros(16000, np.int16))
            with self.assertRaisesRegex(percept.Busy, "rests: the privacy switch is on"):
                client.push("phone")
        denied = self.daemon(allowed=False, phone=True)
        with percept.connect(denied.socket) as client:
            with self.assertRaisesRegex(percept.PermissionDenied, "percept grant push:phone"):
                client.push("phone")
            client.grant("push:phone", uid=os.getuid())
            phone = client.push("phone")
            client.revoke("push:phone")
            with self.assertRaises(percept.PermissionDenied):
                for _ in range(1000):  # the answer may come a little before the end
                    phone.write(bytes(2))
                    time.sleep(0.01)
            with self.assertRaises(percept.NotFound):
                client.grant("push:fone", uid=os.getuid())

    def test_a_daemon_of_the_first_version(self):
        daemon, ended = self.daemon(allowed=False), []
        older = Older(str(daemon.folder / "older"), daemon.socket)
        self.addCleanup(older.close)
        with percept.connect(daemon.socket) as administrator, percept.connect(
            str(daemon.folder / "older"), on_ended=lambda *what: ended.append(what)
        ) as client:
            # What it lacks is said here, and the connection goes on.
            with self.assertRaisesRegex(percept.VersionMismatch, "speaks version 1 .* version 2"):
                client.grant("camera", uid=os.getuid())
            self.assertNotIn(GRANT, older.asked)
            with self.assertRaises(percept.PermissionDenied):
                client.subscribe("frames")
            administrator.grant("camera", uid=os.getuid())
            frames = client.subscribe("frames", "queue")
            first = frames.next(PATIENCE).sequence
            second = frames.next(PATIENCE)
            self.assertEqual(second.sequence, first + 1 + second.lost)
            # There is no Ended: the ring tells that the topic has moved, and the reply to the next request why.
            administrator.revoke("camera")
            with self.assertRaises(percept.PermissionDenied):
                while True:
                    frames.next(PATIENCE)
            self.assertEqual(ended, [])


class Decoding(unittest.TestCase):
    """What needs no daemon: payloads as the fuzz target's first input has them."""

    def test_hands(self):
        hands, frame, presence, short = percept.read(RECORDING)
        self.assertEqual(hands["hand_count"], 1)
        self.assertEqual(hands["hands"].shape, (1,))  # as many as there are, not as fit
        image = hands["hands"]["image"]
        self.assertEqual(image.shape, (1, 21, 3))
        self.assertTrue(np.shares_memory(image, hands.payload))
        np.testing.assert_array_equal(image[0], np.arange(63, dtype=np.float32).reshape(21, 3))
        self.assertEqual(hands.to_dict()["hands"][0]["handedness"], "right")
        self.assertEqual(hands.data.dtype.itemsize, 1144)
        self.assertEqual(frame.image.shape, (2, 2, 3))
        self.assertEqual(presence["hand_count"], 2)
        self.assertIsNone(short.data)
        self.assertEqual(short.to_dict()["size"], 100)
        printed = [
            json.loads(line)["data"]
            for line in subprocess.run(
                [BIN / "percept", "echo", "--from", RECORDING, "--json"],
                check=True, stdout=subprocess.PIPE, text=True,
            ).stdout.splitlines()
        ]
        self.assertEqual([s.to_dict() for s in (hands, frame, presence, short)], printed)

    def test_tensors(self):
        path = RECORDING.with_name("tensors")
        good, overlapping = percept.read(path)
        self.assertEqual([row["name"] for row in good["tensors"]], [b"boxes", b"half", b"all"])
        with self.assertRaises(percept.Malformed):
            good.tensors  # the last one goes beyond the payload
        good = good.copy()
        good.payload[48] = 2  # without it
        tensors = good.tensors
        np.testing.assert_array_equal(tensors["boxes"], np.float32([[1, 2, 3], [4, 5, 6]]))
        self.assertTrue(np.shares_memory(tensors["boxes"], good.payload))
        self.assertEqual(tensors["half"].tolist(), [0x3F80, 0x4000])
        self.assertEqual(overlapping.tensors["b"].shape, (2000,))
        # No more numbers than the payload has room for, however often they are described.
        shown = [
            [tensor["data"] for tensor in json.loads(line)["data"]["tensors"]]
            for line in subprocess.run(
                [BIN / "percept", "echo", "--from", path, "--json"],
                check=True, stdout=subprocess.PIPE, text=True,
            ).stdout.splitlines()
        ]
        self.assertEqual(shown[0], [[1, 2, 3, 4, 5, 6], [1, 2], None])
        self.assertEqual([shown[1][0] is None, shown[1][1]], [False, None])

    def test_recordings_need_no_library(self):
        code = (
            "import percept\n"
            f"print(len(list(percept.read({str(RECORDING)!r}))))\n"
            "try: percept.connect()\n"
            "except ImportError as error: print(error)\n"
        )
        output = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PERCEPT_LIBRARY": "/nowhere.so"},
            check=True, stdout=subprocess.PIPE, text=True,
        ).stdout
        self.assertRegex(output, "^4\n.*/nowhere.so.*PERCEPT_LIBRARY")

    def test_a_description_that_makes_no_sense(self):
        good = {"name": "a", "type": "u32", "offset": 0}
        for field in (
            {}, {**good, "type": "u33"}, {**good, "offset": -4}, {**good, "offset": 5},
            {**good, "offset": "0"}, {**good, "shape": [1 << 40]}, {**good, "shape": 3}, 7,
        ):
            with self.subTest(field=field), self.assertRaises(percept.Malformed):
                percept.Schema("x/1", {"size": 8, "fields": [field]})
        with self.assertRaises(percept.Malformed):
            percept.Schema("x/1", {"size": 8, "fields": [good, good]})
        with self.assertRaises(percept.Malformed):
            percept.Schema("x/1", [])

    def test_an_image_that_is_not_all_there(self):
        fields = [
            {"name": name, "type": "u32", "offset": 4 * i}
            for i, name in enumerate(("width", "height", "stride"))
        ]
        fields += [
            {"name": "format", "type": "u32", "offset": 12, "words": ["unknown", "rgb8"]},
            {"name": "pixels", "type": "image", "offset": 16},
        ]
        schema = percept.Schema("x/1", {"size": 16, "fields": fields})

        def image(width, height, stride, form, size):
            head = np.array([width, height, stride, form], np.uint32).tobytes()
            payload = np.frombuffer(head + bytes(size), np.uint8)
            return percept.Sample("t", schema, 1, 0, 0, 0, payload).image

        self.assertEqual(image(2, 3, 8, 1, 22).shape, (3, 2, 3))
        self.assertEqual(image(0, 0, 0, 1, 0).size, 0)
        for bad in ((2, 3, 8, 1, 21), (2, 3, 5, 1, 99), (2, 3, 8, 0, 99), (2, 3, 8, 9, 99),
                    (1 << 31, 1 << 31, 0xFFFFFFFF, 1, 99)):
            with self.subTest(bad=bad), self.assertRaises(percept.Malformed):
                image(*bad)


if __name__ == "__main__":
    unittest.main()
