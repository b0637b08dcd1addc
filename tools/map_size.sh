#!/bin/sh
# Bytes of text and data in a linked program, libc and the compiler's start-up files apart: map_size.sh MAP, the linker's
# (-Wl,-Map=MAP).
awk '
    /^Linker script and memory map/ { counting = 1 }
    /^ \.(text|rodata|data)[^ ]*$/ { section = $1; next } # a long name has the rest on the next line
    counting && /^ \.(text|rodata|data)[^ ]* +0x/ { size = $3; object = $4; section = "" }
    counting && section && /^ +0x/ { size = $2; object = $3; section = "" }
    size && object !~ /^\/usr\// && object ~ /\.o(\))?$/ { print substr(size, 3) }
    { size = "" }' "$1" | while read -r hex; do echo $((0x$hex)); done | awk '{ sum += $1 } END { print sum + 0 }'
