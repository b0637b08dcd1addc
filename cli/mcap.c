#include "cli/mcap.h"

#include <stdlib.h>
#include <string.h>

uint32_t mcap_crc32(uint32_t crc, const void *data, size_t size)
{
    /* Four bits at a time: what the polynomial makes of each value of them. */
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const unsigned char *bytes = data;
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc = table[(crc ^ bytes[i]) & 15] ^ (crc >> 4);
        crc = table[(crc ^ (bytes[i] >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

void mcap_put(struct mcap_buffer *buffer, const void *data, size_t size)
{
    if (buffer->failed || size == 0)
        return;
    if (size > buffer->capacity - buffer->size) {
        size_t capacity = 2 * (buffer->size + size);
        unsigned char *bytes = realloc(buffer->bytes, capacity);
        if (!bytes) {
            buffer->failed = true;
            return;
        }
        buffer->bytes = bytes;
        buffer->capacity = capacity;
    }
    memcpy(buffer->bytes + buffer->size, data, size);
    buffer->size += size;
}

static void set_number(unsigned char *at, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

void mcap_put_number(struct mcap_buffer *buffer, uint64_t value, unsigned bytes)
{
    unsigned char text[8];
    set_number(text, value, bytes);
    mcap_put(buffer, text, bytes);
}

void mcap_put_text(struct mcap_buffer *buffer, const char *text)
{
    size_t size = strlen(text);
    mcap_put_number(buffer, size, 4);
    mcap_put(buffer, text, size);
}

size_t mcap_begin(struct mcap_buffer *buffer, enum mcap_opcode opcode)
{
    mcap_put_number(buffer, opcode, 1);
    mcap_put_number(buffer, 0, 8);
    return buffer->size;
}

void mcap_end_before(struct mcap_buffer *buffer, size_t began, size_t following)
{
    if (!buffer->failed)
        set_number(buffer->bytes + began - 8, buffer->size - began + following, 8);
}

void mcap_end(struct mcap_buffer *buffer, size_t began)
{
    mcap_end_before(buffer, began, 0);
}

size_t mcap_begin_list(struct mcap_buffer *buffer)
{
    mcap_put_number(buffer, 0, 4);
    return buffer->size;
}

void mcap_end_list(struct mcap_buffer *buffer, size_t began)
{
    if (!buffer->failed)
        set_number(buffer->bytes + began - 4, buffer->size - began, 4);
}

struct mcap_bytes mcap_get(struct mcap_bytes *bytes, uint64_t count)
{
    struct mcap_bytes part = {.at = bytes->at, .size = (size_t)count};
    if (count > bytes->size) {
        bytes->failed = true;
        part.size = bytes->size = 0;
        return part;
    }
    bytes->at += count;
    bytes->size -= (size_t)count;
    return part;
}

uint64_t mcap_get_number(struct mcap_bytes *bytes, unsigned count)
{
    struct mcap_bytes part = mcap_get(bytes, count);
    uint64_t value = 0;
    for (size_t i = 0; i < part.size; i++)
        value |= (uint64_t)part.at[i] << (8 * i);
    return value;
}

struct mcap_bytes mcap_get_text(struct mcap_bytes *bytes)
{
    return mcap_get(bytes, mcap_get_number(bytes, 4));
}
