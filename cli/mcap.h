/*
 * The parts of MCAP (a container for timed messages, https://mcap.dev/spec) that recordings use.
 * A record is an opcode, the size of what follows, and that; all numbers are little-endian; a text
 * is its size in 32 bits and its bytes.
 */
#ifndef CLI_MCAP_H
#define CLI_MCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MCAP_MAGIC        "\x89MCAP0\r\n"
#define MCAP_MAGIC_BYTES  8
#define MCAP_RECORD_BYTES 9 /* opcode and size */

enum mcap_opcode {
    MCAP_HEADER = 0x01,
    MCAP_FOOTER = 0x02,
    MCAP_SCHEMA = 0x03,
    MCAP_CHANNEL = 0x04,
    MCAP_MESSAGE = 0x05,
    MCAP_CHUNK = 0x06,
    MCAP_MESSAGE_INDEX = 0x07,
    MCAP_CHUNK_INDEX = 0x08,
    MCAP_STATISTICS = 0x0b,
    MCAP_METADATA = 0x0c,
    MCAP_METADATA_INDEX = 0x0d,
    MCAP_DATA_END = 0x0f,
};

/* The CRC-32 of zlib and Ethernet; goes on from what came before, 0 at first. */
uint32_t mcap_crc32(uint32_t crc, const void *data, size_t size);

/* ---- bytes in the making ---- */

struct mcap_buffer {
    unsigned char *bytes;
    size_t size, capacity;
    bool failed; /* out of memory once: what is in it is of no use */
};

void mcap_put(struct mcap_buffer *buffer, const void *data, size_t size);
void mcap_put_number(struct mcap_buffer *buffer, uint64_t value, unsigned bytes);
void mcap_put_text(struct mcap_buffer *buffer, const char *text);
/* A record whose size is not known yet: what end takes. */
size_t mcap_begin(struct mcap_buffer *buffer, enum mcap_opcode opcode);
void mcap_end(struct mcap_buffer *buffer, size_t began);
/* The same, when so many bytes of the record are to follow from elsewhere. */
void mcap_end_before(struct mcap_buffer *buffer, size_t began, size_t following);
/* The same of a map or an array, whose size in bytes has 32 bits. */
size_t mcap_begin_list(struct mcap_buffer *buffer);
void mcap_end_list(struct mcap_buffer *buffer, size_t began);

/* ---- bytes that came from elsewhere ---- */

struct mcap_bytes {
    const unsigned char *at;
    size_t size;
    bool failed; /* more was asked for than there is: all that was got since is 0 or empty */
};

uint64_t mcap_get_number(struct mcap_bytes *bytes, unsigned count);
/* So many of them as bytes of their own. */
struct mcap_bytes mcap_get(struct mcap_bytes *bytes, uint64_t count);
/* A text: its size in 32 bits, then the bytes, which may be any. */
struct mcap_bytes mcap_get_text(struct mcap_bytes *bytes);

#endif
