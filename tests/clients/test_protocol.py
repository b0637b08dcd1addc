"""docs/ipc.md is enough to write a client, of each version of the protocol, and the daemon keeps to it."""

import os
import struct
import unittest

from by_hand import DONE, ENDED, MOVED, PERMISSION, SUBSCRIBE, SUBSCRIBED, VERSION, WAKE
from by_hand import Connection, HungUp, Refused
from daemon import HEIGHT, PIXELS, WIDTH, Daemon


def check_frame(payload):
    _, frame, width, height, stride, form = struct.unpack_from("<qQ4I", payload)
    assert (width, height, form) == (WIDTH, HEIGHT, 1) and len(payload) == 32 + stride * height
    for row in range(height):
        at = 32 + row * stride
        assert payload[at : at + 3 * width] == bytes([PIXELS[frame % 3]]) * (3 * width)
    return frame


class Protocol(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def connect(self, *versions):
        connection = Connection(self.daemon.socket, *versions)
        self.addCleanup(connection.close)
        return connection

    def test_samples_of_each_version(self):
        for version in (1, 2, 3):
            with self.subTest(version=version):
                connection = self.connect(version, version)
                self.assertEqual(connection.version, version)
                ring = connection.subscribe("frames")
                self.assertEqual(ring.schema, "percept.frame/1")
                last = 0
                for _ in range(10):  # the newest
                    sequence, capture, publish, payload = ring.wait(ring.newest)
                    self.assertGreater(sequence, last)
                    self.assertLess(capture, publish)
                    check_frame(payload)
                    last = sequence
                ring.last = 0
                before = ring.wait(ring.following)
                for _ in range(20):  # every one, from the oldest
                    sample = ring.wait(ring.following)
                    self.assertEqual(
                        check_frame(sample[3]) - check_frame(before[3]), sample[0] - before[0]
                    )
                    before = sample
                ring.close()

    def test_versions_are_chosen(self):
        for least, most, chosen in ((1, 1, 1), (1, 2, 2), (2, 2, 2), (1, 99, 4), (3, 3, 3)):
            self.assertEqual(self.connect(least, most).version, chosen)
        for least, most in ((5, 99), (0, 0), (2, 1)):
            with self.assertRaises(Refused) as refused:
                self.connect(least, most)
            self.assertEqual(refused.exception.status, VERSION)

    def test_a_wake_up_socket_later(self):
        connection = self.connect()
        ring = connection.subscribe("frames", wake=False)
        self.assertIsNone(ring.wake)
        _, (ring.wake,) = connection.ask(WAKE, {1: ring.subscription}, DONE)
        self.assertTrue(ring.wait(ring.newest))
        ring.close()

    def test_answers_are_json(self):
        connection = self.connect()
        names = [topic["name"] for topic in connection.query("topics")["topics"]]
        self.assertEqual(sorted(names), ["frames", "indicator"])
        schemas = {schema["name"]: schema for schema in connection.query("schemas")["schemas"]}
        self.assertEqual(schemas["percept.frame/1"]["size"], 32)
        with self.assertRaisesRegex(Refused, "weather"):
            connection.query("the weather")

    def test_what_a_version_lacks_is_no_request(self):
        connection = self.connect(1, 1)
        with self.assertRaisesRegex(Refused, "none that we know"):
            connection.grant("camera", os.getuid())
        with self.assertRaises((HungUp, OSError)):
            connection.query("topics")


class Permissions(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon(allowed=False)
        self.addCleanup(self.daemon.close)
        self.administrator = Connection(self.daemon.socket)
        self.addCleanup(self.administrator.close)

    def test_a_revocation_in_each_version(self):
        for version in (1, 2, 3):
            with self.subTest(version=version):
                connection = Connection(self.daemon.socket, version, version)
                with self.assertRaises(Refused) as refused:
                    connection.subscribe("frames")
                self.assertEqual(refused.exception.status, PERMISSION)
                self.administrator.grant("camera", os.getuid())
                ring = connection.subscribe("frames")
                self.assertTrue(ring.wait(ring.newest))
                self.administrator.revoke("camera")
                while ring.state() != MOVED:  # and that is the last of it
                    ring.wait(ring.newest)
                if version >= 2:
                    kind, body, _ = connection.reply(None)
                    self.assertEqual((kind, body[1]), (ENDED, ring.subscription))
                    self.assertEqual(connection.ended[ring.subscription].status, PERMISSION)
                with self.assertRaises(Refused) as refused:
                    connection.ask(SUBSCRIBE, {1: "frames"}, SUBSCRIBED)
                self.assertEqual(refused.exception.status, PERMISSION)
                connection.close()


if __name__ == "__main__":
    unittest.main()
