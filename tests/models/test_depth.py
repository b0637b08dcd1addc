"""The stereo nets' own school: made-up pairs whose disparity is exact, matching along paths, and the nets' weights."""

import contextlib
import io
import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from models import depth_image
from models.depth import aggregate, feed, learned, losses, matcher, nets, pairs, scenes, textures, train

WIDTH, HEIGHT = 128, 96


def warped(pair: scenes.Pair) -> np.ndarray:
    """The right image as the left eye would see it, by the disparity."""
    height, width = pair.disparity.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(pair.right, x - pair.disparity, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def waves(number: int) -> np.ndarray:
    """A texture whose periods are long against a pixel, and short against half of one's error."""
    y, x = np.mgrid[: textures.SIZE, : textures.SIZE].astype(np.float32)
    rows = [np.sin(x / (3 + c) + number) + np.sin((y + x / 2) / (4 + c) + number) for c in range(3)]
    return (128 + 60 * np.stack(rows, 2)).clip(0, 255).astype(np.float32)


class Scenes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        block = scenes.Block(11)
        # Soft textures: what is left then between an image and the other, moved, is not how grain is interpolated.
        block.tiles = [waves(tile) for tile in range(len(block.tiles))]
        cls.perfect = [block.pair(WIDTH, HEIGHT, perfect=True) for _ in range(12)]

    def test_the_same_seed_gives_the_same_pairs(self):
        first, second, other = (scenes.Block(*key).pair(WIDTH, HEIGHT) for key in ((5, 1), (5, 1), (5, 2)))
        for name in ("left", "right", "disparity", "hidden"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        self.assertTrue((first.left != other.left).any())

    def _off(self, by: float = 0.0) -> np.ndarray:
        """How far the moved right image is from the left one, levels of 255, inside of surfaces: where two meet, a pixel is a
        mixture and has no one disparity."""
        rows = []
        for pair in self.perfect:
            inside = ~pair.hidden & (losses.edges(torch.from_numpy(pair.disparity)[None])[0].numpy() == 0)
            moved = warped(replace(pair, disparity=pair.disparity + np.float32(by)))
            rows.append(np.abs(moved.astype(int) - pair.left).mean(2)[inside])
        return np.concatenate(rows)

    def test_the_right_image_moved_by_the_disparity_is_the_left_one(self):
        off = self._off()
        self.assertLess(np.median(off), 0.5)  # rounding to bytes
        self.assertLess(np.quantile(off, 0.9), 1.1)

    def test_a_disparity_wrong_by_a_quarter_of_a_pixel_would_be_seen(self):
        exact = self._off().mean()
        for wrong in (-0.25, 0.25):
            self.assertGreater(self._off(wrong).mean(), 1.8 * exact)

    def test_hidden_is_what_the_left_truth_alone_says_is_hidden(self):
        for pair in self.perfect:
            # From the left image's disparity alone, as for real pairs; it does not know what only the right eye sees.
            found = pairs.hidden(pair.disparity, np.ones(pair.disparity.shape, bool))
            self.assertGreater((found == pair.hidden).mean(), 0.94)
            outside = np.arange(WIDTH) - pair.disparity < 0
            self.assertTrue(pair.hidden[outside].all())

    def test_disparities_are_in_range_and_of_many_depths(self):
        every = np.concatenate([pair.disparity.ravel() for pair in self.perfect])
        self.assertGreaterEqual(every.min(), 0)
        self.assertLessEqual(every.max(), scenes.LARGEST)
        self.assertGreater(len(np.unique(every.astype(int))), 30)

    def test_every_texture_is_a_tile_of_bytes(self):
        random = np.random.default_rng(3)
        for draw, _ in textures.KINDS:
            tile = draw(random)
            self.assertEqual(tile.shape, (textures.SIZE, textures.SIZE, 3))
            self.assertTrue(np.isfinite(tile).all())


class Feeding(unittest.TestCase):
    def test_a_training_that_goes_on_sees_what_it_would_have_seen(self):
        feeds = feed.Feed(7, 2), feed.Feed(7, 2, 3)
        try:
            for _ in range(3):
                next(feeds[0])
            for _ in range(2):
                first, second = (next(one) for one in feeds)
                for key in first:
                    np.testing.assert_array_equal(first[key], second[key])
        finally:
            for one in feeds:
                one.close()

    def test_a_replay_shows_new_batches_in_order_and_old_ones_between(self):
        seen = [next(replay) for replay in [feed.Replay(iter(range(100)), 3, 1, kept=4)] for _ in range(12)]
        self.assertEqual(seen[::3], [0, 1, 2, 3])
        self.assertTrue(all(old <= seen[i // 3 * 3] for i, old in enumerate(seen)))


class Similarity(unittest.TestCase):
    def test_each_candidate_is_the_product_with_the_pixel_that_far_left(self):
        left, right = torch.randn(2, 2, 5, 3, 40)
        found = nets.similarity(left, right, 16)
        for x in (0, 7, 15, 39):
            for d in range(16):
                want = (left[:, :, 1, x] * right[:, :, 1, x - d]).sum(1) if d <= x else torch.full((2,), nets.OUTSIDE)
                torch.testing.assert_close(found[:, 1, x, 15 - d], want, rtol=1e-4, atol=1e-4)

    def test_its_gradient_is_that_of_the_products(self):
        left, right = (torch.randn(1, 3, 2, 24, requires_grad=True) for _ in range(2))
        weight = torch.randn(1, 2, 24, 8)
        found = nets.similarity(left, right, 8)
        (found * weight)[found > nets.OUTSIDE / 2].sum().backward()
        gradients = left.grad.clone(), right.grad.clone()
        left.grad = right.grad = None
        total = sum(
            ((left[..., d:] * right[..., : 24 - d]).sum(1) * weight[:, :, d:, 7 - d]).sum() for d in range(8)
        )
        total.backward()
        torch.testing.assert_close(gradients[0], left.grad)
        torch.testing.assert_close(gradients[1], right.grad)


def plain_sums(cost: np.ndarray, grey: np.ndarray, options: aggregate.Options) -> np.ndarray:
    """The definition of the eight paths, a pixel at a time."""
    height, width, candidates = cost.shape
    total = np.zeros(cost.shape, int)
    for dy, dx in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)):
        path = np.zeros(cost.shape, int)
        for y in range(height)[:: dy or 1]:
            for x in range(width)[:: dx or 1]:
                here, before = cost[y, x].astype(int), (y - dy, x - dx)
                if not (0 <= before[0] < height and 0 <= before[1] < width):
                    path[y, x] = here
                    continue
                last, change = path[before], abs(float(grey[y, x]) - float(grey[before]))
                large = max(int(options.large * options.soft / (options.soft + change)), options.small + 1)
                for d in range(candidates):
                    ways = [last[d], last.min() + large]
                    ways += [last[k] + options.small for k in (d - 1, d + 1) if 0 <= k < candidates]
                    path[y, x, d] = here[d] + min(ways) - last.min()
        total += path - path.min(2, keepdims=True)
    return total


class Aggregation(unittest.TestCase):
    def setUp(self):
        self.random = np.random.default_rng(2)

    def test_sums_along_paths_are_as_defined(self):
        cost = self.random.integers(0, 101, (7, 9, 12)).astype(np.uint8)
        grey = self.random.integers(0, 256, (7, 9)).astype(np.uint8)
        options = replace(aggregate.DEFAULT, small=10, large=60)
        np.testing.assert_array_equal(aggregate.sums(cost, grey, options), plain_sums(cost, grey, options))

    def test_learned_costs_are_nats_below_the_likeliest_or_none(self):
        left, right = (2 * self.random.standard_normal((2, 4, 3, 80))).astype(np.float32)
        made = aggregate.unlikely(left, right)
        for x in (0, 10, 79):
            similar = np.full(nets.CANDIDATES, nets.NONE)
            for d in range(min(x + 1, nets.CANDIDATES)):
                similar[d] = left[:, 2, x] @ right[:, 2, x - d]
            np.testing.assert_allclose(made[2, x], max(similar.max(), nets.NONE) - similar, atol=1e-4)

    def test_the_census_counts_neighbours_that_are_darker_on_one_side_only(self):
        left, right = self.random.integers(0, 256, (2, 12, 80)).astype(np.uint8)
        made = aggregate.census(left, right)
        steps = [(y, x) for y in range(-3, 4) for x in range(-4, 5) if (y, x) != (0, 0)]

        def darker(image, y, x):
            return [image[np.clip(y + v, 0, 11), np.clip(x + u, 0, 79)] < image[y, x] for v, u in steps]

        for y, x, d in ((0, 0, 0), (5, 40, 7), (11, 79, 63), (2, 30, 30)):
            differ = sum(a != b for a, b in zip(darker(left, y, x), darker(right, y, x - d), strict=True))
            self.assertEqual(made[y, x, d], differ + min(abs(int(left[y, x]) - int(right[y, x - d])) // 2, 12))
        self.assertTrue((made[:, 5, 6:] == aggregate.DEFAULT.outside).all())

    def test_costs_are_the_sum_of_both_and_capped(self):
        features = (3 * self.random.standard_normal((2, 4, 3, 80))).astype(np.float32)
        greys = self.random.integers(0, 256, (2, 3, 80)).astype(np.uint8)
        options = aggregate.DEFAULT
        made = aggregate.costs(tuple(features), tuple(greys))
        want = options.scale * aggregate.unlikely(*features) + options.census * aggregate.census(*greys)
        np.testing.assert_array_equal(made, np.rint(np.minimum(want, options.cap)))
        self.assertTrue((made == options.cap).any())

    def test_a_plane_is_found_between_whole_pixels(self):
        x = np.arange(160)
        truth = 20.3 + 0.05 * (x - 80)
        candidates = np.arange(nets.CANDIDATES)
        cost = np.minimum(np.abs(candidates - truth[:, None]) * 25, 100).astype(np.uint8)
        cost = np.repeat(cost[None], 20, 0)
        disparity, confidence = aggregate.choose(aggregate.sums(cost, np.zeros((20, 160), np.uint8)))
        inside = slice(40, 150)
        self.assertTrue((confidence[:, inside] > 0).all())
        self.assertLess(np.abs(disparity - truth)[:, inside].max(), 0.3)

    def test_holes_are_filled_from_behind(self):
        disparity = np.array([[5, 9, 9, 30], [1, 2, 3, 4], [7, 7, 9, 9]], np.float32)
        good = np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 1, 0]], bool)
        want = [[5, 5, 5, 30], [5, 5, 5, 30], [7, 7, 9, 9]]
        np.testing.assert_array_equal(aggregate.fill(disparity, good), want)

    def test_small_regions_are_rejected_and_large_ones_are_not(self):
        disparity = np.full((10, 12), 7, np.float32)
        disparity[2:4, 2:5] = 20  # six pixels
        disparity[:, 8:] = 8.5  # more than a pixel from its neighbours
        confidence = np.ones_like(disparity)
        confidence[9] = 0
        found = aggregate.reject_speckles(disparity, confidence, 7)
        np.testing.assert_array_equal(found > 0, (confidence > 0) & (disparity != 20))
        np.testing.assert_array_equal(aggregate.reject_speckles(disparity, confidence, 6), confidence)

    def test_the_median_drops_what_stands_alone_and_leaves_the_border(self):
        map = np.zeros((5, 6), np.float32)
        map[2, 2] = map[0, 3] = 9
        want = np.zeros_like(map)
        want[0, 3] = 9
        np.testing.assert_array_equal(aggregate.median(map), want)

    def test_options_that_overflow_bytes_are_refused(self):
        with self.assertRaises(ValueError):
            aggregate.sums(np.zeros((2, 2, 4), np.uint8), np.zeros((2, 2), np.uint8), replace(aggregate.DEFAULT, large=200))


class Training(unittest.TestCase):
    def test_goes_on_from_its_checkpoint(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            first = train.Training("cost", 3, 0.02, False, Path(folder))
            first.run(held_back=1)
            second = train.Training("cost", 9, first.spent / 60 + 0.02, True, Path(folder))
            self.assertEqual((second.step, second.seed), (first.step, 3))
            for key, value in first.net.state_dict().items():
                torch.testing.assert_close(second.net.state_dict()[key], value)
            second.run(held_back=1)
            self.assertGreater(second.step, first.step)
            self.assertEqual([point["step"] for point in second.curve], [first.step, second.step])
            learned.load("cost", Path(folder))

    def test_the_rate_rises_falls_and_ends_near_nothing(self):
        rates = [train.rate(1.0, share) for share in np.linspace(0, 1, 101)]
        self.assertEqual(int(np.argmax(rates)), 4)
        self.assertLess(rates[-1], 0.01)


class Refining(unittest.TestCase):
    def test_learns_from_what_aggregation_made_of_pairs(self):
        pairs_seen = [scenes.Block(4).pair(64, 48) for _ in range(2)]
        batch = {key: torch.from_numpy(value) for key, value in feed.Mending()(pairs_seen).items()}
        self.assertEqual({tuple(value.shape) for key, value in batch.items() if key != "image"}, {(2, 1, 48, 64)})
        np.testing.assert_array_equal(batch["truth"][:, 0].numpy(), [pair.disparity for pair in pairs_seen])
        torch.manual_seed(0)
        net = nets.Refine()
        optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
        errors = []
        for turn in range(30):
            loss, _ = losses.refine_loss(net, batch, turn)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            errors.append(float(loss.detach()))
        self.assertLess(np.mean(errors[-5:]), np.mean(errors[:5]))

    def test_gives_maps_of_the_images_size_and_a_probability(self):
        with torch.no_grad():
            disparity, sure = nets.Refine().eval()(torch.rand(1, 3, 48, 64), 60 * torch.rand(1, 1, 48, 64), torch.rand(1, 1, 48, 64))
        self.assertEqual((disparity.shape, sure.shape), ((1, 1, 48, 64),) * 2)
        self.assertTrue(((sure > 0) & (sure < 1)).all())


class Weights(unittest.TestCase):
    def test_the_first_net_finds_the_depth_of_pairs_it_never_saw(self):
        block = scenes.Block(5 * feed.HELD_BACK)
        cost = learned.load("cost")
        ways = [matcher.Matcher(cost), matcher.Matcher(cost, options=replace(aggregate.DEFAULT, scale=0.0, census=1.0))]
        wrong = [[], []]
        for _ in range(8):
            pair = block.pair(208, 144)
            for off, way in zip(wrong, ways, strict=True):
                off.append((np.abs(way(pair.left, pair.right)[0] - pair.disparity) > 3).mean())
        self.assertLess(np.mean(wrong[0]), 0.9 * np.mean(wrong[1]))  # of what is wrong without what was learned

    def test_they_say_how_they_were_made_and_are_small(self):
        for name in learned.NETS:
            if (learned.FOLDER / f"{name}.pt").is_file():
                about = json.loads((learned.FOLDER / f"{name}.json").read_text())
                net = learned.load(name)
                self.assertEqual(about["parameters"], sum(parameter.numel() for parameter in net.parameters()))
                self.assertLess(about["parameters"], 500_000)
                self.assertGreater(about["minutes"], 0)
        self.assertLess(sum(path.stat().st_size for path in learned.FOLDER.iterdir()), 4 << 20)


class Recorded(unittest.TestCase):
    def test_metres_become_a_png_of_millimetres(self):
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "data.npz"
            np.savez(archive, depth=np.array([[0.0004, 0.0006, 1.2344], [np.nan, np.inf, 70.0]], np.float32))
            depth_image.write(archive)
            with Image.open(Path(folder) / "depth.png") as image:
                self.assertEqual(np.asarray(image).tolist(), [[0, 1, 1234], [0, 0, 0]])

    def test_a_pair_may_be_squeezed(self):
        left = right = np.zeros((20, 40, 3), np.uint8)
        pair = pairs._scaled("pair", left, right, np.full((20, 40), 8, np.float32), 20, 16)
        self.assertEqual((pair.left.shape, pair.disparity.shape, float(pair.disparity[0, 0])), ((16, 20, 3), (16, 20), 4))


if __name__ == "__main__":
    unittest.main()
