#!/usr/bin/env python3
"""Write pipelines/unicode_ranges.inc: which code points are letters, numbers and white space, as the pre-tokenizers of
language models ask. Run again only for a newer Unicode: tools/unicode_ranges.py > pipelines/unicode_ranges.inc"""

import sys
import unicodedata


def ranges(member) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for code in range(sys.maxunicode + 1):
        if not member(chr(code)):
            continue
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


def main() -> None:
    spaces = set(map(chr, [*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000]))
    print(f"/* Made by tools/unicode_ranges.py from Unicode {unicodedata.unidata_version}. Do not edit. */")
    for name, member in (("letters", lambda c: unicodedata.category(c)[0] == "L"),
                         ("numbers", lambda c: unicodedata.category(c)[0] == "N"),
                         ("spaces", lambda c: c in spaces)):
        print(f"static const struct range {name}[] = {{")
        line = "   "
        for first, last in ranges(member):
            item = f" {{0x{first:x}, 0x{last:x}}},"
            if len(line) + len(item) > 100:
                print(line)
                line = "   "
            line += item
        print(line + "\n};")


main()
