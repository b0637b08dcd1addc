"""Sound as numpy arrays: 16 kHz WAV files, and the log-mel picture that Whisper looks at."""

import wave
from pathlib import Path

import numpy as np

RATE = 16000
WINDOW, HOP, BANDS = 400, 160, 80
CHUNK = 30 * RATE


def read_wav(path: Path) -> np.ndarray:
    """Samples in -1..1 of a 16-bit mono file at 16 kHz."""
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"{path.name}: not 16 kHz, mono, 16 bit")
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def _mel(hertz: np.ndarray) -> np.ndarray:
    """Slaney's scale: linear below 1 kHz, logarithmic above."""
    high = np.maximum(hertz, 1000.0)
    return np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(high / 1000) * 27 / np.log(6.4))


def mel_filters() -> np.ndarray:
    """Triangles over the 201 frequencies of a window, [80, 201], each of area 1."""
    hertz = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    marks = np.linspace(0, _mel(np.array(RATE / 2.0)), BANDS + 2)
    edges = np.where(marks < 15, marks * 200 / 3, 1000 * np.exp((marks - 15) * np.log(6.4) / 27))
    rise = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    return np.maximum(0, np.minimum(rise, fall)) * (2 / (edges[2:] - edges[:-2]))[:, None]


def log_mel(samples: np.ndarray) -> np.ndarray:
    """float32 [1, 80, 3000] of at most 30 s: power in 80 bands every 10 ms, as log10, the top 8 decades brought to about
    -1..1. Silence fills what is missing."""
    padded = np.pad(samples[:CHUNK].astype(np.float64), (0, CHUNK - min(len(samples), CHUNK)))
    padded = np.pad(padded, WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: CHUNK : HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    log = np.log10(np.maximum(power @ mel_filters().T, 1e-10))
    log = np.maximum(log, log.max() - 8)
    return np.ascontiguousarray(((log + 4) / 4).T.astype(np.float32)[None])
