"""Pictures of text with a known reading: lines of type, drawn onto photos as they would stand in the world."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

LINES = (
    "Estacionamento", "EXIT", "No parking", "Platform 9", "Mind the gap", "STOP", "Gate B12", "Open 24 hours", "Push",
    "Departures", "Bakery", "Room 407", "Caution: wet floor", "Ticket office", "Speed limit 50", "Do not enter",
    "Museum of Art", "Lift", "Arrivals 10:45", "Emergency exit", "Coffee 3.50", "Main Street", "Pharmacy", "Taxi",
)  # fmt: skip


def strip(text: str, height: int, width: int, number: int) -> np.ndarray:
    """One line, `height` x `width`, RGB bytes: scaled to the height, grey behind what it does not fill. `number` varies
    the colours and the blur."""
    font = ImageFont.load_default(size=height * 0.62)
    left, top, right, bottom = font.getbbox(text)
    dark, light = ((20 + 5 * (number % 7),) * 3, (235 - 9 * (number % 5), 238, 240 - 13 * (number % 3)))
    ink, paper = (dark, light) if number % 3 else (light, (30, 60 + 10 * (number % 4), 120))
    picture = Image.new("RGB", (int(right - left) + height // 2, height), paper)
    place = (height / 4 - left, (height - (bottom - top)) / 2 - top)
    ImageDraw.Draw(picture).text(place, text, ink, font)
    picture = picture.filter(ImageFilter.GaussianBlur(0.3 * (number % 3)))
    if picture.width > width:
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    result = np.full((height, width, 3), 127, np.uint8)
    result[:, : picture.width] = np.asarray(picture)
    return result


def scene(photo: np.ndarray, size: int, number: int) -> np.ndarray:
    """A photo, `size` x `size`, RGB bytes, with three lines on it, tilted a little."""
    picture = Image.fromarray(photo).resize((size, size), Image.Resampling.BILINEAR)
    for row in range(3):
        text = LINES[(3 * number + row) % len(LINES)]
        board = Image.fromarray(strip(text, size // 9, size // 2, number + row)).convert("RGBA")
        board = board.rotate((number % 5 - 2) * 3, Image.Resampling.BILINEAR, expand=True)
        picture.paste(board, (size // 16 + 11 * (number % 9), size // 16 + row * size * 5 // 16), board)
    return np.asarray(picture)
