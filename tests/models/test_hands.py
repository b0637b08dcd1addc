"""The geometry that models/README.md pins, case by case."""

import unittest

import numpy as np
from models import hands, images
from models.images import Square, crop, letterbox

GRADIENT = np.stack(np.meshgrid(np.arange(40), np.arange(30)), axis=-1)  # each pixel holds its own x and y
PICTURE = np.dstack([GRADIENT, np.full((30, 40), 200)]).astype(np.uint8)


def palm(wrist, middle, box=(0, 0, 10, 10)) -> hands.Palm:
    keypoints = np.zeros((7, 2))
    keypoints[hands.WRIST], keypoints[hands.MIDDLE] = wrist, middle
    return hands.Palm(1.0, np.array(box, float), keypoints)


class Crop(unittest.TestCase):
    def test_a_square_of_whole_pixels_copies_them(self):
        result = crop(PICTURE, Square(20, 15, 8, 0.0), 8) * 255
        np.testing.assert_allclose(result, PICTURE[11:19, 16:24], atol=1e-4)

    def test_samples_lie_at_the_centres_of_output_pixels(self):
        """Twice as fine: a quarter of a pixel to either side of a pixel's centre."""
        result = crop(PICTURE, Square(20, 15, 4, 0.0), 8) * 255
        np.testing.assert_allclose(result[0, :, 0], 17.5 + 0.25 + 0.5 * np.arange(8), atol=1e-4)

    def test_outside_the_image_is_black_and_the_border_fades_to_it(self):
        result = crop(PICTURE, Square(0, 15, 4, 0.0), 8)[:, :, 2] * 255
        np.testing.assert_allclose(result[0, :5], [0, 0, 0, 50, 150], atol=1e-4)
        np.testing.assert_allclose(result[0, 5:], 200, atol=1e-4)

    def test_the_letterbox_centres_the_image_in_black(self):
        result = crop(PICTURE, letterbox(40, 30), 40)[:, :, 2] * 255
        np.testing.assert_allclose(result[:5], 0)
        np.testing.assert_allclose(result[35:], 0)
        np.testing.assert_allclose(result[5:35], 200, atol=1e-4)

    def test_positive_rotation_turns_the_square_clockwise_on_screen(self):
        square = Square(20, 15, 8, np.pi / 2)
        np.testing.assert_allclose(square.to_image([[0.5, 0.0]])[0], [24, 15], atol=1e-9)  # its top is on the right
        result = crop(PICTURE, square, 8) * 255
        np.testing.assert_allclose(result, np.rot90(PICTURE[11:19, 16:24]), atol=1e-4)


class Palms(unittest.TestCase):
    def test_anchors_run_by_rows_fine_grid_first(self):
        self.assertEqual(hands.ANCHORS.shape, (2016, 2))
        np.testing.assert_allclose(hands.ANCHORS[[0, 1, 2, 48]] * 24, [[0.5, 0.5], [0.5, 0.5], [1.5, 0.5], [0.5, 1.5]])
        coarse = hands.ANCHORS[[1152, 1157, 1158, 2015]] * 12
        np.testing.assert_allclose(coarse, [[0.5, 0.5], [0.5, 0.5], [1.5, 0.5], [11.5, 11.5]])

    def test_decode_keeps_what_reaches_the_threshold_best_first(self):
        boxes, scores = np.zeros((2016, 18), np.float32), np.full(2016, -9, np.float32)
        boxes[7, :6] = 19.2, 0, 38.4, 19.2, 9.6, -9.6
        scores[7], scores[3], scores[4] = 0.0, 200.0, -0.001
        first, second = hands.decode(boxes, scores)
        self.assertEqual((first.score, second.score), (1.0, 0.5))
        x, y = hands.ANCHORS[7]
        np.testing.assert_allclose(second.box, [x, y - 0.05, 0.2, 0.1], atol=1e-6)
        np.testing.assert_allclose(second.keypoints[0], [x + 0.05, y - 0.05], atol=1e-6)

    def test_overlap(self):
        def overlap(*a):
            return hands.overlap(np.array(a[:4], float), np.array(a[4:], float))

        self.assertAlmostEqual(overlap(0, 0, 2, 2, 1, 0, 2, 2), 1 / 3)
        self.assertEqual(overlap(0, 0, 2, 2, 2, 0, 2, 2), 0)
        self.assertEqual(overlap(0, 0, 0, 0, 0, 0, 0, 0), 0)

    def test_suppression_averages_a_group_by_score_and_keeps_the_best_score(self):
        def at(x, score):
            return hands.Palm(score, np.array([x, 0, 10.0, 10.0]), np.full((7, 2), x))

        one, other = hands.suppress([at(0, 0.9), at(3, 0.6), at(50, 0.5)])
        self.assertEqual((one.score, other.score), (0.9, 0.5))
        self.assertAlmostEqual(one.box[0], 3 * 0.6 / 1.5)
        self.assertAlmostEqual(one.keypoints[4, 1], 3 * 0.6 / 1.5)
        self.assertEqual(other.box[0], 50)

    def test_suppression_ends_with_boxes_without_area(self):
        empty = hands.Palm(0.9, np.zeros(4), np.zeros((7, 2)))
        self.assertEqual(hands.suppress([empty, empty]), [])

    def test_the_square_follows_the_fingers(self):
        for middle, rotation, centre in (
            ((5, -10), 0.0, (5, 0)),  # up: the centre moves up by half the box height
            ((20, 5), np.pi / 2, (10, 5)),
            ((-10, 5), -np.pi / 2, (0, 5)),
            ((5, 20), -np.pi, (5, 10)),
        ):
            with self.subTest(middle=middle):
                square = hands.hand_square(palm((5, 5), middle))
                self.assertAlmostEqual(square.rotation, rotation)
                np.testing.assert_allclose((square.x, square.y), centre, atol=1e-9)

    def test_the_square_is_as_large_as_the_longer_side_asks(self):
        square = hands.hand_square(palm((5, 5), (5, 0), (0, 0, 10, 20)))
        self.assertEqual((square.side, square.y), (52.0, 0.0))


class Landmarks(unittest.TestCase):
    def test_points_return_through_the_square_and_metres_turn_with_it(self):
        def net(image):
            points = np.zeros((21, 3), np.float32)
            points[0], points[1] = (112, 112, 22.4), (112, 0, 0)
            world = np.zeros((21, 3), np.float32)
            world[1] = 0, -0.1, 0.02
            return [points.reshape(1, 63), np.full((1, 1), 0.75), np.full((1, 1), 0.25), world.reshape(1, 63)]

        found = hands.landmarks(PICTURE, palm((5, 5), (20, 5)), net)
        square = found.square
        np.testing.assert_allclose(found.landmarks[0], [square.x, square.y, square.side / 4], rtol=1e-6)
        np.testing.assert_allclose(found.landmarks[1, :2], [square.x + square.side / 2, square.y], rtol=1e-6)
        np.testing.assert_allclose(found.world[1], [0.1, 0, 0.02], atol=1e-7)
        self.assertEqual((found.presence, found.handedness), (0.75, 0.25))


class Frames(unittest.TestCase):
    def test_letterbox_of_a_frame_uses_its_width_and_height(self):
        frame = images.Frame("a", 0, PICTURE)
        self.assertEqual(frame.size, (40, 30))
        self.assertEqual(letterbox(*frame.size), Square(20, 15, 40, 0.0))


if __name__ == "__main__":
    unittest.main()
