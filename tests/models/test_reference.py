"""The reference that the C pipeline is compared with is itself plausible: a hand in every frame, held with confidence."""

import json
import os
import unittest
from pathlib import Path

import numpy as np

PATH = Path(os.environ["PERCEPT_MODELS"]).parent / "reference" / "hands.json"
FRAMES = {"nocurl.jpg": 1, "halfcurl.jpg": 1, "fullcurl.jpg": 1, "fingers-lq.gif": 43}


class Reference(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.records = json.loads(PATH.read_text())["records"]

    def test_every_frame_is_there_for_both_sizes(self):
        wanted = {(file, i, size) for file, count in FRAMES.items() for i in range(count) for size in ("lite", "full")}
        self.assertEqual({(r["file"], r["frame"], r["model"]) for r in self.records}, wanted)
        self.assertEqual(len(self.records), len(wanted))

    def test_a_hand_is_present_in_every_frame(self):
        for record in self.records:
            with self.subTest(file=record["file"], frame=record["frame"], model=record["model"]):
                best = record["hands"][0]
                self.assertGreaterEqual(best["presence"], 0.9)
                self.assertGreaterEqual(best["score"], 0.5)

    def test_landmarks_lie_in_the_square_they_were_sought_in(self):
        for record in self.records:
            best = record["hands"][0]
            square, points = best["square"], np.array(best["landmarks"])
            self.assertEqual(points.shape, (21, 3))
            distance = np.linalg.norm(points[:, :2] - (square["x"], square["y"]), axis=1)
            self.assertLess(distance.max(), square["side"] * 0.75)

    def test_the_hand_in_metres_is_as_large_as_a_hand(self):
        for record in self.records:
            world = np.array(record["hands"][0]["world"])
            palm = np.linalg.norm(world[9] - world[0])  # wrist to middle knuckle
            self.assertTrue(0.05 < palm < 0.13, f"{record['file']} {record['frame']}: {palm:.3f} m")

    def test_the_two_nets_agree_where_the_hand_is(self):
        pairs = {}
        for record in self.records:
            pairs.setdefault((record["file"], record["frame"]), []).append(record["hands"][0])
        for lite, full in pairs.values():
            between = np.linalg.norm(np.array(lite["landmarks"])[:, :2] - np.array(full["landmarks"])[:, :2], axis=1)
            self.assertLess(between.mean(), 0.15 * full["square"]["side"])


if __name__ == "__main__":
    unittest.main()
