#include "cli/mcap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What the polynomial makes of a byte that 0 to 7 others follow: eight bytes at a time, so that a
 * recorder of large images spends its time on the disk. */
static uint32_t crc_of[8][256];
static pthread_once_t crc_made = PTHREAD_ONCE_INIT;

static void make_crc(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
        crc_of[0][byte] = crc;
    }
    for (int i = 1; i < 8; i++)
        for (int byte = 0; byte < 256; byte++)
            crc_of[i][byte] = crc_of[i - 1][byte] >> 8 ^ crc_of[0][crc_of[i - 1][byte] & 255];
}

uint32_t mcap_crc32(uint32_t crc, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    pthread_once(&crc_made, make_crc);
    crc = ~crc;
    for (; size >= 8; size -= 8, bytes += 8) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        word ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= crc_of[7 - i][word >> 8 * i & 255];
    }
    for (; size > 0; size--, bytes++)
        crc = crc >> 8 ^ crc_of[0][(crc ^ *bytes) & 255];
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
