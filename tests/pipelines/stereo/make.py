"""Makes what test_calibration.c reads, with OpenCV (not needed to run the tests): python make.py FOLDER, the folder being
usr/share/doc/opencv-doc/examples/data of Debian's opencv-doc 4.6.0. Its chessboards are the input of OpenCV's stereo_calib
sample; the package has no extrinsics of them, so they are calibrated here, as the sample does.

corners.txt: a pair of corners a line, left x y, right x y, in pixels as OpenCV counts them.
intrinsics.yml, extrinsics.yml: as the sample writes them. fisheye.txt: points through OpenCV's fisheye model.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

BOARD = (9, 6)
SQUARE = 0.025  # metres
HERE = Path(__file__).parent


def corners(path):
    image = cv2.imread(str(path), 0)
    found, at = cv2.findChessboardCorners(image, BOARD, flags=cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE)
    if not found:
        return None
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 30, 0.01)
    return cv2.cornerSubPix(image, at, (11, 11), (-1, -1), criteria).reshape(-1, 2)


def main(folder):
    lefts, rights = [], []
    for left in sorted(folder.glob("left[0-9][0-9].jpg")):
        pair = corners(left), corners(folder / left.name.replace("left", "right"))
        if all(p is not None for p in pair):
            lefts.append(pair[0])
            rights.append(pair[1])
    board = np.zeros((BOARD[0] * BOARD[1], 3), np.float32)
    board[:, :2] = np.mgrid[: BOARD[0], : BOARD[1]].T.reshape(-1, 2) * SQUARE
    size = (640, 480)
    points = [board] * len(lefts)
    start = [cv2.initCameraMatrix2D(points, side, size) for side in (lefts, rights)]
    flags = cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_ZERO_TANGENT_DIST | cv2.CALIB_USE_INTRINSIC_GUESS
    flags |= cv2.CALIB_SAME_FOCAL_LENGTH | cv2.CALIB_FIX_K3
    criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-5)
    zero = np.zeros(5)
    rms, m1, d1, m2, d2, r, t, _, _ = cv2.stereoCalibrate(
        points, lefts, rights, start[0], zero, start[1], zero.copy(), size, criteria=criteria, flags=flags
    )
    r1, r2, p1, p2, q = cv2.stereoRectify(m1, d1, m2, d2, size, r, t, flags=cv2.CALIB_ZERO_DISPARITY, alpha=0)[:5]
    print(f"{len(lefts)} pairs, reprojection error {rms:.3f}")
    for name, values in {
        "intrinsics.yml": {"M1": m1, "D1": d1.reshape(1, -1), "M2": m2, "D2": d2.reshape(1, -1)},
        "extrinsics.yml": {"R": r, "T": t.reshape(3, 1), "R1": r1, "R2": r2, "P1": p1, "P2": p2, "Q": q},
    }.items():
        file = cv2.FileStorage(str(HERE / name), cv2.FILE_STORAGE_WRITE)
        for key, value in values.items():
            file.write(key, value)
        file.release()
    # As OpenCV 4 writes it; 5 writes a proper directive, which extrinsics.yml keeps.
    text = (HERE / "intrinsics.yml").read_text()
    (HERE / "intrinsics.yml").write_text("%YAML:1.0\n" + text.split("\n", 1)[1])
    with open(HERE / "corners.txt", "w") as file:
        for a, b in zip(np.concatenate(lefts), np.concatenate(rights)):
            file.write(f"{a[0]:.3f} {a[1]:.3f} {b[0]:.3f} {b[1]:.3f}\n")
    fisheye(m1)


def fisheye(matrix):
    """Rays, and where cv2.fisheye shows them."""
    k = np.array([-0.03, 0.012, -0.006, 0.001])
    rays = np.random.default_rng(5).uniform(-1.2, 1.2, (40, 1, 2))
    shown = cv2.fisheye.distortPoints(rays, matrix, k)
    with open(HERE / "fisheye.txt", "w") as file:
        for ray, at in zip(rays[:, 0], shown[:, 0]):
            file.write(f"{ray[0]:.9f} {ray[1]:.9f} {at[0]:.6f} {at[1]:.6f}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
