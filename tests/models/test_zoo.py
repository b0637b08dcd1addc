"""What the zoo does around torch: pins, downloads, atomic files, and knowing that there is nothing to do."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

from models import export, fetch, files, index, pins
from models.progress import Progress

ROOT = Path(__file__).resolve().parents[2]


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tarball(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Scratch(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class Files(Scratch):
    def test_write_replaces_in_one_step_and_leaves_nothing_behind(self):
        target = self.folder / "deep" / "file"
        files.write(target, b"old")
        with mock.patch("os.replace", side_effect=KeyboardInterrupt), self.assertRaises(KeyboardInterrupt):
            files.write(target, b"new")
        self.assertEqual(target.read_bytes(), b"old")
        self.assertEqual(os.listdir(target.parent), ["file"])
        files.write(target, "new")
        self.assertEqual(target.read_bytes(), b"new")

    def test_matches_needs_the_file_and_its_hash(self):
        target = self.folder / "file"
        self.assertFalse(files.matches(target, digest(b"x")))
        target.write_bytes(b"x")
        self.assertTrue(files.matches(target, digest(b"x")))
        self.assertFalse(files.matches(target, digest(b"y")))


class Fetch(Scratch):
    """A registry that gives what the test says stands in for the network."""

    def setUp(self):
        super().setUp()
        self.downloads, self.target = self.folder / "downloads", self.folder / "member"
        self.content = tarball({"package/a.bin": b"payload"})
        self.calls = 0

    def pin(self, content: bytes) -> pins.Archive:
        return pins.Archive("thing", "test", "thing", "1.0", "MIT", "thing-1.0.tgz", digest(content))

    def serve(self, pin, name="package/a.bin", sha=digest(b"payload"), filename=None):
        def registry(archive, folder):
            self.calls += 1
            (folder / (filename or archive.filename)).write_bytes(self.content)

        with mock.patch.dict(fetch.REGISTRIES, {"test": registry}):
            return fetch.member(pin, name, sha, self.target, self.downloads)

    def test_a_member_is_fetched_once(self):
        self.assertTrue(self.serve(self.pin(self.content)))
        self.assertEqual(self.target.read_bytes(), b"payload")
        self.assertFalse(self.serve(self.pin(self.content)))
        self.assertEqual(self.calls, 1)

    def test_a_damaged_member_is_restored_from_the_archive_at_hand(self):
        self.serve(self.pin(self.content))
        self.target.write_bytes(b"damaged")
        self.assertTrue(self.serve(self.pin(self.content)))
        self.assertEqual((self.target.read_bytes(), self.calls), (b"payload", 1))

    def test_another_archive_than_the_pinned_one_is_refused_and_not_kept(self):
        with self.assertRaisesRegex(fetch.FetchError, "has sha256"):
            self.serve(self.pin(b"another"))
        self.assertEqual(os.listdir(self.downloads), [])
        self.assertFalse(self.target.exists())

    def test_another_member_than_the_pinned_one_is_refused(self):
        with self.assertRaisesRegex(fetch.FetchError, "a.bin has sha256"):
            self.serve(self.pin(self.content), sha=digest(b"another"))
        self.assertFalse(self.target.exists())

    def test_a_member_that_is_not_there_is_named(self):
        with self.assertRaisesRegex(fetch.FetchError, "package/b.bin"):
            self.serve(self.pin(self.content), name="package/b.bin")

    def test_a_file_of_another_name_is_reported(self):
        with self.assertRaisesRegex(fetch.FetchError, "gave.*other.tgz"):
            self.serve(self.pin(self.content), filename="other.tgz")

    def test_a_part_may_be_a_cut_of_a_member(self):
        with mock.patch.dict(fetch.REGISTRIES, {"test": lambda archive, folder: (folder / archive.filename).write_bytes(self.content)}):
            fetch.member(self.pin(self.content), "package/a.bin", digest(b"ylo"), self.target, self.downloads, (2, 5))
        self.assertEqual(self.target.read_bytes(), b"ylo")

    def test_a_wheel_is_read_as_a_zip(self):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("package/a.bin", b"payload")
        self.content = out.getvalue()
        pin = pins.Archive("thing", "test", "thing", "1.0", "MIT", "thing-1.0-any.whl", digest(self.content))
        self.assertTrue(self.serve(pin))

    def test_a_registry_client_that_fails_is_quoted(self):
        with self.assertRaisesRegex(fetch.FetchError, "greet: no such thing"):
            fetch._run([sys.executable, "-c", "import sys; sys.exit('no such thing')"], "greet")


class Pins(unittest.TestCase):
    def test_weights_in_the_repository_are_taken_from_it_and_held_against_their_hash(self):
        part = pins.load().models["depth_cost"].parts[0]
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "net.pt"
            self.assertTrue(fetch.member(part.archive, part.member, part.sha256, target, Path(folder)))
            self.assertEqual(target.read_bytes(), (ROOT / part.member).read_bytes())
            target.unlink()
            with self.assertRaisesRegex(fetch.FetchError, "pinned is"):
                fetch.member(part.archive, part.member, "0" * 64, target, Path(folder))
            self.assertFalse(target.exists())

    def test_every_pin_is_a_hash_and_every_licence_is_stated(self):
        zoo = pins.load()
        self.assertTrue(zoo.models and zoo.media)
        for pin in [*(part for model in zoo.models.values() for part in model.parts), *zoo.media]:
            self.assertRegex(pin.sha256, "^[0-9a-f]{64}$")
            if pin.archive.registry != "repository":  # there is no archive of it
                self.assertRegex(pin.archive.sha256, "^[0-9a-f]{64}$")
            self.assertIn(pin.archive.registry, {*fetch.REGISTRIES, "repository"})
            self.assertTrue(pin.archive.licence)

    def test_every_model_says_what_it_takes_and_gives_and_names_what_exists(self):
        zoo = pins.load()
        folders = {medium.folder for medium in zoo.media}
        for model in zoo.models.values():
            with self.subTest(model.name):
                self.assertTrue(model.input and model.output and model.licence and model.source)
                self.assertTrue((ROOT / "models" / index.family_source(model)).is_file())
                self.assertTrue(set(model.flows) <= set(pins.FLOWS) and set(model.media) <= folders)
                self.assertTrue(set(model.needs) <= set(zoo.models))
        self.assertTrue(set(zoo.default) <= set(zoo.groups))

    def test_one_file_of_originals_has_one_content(self):
        digests = {}
        for model in pins.load().models.values():
            for part in model.parts:
                self.assertEqual(digests.setdefault(part.file, part.sha256), part.sha256, part.file)


class Staleness(Scratch):
    def setUp(self):
        super().setUp()
        self.zoo = pins.load()
        self.names = list(self.zoo.models)
        self.rows = {}
        for model in self.zoo.models.values():
            for flow in model.flows:
                name = index.file_name(model.name, flow)
                (self.folder / name).write_bytes(name.encode())
                (self.folder / f"{name}.case").touch()
                key = index.key(self.zoo, model, flow)
                self.rows[name] = {"file": name, "sha256": digest(name.encode()), "key": key, "cases": [f"{name}.case"]}

    def stale(self):
        return export.stale(self.zoo, self.names, list(pins.FLOWS), self.folder, self.rows)

    def test_nothing_is_stale_when_all_is_there(self):
        self.assertEqual(self.stale(), {})

    def test_a_changed_or_missing_file_is_stale_by_itself(self):
        first, second = index.file_name(self.names[0], "fp32"), index.file_name(self.names[1], "int8")
        (self.folder / first).write_bytes(b"bit flip")
        (self.folder / second).unlink()
        found = {name: list(flows) for name, flows in self.stale().items()}
        self.assertEqual(found, {self.names[0]: ["fp32"], self.names[1]: ["int8"]})

    def test_a_missing_case_makes_its_file_stale(self):
        (self.folder / f"{index.file_name(self.names[0], 'fp32')}.case").unlink()
        self.assertEqual(list(self.stale()), [self.names[0]])

    def test_a_file_of_another_recipe_is_stale(self):
        self.rows[index.file_name(self.names[2], "fp32")]["key"] = "another"
        self.assertEqual(list(self.stale()), [self.names[2]])

    def test_the_index_survives_being_written_and_not_being_an_index(self):
        index.write(self.folder, self.rows)
        self.assertEqual(index.read(self.folder), self.rows)
        for content in ("", "{", "[1, 2]", "{}", '[{"file": "from another version"}]'):
            (self.folder / "index.json").write_text(content)
            self.assertEqual(index.read(self.folder), {})

    def test_the_recipe_is_every_source_that_lowering_imports(self):
        ours = "(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'models')"
        script = f"import sys, models.lower, models.families.hands; print(*{ours}, sep='\\n')"
        result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        imported = {Path(line) for line in result.stdout.split()}
        self.assertEqual(imported, set(index.sources("lower.py", "families/hands.py")))

    def test_the_recipe_of_one_family_leaves_out_the_others(self):
        names = {path.name for path in index.sources("lower.py", "families/hands.py")}
        self.assertIn("hands.py", names)
        self.assertNotIn("ocr.py", names)


class Reporting(Scratch):
    """What the workers of an export report becomes the index at once."""

    def reports(self, *reports):
        queue = mock.Mock()
        queue.get.side_effect = reports
        return export.Reports(queue, Progress(9, io.StringIO()), self.folder, {})

    def row(self, name):
        (self.folder / "cases/fp32").mkdir(parents=True, exist_ok=True)
        case = f"cases/fp32/{name}.json"
        (self.folder / case).write_text(f"{name}\n")
        return {"file": name, "key": "", "sha256": "", "cases": [case]}

    def test_a_file_is_in_the_index_and_the_manifest_before_the_next_is_made(self):
        with self.assertRaises(KeyboardInterrupt):
            self.reports("net: fp32", self.row("net.fp32.pte"), "net: int8", KeyboardInterrupt).run()
        self.assertEqual(list(index.read(self.folder)), ["net.fp32.pte"])
        self.assertEqual((self.folder / "cases/fp32/manifest.jsonl").read_text(), "net.fp32.pte\n")

    def test_an_index_that_cannot_be_written_does_not_stop_the_workers(self):
        reports = self.reports(self.row("a.fp32.pte"), self.row("b.fp32.pte"), None)
        with mock.patch.object(index, "write", side_effect=OSError("disk full")):
            reports.run()
        self.assertEqual(str(reports.error), "disk full")


class CommandLine(Scratch):
    def run_zoo(self, *arguments):
        command = [sys.executable, "-m", "models", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    def test_an_unknown_model_or_flow_is_named_with_what_there_is(self):
        wrong = ((["export", "palm"], "palm"), (["export", "--flows", "fp16"], "fp16"), (["export", "--group", "x"], "x"))
        for arguments, name in wrong:
            result = self.run_zoo(*arguments, "--out", str(self.folder))
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"'{name}'; there are:", result.stderr)
            self.assertEqual(len(result.stderr.splitlines()), 1)

    def test_list_works_before_anything_is_made(self):
        result = self.run_zoo("list", "--json", "--out", str(self.folder))
        table = json.loads(result.stdout)
        self.assertEqual([row["name"] for row in table], list(pins.load().models))
        self.assertTrue(all(row["files"] == [] and row["licence"] for row in table))

    def test_check_says_what_is_missing(self):
        result = self.run_zoo("check", "palm_detection_lite", "--out", str(self.folder))
        self.assertEqual(result.returncode, 1)
        self.assertIn("palm_detection_lite.fp32.pte", result.stderr)

    def test_what_a_group_lacks_is_named_by_check(self):
        result = self.run_zoo("check", "--group", "ocr", "--out", str(self.folder))
        self.assertEqual(result.returncode, 1)
        self.assertIn("text_angle.fp32.pte", result.stderr)
        self.assertNotIn("palm", result.stderr)

    def test_deciding_what_to_do_imports_neither_torch_nor_numpy(self):
        heavy = "[name for name in ('torch', 'numpy') if name in sys.modules]"
        script = f"import sys, models.__main__, models.export, models.media; print({heavy})"
        result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        self.assertEqual(result.stdout.strip(), "[]")


class ProgressBar(unittest.TestCase):
    def test_a_log_gets_one_line_a_step(self):
        stream = io.StringIO()
        progress = Progress(2, stream)
        progress.step("first")
        progress.step("second")
        progress.done("both")
        lines = stream.getvalue().splitlines()
        self.assertEqual([line.split("  ")[-1] for line in lines], ["first", "second", "both"])
        self.assertIn("0/2", lines[0])
        self.assertIn("2/2", lines[2])

    def test_a_terminal_gets_one_line_redrawn(self):
        stream = io.StringIO()
        stream.isatty = lambda: True
        progress = Progress(1, stream)
        progress.step("first")
        progress.done("all")
        self.assertEqual(stream.getvalue().count("\n"), 1)
        self.assertEqual(stream.getvalue().count("\r"), 2)


if __name__ == "__main__":
    unittest.main()
