/*
 * Reading a recording, from front to back: needs no index, so that a file whose end is missing is
 * read as far as it goes. The file may be anybody's: sizes are believed only as far as there are
 * bytes, and what is kept is bounded.
 */
#include "cli/mcap.h"
#include "cli/recording.h"

#include <stdlib.h>
#include <string.h>

#define RECORD_MOST   ((size_t)256 << 20) /* a chunk of several payloads of up to 64 MiB */
#define TABLE_MOST    256                 /* schemas, and channels */
#define PIECE         65536
#define PAYLOAD_ALIGN 64

struct schema {
    unsigned id; /* 0: no row */
    char *name;
    struct cli_layout *layout; /* NULL: not described */
    json_t *description;       /* likewise */
};

struct channel {
    bool used;
    unsigned id;
    const struct schema *schema; /* NULL: none */
    char *topic;
    bool started;
    uint64_t last; /* sequence */
};

struct recording_reader {
    FILE *file;
    const char *path;
    bool ended, cut_off;
    int64_t utc_ns;
    struct schema schemas[TABLE_MOST];
    struct channel channels[TABLE_MOST];
    unsigned char *record; /* the newest from the file */
    size_t capacity;
    struct mcap_bytes chunk; /* what is left in it, of `record` */
    void *payload;           /* aligned copy of the newest sample */
};

static enum percept_status malformed(const struct recording_reader *reader, const char *what,
                                     struct percept_error *error)
{
    return percept_fail_at(error, PERCEPT_MALFORMED, reader->path, 0, 0,
                           "not a recording, or a damaged one: %s", what);
}

/* ---- bytes of the file ---- */

/* Fewer than asked for: the file has ended, or *status says what else. */
static size_t read_bytes(struct recording_reader *reader, void *bytes, size_t size,
                         enum percept_status *status, struct percept_error *error)
{
    size_t count = fread(bytes, 1, size, reader->file);
    if (count < size && ferror(reader->file))
        *status = percept_fail_at(error, PERCEPT_IO, reader->path, 0, 0, "it can't be read");
    return count;
}

/* The content of a record; memory grows with what is there, not with what is said. */
static enum percept_status read_content(struct recording_reader *reader, uint64_t size,
                                        struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    size_t used = 0;
    if (size > RECORD_MOST)
        return malformed(reader, "a record of a size that none has", error);
    while (used < size) {
        size_t want = size - used < PIECE ? (size_t)size - used : PIECE;
        if (used + want > reader->capacity) {
            size_t capacity = 2 * (used + want);
            unsigned char *more = realloc(reader->record, capacity);
            if (!more)
                return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
            reader->record = more;
            reader->capacity = capacity;
        }
        size_t got = read_bytes(reader, reader->record + used, want, &status, error);
        if (got < want) {
            reader->cut_off = status == PERCEPT_OK;
            return status ? status : percept_fail(error, PERCEPT_END, "the recording is cut off");
        }
        used += want;
    }
    return PERCEPT_OK;
}

/* The next record: of the chunk that is open, else of the file. */
static enum percept_status next_record(struct recording_reader *reader, unsigned *opcode,
                                       struct mcap_bytes *content, struct percept_error *error)
{
    unsigned char head[MCAP_RECORD_BYTES];
    enum percept_status status = PERCEPT_OK;
    if (reader->chunk.size > 0) {
        *opcode = (unsigned)mcap_get_number(&reader->chunk, 1);
        uint64_t size = mcap_get_number(&reader->chunk, 8);
        *content = mcap_get(&reader->chunk, size);
        return reader->chunk.failed
                   ? malformed(reader, "a record goes beyond the end of its chunk", error)
                   : PERCEPT_OK;
    }
    size_t got = read_bytes(reader, head, sizeof head, &status, error);
    if (status)
        return status;
    if (got < sizeof head) { /* a whole one has a DataEnd, which we do not read past */
        reader->cut_off = true;
        return percept_fail(error, PERCEPT_END, "the recording is cut off");
    }
    struct mcap_bytes bytes = {.at = head + 1, .size = sizeof head - 1};
    uint64_t size = mcap_get_number(&bytes, 8);
    *opcode = head[0];
    status = read_content(reader, size, error);
    *content = (struct mcap_bytes){.at = reader->record, .size = (size_t)size};
    return status;
}

/* ---- what the records say ---- */

static char *text_of(struct mcap_bytes bytes)
{
    return strndup(bytes.size ? (const char *)bytes.at : "", bytes.size);
}

static bool is_text(struct mcap_bytes bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.at, text, bytes.size) == 0;
}

static enum percept_status read_description(const struct recording_reader *reader,
                                            struct mcap_bytes text, struct schema *row,
                                            struct percept_error *error)
{
    json_error_t where;
    json_t *description = json_loadb((const char *)text.at, text.size, 0, &where);
    if (!description)
        return malformed(reader, "a description of payloads is no JSON", error);
    struct percept_error why;
    enum percept_status status = cli_layout_parse(description, &row->layout, &why);
    row->description = description;
    return status == PERCEPT_OK
               ? PERCEPT_OK
               : percept_fail_at(error, status, reader->path, 0, 0, "%s", why.message);
}

static struct schema *find_schema(struct recording_reader *reader, unsigned id)
{
    for (size_t i = 0; i < TABLE_MOST; i++)
        if (reader->schemas[i].id == id)
            return &reader->schemas[i];
    return NULL;
}

static enum percept_status on_schema(struct recording_reader *reader, struct mcap_bytes content,
                                     struct percept_error *error)
{
    unsigned id = (unsigned)mcap_get_number(&content, 2);
    struct mcap_bytes name = mcap_get_text(&content), encoding = mcap_get_text(&content),
                      text = mcap_get_text(&content);
    if (content.failed || id == 0)
        return malformed(reader, "a schema that is none", error);
    if (find_schema(reader, id))
        return PERCEPT_OK; /* said once more */
    struct schema *row = find_schema(reader, 0);
    if (!row)
        return percept_fail_at(error, PERCEPT_LIMIT, reader->path, 0, 0, "more than %d schemas",
                               TABLE_MOST);
    if (is_text(encoding, "percept")) {
        enum percept_status status = read_description(reader, text, row, error);
        if (status)
            return status;
    }
    row->name = text_of(name);
    row->id = id;
    return row->name ? PERCEPT_OK : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
}

static struct channel *find_channel(struct recording_reader *reader, unsigned id)
{
    for (size_t i = 0; i < TABLE_MOST && reader->channels[i].used; i++)
        if (reader->channels[i].id == id)
            return &reader->channels[i];
    return NULL;
}

static enum percept_status on_channel(struct recording_reader *reader, struct mcap_bytes content,
                                      struct percept_error *error)
{
    unsigned id = (unsigned)mcap_get_number(&content, 2);
    unsigned schema = (unsigned)mcap_get_number(&content, 2);
    struct mcap_bytes topic = mcap_get_text(&content);
    size_t row = 0;
    if (content.failed || (schema != 0 && !find_schema(reader, schema)))
        return malformed(reader, "a channel that is none, or has no schema", error);
    if (find_channel(reader, id))
        return PERCEPT_OK;
    while (row < TABLE_MOST && reader->channels[row].used)
        row++;
    if (row == TABLE_MOST)
        return percept_fail_at(error, PERCEPT_LIMIT, reader->path, 0, 0, "more than %d topics",
                               TABLE_MOST);
    struct channel *channel = &reader->channels[row];
    channel->topic = text_of(topic);
    channel->id = id;
    channel->schema = schema ? find_schema(reader, schema) : NULL;
    channel->used = channel->topic != NULL;
    return channel->used ? PERCEPT_OK : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
}

static enum percept_status on_chunk(struct recording_reader *reader, struct mcap_bytes content,
                                    struct percept_error *error)
{
    mcap_get(&content, 16); /* times */
    uint64_t size = mcap_get_number(&content, 8);
    uint32_t crc = (uint32_t)mcap_get_number(&content, 4);
    struct mcap_bytes compression = mcap_get_text(&content);
    uint64_t stored = mcap_get_number(&content, 8);
    struct mcap_bytes records = mcap_get(&content, stored);
    if (content.failed)
        return malformed(reader, "a chunk without its records", error);
    if (compression.size > 0)
        return percept_fail_at(error, PERCEPT_UNSUPPORTED, reader->path, 0, 0,
                               "its chunks are compressed, which is not supported");
    if (size != stored || (crc != 0 && mcap_crc32(0, records.at, records.size) != crc))
        return malformed(reader, "a chunk does not fit its checksum", error);
    reader->chunk = records;
    return PERCEPT_OK;
}

static void on_metadata(struct recording_reader *reader, struct mcap_bytes content)
{
    if (!is_text(mcap_get_text(&content), "percept.clock"))
        return;
    struct mcap_bytes map = mcap_get_text(&content);
    while (map.size > 0) {
        struct mcap_bytes key = mcap_get_text(&map), value = mcap_get_text(&map);
        char *text = is_text(key, "utc_minus_monotonic_ns") ? text_of(value) : NULL;
        if (text)
            reader->utc_ns = strtoll(text, NULL, 10);
        free(text);
    }
}

/* The file has 32 bits of a sequence number. It goes down when those were used up, or when the
 * topic began anew, which is from 1. */
static uint64_t extend(const struct channel *channel, uint32_t sequence)
{
    uint32_t last = (uint32_t)channel->last;
    uint64_t upper = channel->last - last;
    if (sequence > last)
        return upper + sequence;
    bool used_up = last > UINT32_MAX / 4 * 3 && sequence < UINT32_MAX / 4;
    return used_up ? upper + ((uint64_t)1 << 32) + sequence : sequence;
}

static enum percept_status on_message(struct recording_reader *reader, struct mcap_bytes content,
                                      struct recording_sample *result, struct percept_error *error)
{
    struct channel *channel = find_channel(reader, (unsigned)mcap_get_number(&content, 2));
    uint64_t sequence = mcap_get_number(&content, 4);
    uint64_t published = mcap_get_number(&content, 8), captured = mcap_get_number(&content, 8);
    if (content.failed || !channel)
        return malformed(reader, "a message of no channel", error);
    free(reader->payload);
    size_t room = content.size - content.size % PAYLOAD_ALIGN + PAYLOAD_ALIGN;
    reader->payload = aligned_alloc(PAYLOAD_ALIGN, room);
    if (!reader->payload)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (content.size)
        memcpy(reader->payload, content.at, content.size);
    sequence = extend(channel, (uint32_t)sequence);
    uint64_t before = sequence > channel->last ? channel->last : 0;
    uint64_t lost = channel->started && sequence > before ? sequence - before - 1 : 0;
    channel->started = true;
    channel->last = sequence;
    *result = (struct recording_sample){
        .topic = channel->topic,
        .schema = channel->schema ? channel->schema->name : "",
        .layout = channel->schema ? channel->schema->layout : NULL,
        .description = channel->schema ? channel->schema->description : NULL,
        .sample = {.data = reader->payload,
                   .size = content.size,
                   .sequence = sequence,
                   .capture_ns = (int64_t)(captured - (uint64_t)reader->utc_ns),
                   .publish_ns = (int64_t)(published - (uint64_t)reader->utc_ns),
                   .lost = lost}};
    return PERCEPT_OK;
}

/* ---- public ---- */

enum percept_status recording_open(FILE *file, const char *path, struct recording_reader **result,
                                   struct percept_error *error)
{
    char magic[MCAP_MAGIC_BYTES];
    struct recording_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    reader->file = file;
    reader->path = path;
    enum percept_status status = PERCEPT_OK;
    if (read_bytes(reader, magic, sizeof magic, &status, error) < sizeof magic ||
        memcmp(magic, MCAP_MAGIC, sizeof magic) != 0)
        status = status ? status : malformed(reader, "it does not begin like one", error);
    if (status) {
        recording_close(reader);
        return status;
    }
    *result = reader;
    return PERCEPT_OK;
}

enum percept_status recording_next(struct recording_reader *reader, struct recording_sample *sample,
                                   struct percept_error *error)
{
    while (!reader->ended) {
        unsigned opcode;
        struct mcap_bytes content;
        bool inside = reader->chunk.size > 0;
        enum percept_status status = next_record(reader, &opcode, &content, error);
        if (status)
            return status;
        switch (opcode) {
        case MCAP_MESSAGE:
            return on_message(reader, content, sample, error);
        case MCAP_SCHEMA:
            status = on_schema(reader, content, error);
            break;
        case MCAP_CHANNEL:
            status = on_channel(reader, content, error);
            break;
        case MCAP_CHUNK:
            status = inside ? malformed(reader, "a chunk inside of a chunk", error)
                            : on_chunk(reader, content, error);
            break;
        case MCAP_METADATA:
            on_metadata(reader, content);
            break;
        case MCAP_DATA_END:
            reader->ended = !inside;
            break;
        case 0:
            status = malformed(reader, "a record of no kind", error);
            break;
        default: /* what we have no use for */
            break;
        }
        if (status)
            return status;
    }
    return percept_fail(error, PERCEPT_END, "the recording has ended");
}

bool recording_cut_off(const struct recording_reader *reader)
{
    return reader->cut_off;
}

void recording_close(struct recording_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < TABLE_MOST; i++) {
        free(reader->schemas[i].name);
        cli_layout_free(reader->schemas[i].layout);
        json_decref(reader->schemas[i].description);
        free(reader->channels[i].topic);
    }
    free(reader->record);
    free(reader->payload);
    free(reader);
}
