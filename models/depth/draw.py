"""`python -m models depth-draw`: made-up pairs to look at, and how the nets' errors fell."""

import json
from pathlib import Path

import cv2
import numpy as np

from .. import files
from .learned import FOLDER
from .scenes import Block, Pair

COLUMNS, ROWS = 2, 5
WIDTH, HEIGHT, MARGIN = 720, 260, 46  # of a curve
CURVES = {  # net: key of its curve, what it says, colour
    "cost": (("wrong", "visible pixels whose best candidate is wrong, %", "#c33"), ("nats", "cross-entropy, nats", "#36c")),
    "refine": (("off by 3", "off by more than 3 px, %", "#c33"), ("before", "the same before refining, %", "#999")),
}


def colours(disparity: np.ndarray) -> np.ndarray:
    """Near is red, far is blue."""
    return cv2.applyColorMap(np.clip(disparity * 4, 0, 255).astype(np.uint8), cv2.COLORMAP_TURBO)


def _row(pair: Pair) -> np.ndarray:
    map = colours(pair.disparity)
    map[pair.hidden] //= 3
    return np.hstack([pair.left[..., ::-1], pair.right[..., ::-1], map])


def scenes() -> np.ndarray:
    """Left, right, and disparity, darker where the right eye does not see it."""
    block = Block(1)
    rows = [_row(block.pair()) for _ in range(COLUMNS * ROWS)]
    return np.vstack([np.hstack(rows[i : i + COLUMNS]) for i in range(0, len(rows), COLUMNS)])


def curve(name: str, about: dict) -> str:
    points = about["curve"]
    last = max(point["step"] for point in points)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">']
    parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>')
    bottom, right = HEIGHT - MARGIN, WIDTH - MARGIN
    parts.append(f'<path d="M{MARGIN} 16V{bottom}H{right}" fill="none" stroke="#000"/>')
    for number, (key, says, colour) in enumerate(CURVES[name]):
        most = max(point[key] for point in points)
        at = [(MARGIN + (right - MARGIN) * p["step"] / last, bottom - (bottom - 24) * p[key] / most) for p in points]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        text = f"{says}: {points[0][key]:.2f} to {points[-1][key]:.2f} (the axis ends at {most:.2f})"
        parts.append(f'<text x="{MARGIN + 60}" y="{20 + 16 * number}" fill="{colour}">{text}</text>')
    parts.append(f'<text x="{right}" y="{HEIGHT - 24}" text-anchor="end">{last} steps, {about["minutes"]:g} minutes, seed {about["seed"]}</text>')
    parts.append(f'<text x="{MARGIN}" y="{HEIGHT - 24}">{name}: pairs held back</text></svg>')
    return "\n".join(parts) + "\n"


def draw(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "depth_scenes.jpg"), scenes(), [cv2.IMWRITE_JPEG_QUALITY, 85])
    for name in CURVES:
        if not (FOLDER / f"{name}.json").is_file():
            continue
        files.write(folder / f"depth_curve_{name}.svg", curve(name, json.loads((FOLDER / f"{name}.json").read_text())))
    return 0
