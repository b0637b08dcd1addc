/*
 * Writing a recording. Samples gather in a chunk in memory; a chunk is written at once, with an
 * index of it, so that the file is readable up to its last chunk at any time. What a reader needs
 * to seek stands at the end and is made from the list of chunks.
 *
 * A thread of its own writes the chunks, in order: a disk that stands still for a while stops who
 * adds samples only when WAITING_BYTES are waiting for it.
 */
#include "cli/mcap.h"
#include "cli/recording.h"
#include "cli/recording_queue.h"

#include "base/clock.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES   ((size_t)4 << 20)
#define CHUNK_NS      BASE_NS_PER_S /* so much is lost at most when the recorder is killed */
#define WAITING_BYTES ((size_t)64 << 20)

struct part { /* of a topic in a chunk */
    uint64_t index_offset, samples, bytes;
};

struct chunk {
    uint64_t offset, record_bytes; /* in the file, of the record */
    uint64_t index_bytes;          /* which follow it */
    uint64_t size;                 /* of what is in it */
    uint64_t first_ns, last_ns;    /* log times */
    struct part parts[RECORDING_TOPICS];
};

/* A chunk in the making, or one that waits for the disk. */
struct making {
    struct chunk chunk;
    struct mcap_buffer data;
    struct mcap_buffer indexes[RECORDING_TOPICS]; /* (log time, offset) of each sample */
};

struct recording_writer {
    int fd;
    char *path;
    int64_t utc_ns;           /* what CLOCK_MONOTONIC lacks to the time of day */
    struct mcap_buffer intro; /* schemas and channels, which stand at the end once more */
    char names[RECORDING_TOPICS][64];
    unsigned topic_count;
    uint64_t metadata_offset, metadata_bytes;
    struct making *making;         /* NULL: nothing has been added since the last one */
    struct recording_queue *queue; /* NULL until there is a chunk */

    /* The thread's while it has something to do (recording_queue_settle). */
    struct chunk *chunks;
    size_t chunk_count, chunk_capacity;
    uint64_t offset;              /* in the file, up to which all is whole */
    bool full;                    /* what failed was for want of room */
    struct percept_error failure; /* a write failed: nothing is added any more */

    atomic_bool failed; /* set with release after `failure`, read with acquire before */
};

static enum percept_status fail_file(const struct recording_writer *writer, int number,
                                     struct percept_error *error)
{
    char text[128];
    return percept_fail_at(error, percept_status_from_errno(number), writer->path, 0, 0, "%s",
                           strerror_r(number, text, sizeof text));
}

/* All of it, or nothing: then the file ends where it did. */
static enum percept_status append(struct recording_writer *writer,
                                  const struct mcap_buffer *const *buffers, size_t count,
                                  struct percept_error *error)
{
    uint64_t end = writer->offset;
    for (size_t i = 0; i < count; i++) {
        if (buffers[i]->failed)
            return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        if (!base_write_all(writer->fd, buffers[i]->bytes, buffers[i]->size)) {
            int number = errno;
            writer->full = number == ENOSPC || number == EDQUOT || number == EFBIG;
            if (ftruncate(writer->fd, (off_t)writer->offset) == 0)
                lseek(writer->fd, (off_t)writer->offset, SEEK_SET);
            return fail_file(writer, number, error);
        }
        end += buffers[i]->size;
    }
    writer->offset = end;
    return PERCEPT_OK;
}

/* ---- the start ---- */

static void put_start(struct recording_writer *writer, struct mcap_buffer *buffer)
{
    char utc[32];
    mcap_put(buffer, MCAP_MAGIC, MCAP_MAGIC_BYTES);
    size_t record = mcap_begin(buffer, MCAP_HEADER);
    mcap_put_text(buffer, "percept");
    mcap_put_text(buffer, "percept " PERCEPT_RELEASE);
    mcap_end(buffer, record);

    writer->metadata_offset = buffer->size;
    record = mcap_begin(buffer, MCAP_METADATA);
    mcap_put_text(buffer, "percept.clock");
    size_t map = mcap_begin_list(buffer);
    snprintf(utc, sizeof utc, "%lld", (long long)writer->utc_ns);
    mcap_put_text(buffer, "utc_minus_monotonic_ns");
    mcap_put_text(buffer, utc);
    mcap_end_list(buffer, map);
    mcap_end(buffer, record);
    writer->metadata_bytes = buffer->size - writer->metadata_offset;
}

enum percept_status recording_create(const char *path, struct recording_writer **result,
                                     struct percept_error *error)
{
    struct timespec now;
    struct recording_writer *writer = calloc(1, sizeof *writer);
    if (!writer || !(writer->path = strdup(path))) {
        free(writer);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    clock_gettime(CLOCK_REALTIME, &now);
    writer->utc_ns = (int64_t)now.tv_sec * BASE_NS_PER_S + now.tv_nsec - base_clock_ns();
    writer->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (writer->fd < 0) {
        enum percept_status status = fail_file(writer, errno, error);
        recording_writer_free(writer);
        return status;
    }
    struct mcap_buffer start = {0};
    const struct mcap_buffer *const all[] = {&start};
    put_start(writer, &start);
    enum percept_status status = append(writer, all, 1, error);
    free(start.bytes);
    if (status) {
        unlink(path);
        recording_writer_free(writer);
        return status;
    }
    *result = writer;
    return PERCEPT_OK;
}

enum percept_status recording_add_topic(struct recording_writer *writer, const char *topic,
                                        const char *schema, const json_t *description,
                                        unsigned *index, struct percept_error *error)
{
    if (writer->topic_count == RECORDING_TOPICS)
        return percept_fail(error, PERCEPT_LIMIT, "a recording has at most %d topics",
                            RECORDING_TOPICS);
    unsigned number = writer->topic_count;
    char *text = description ? json_dumps(description, JSON_COMPACT) : strdup("");
    if (!text)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    struct mcap_buffer records = {0};
    const struct mcap_buffer *const all[] = {&records};
    size_t record = mcap_begin(&records, MCAP_SCHEMA);
    mcap_put_number(&records, number + 1, 2); /* 0 means none */
    mcap_put_text(&records, schema);
    mcap_put_text(&records, description ? "percept" : "");
    mcap_put_text(&records, text);
    mcap_end(&records, record);
    record = mcap_begin(&records, MCAP_CHANNEL);
    mcap_put_number(&records, number, 2);
    mcap_put_number(&records, number + 1, 2);
    mcap_put_text(&records, topic);
    mcap_put_text(&records, "percept");
    mcap_end_list(&records, mcap_begin_list(&records)); /* no metadata */
    mcap_end(&records, record);
    if (writer->queue)
        recording_queue_settle(writer->queue);
    enum percept_status status = append(writer, all, 1, error);
    if (status == PERCEPT_OK) {
        mcap_put(&writer->intro, records.bytes, records.size);
        snprintf(writer->names[number], sizeof writer->names[number], "%s", topic);
        writer->topic_count++;
        *index = number;
    }
    free(records.bytes);
    free(text);
    return status;
}

/* ---- chunks ---- */

static enum percept_status remember_chunk(struct recording_writer *writer,
                                          struct percept_error *error)
{
    if (writer->chunk_count == writer->chunk_capacity) {
        size_t capacity = writer->chunk_capacity ? 2 * writer->chunk_capacity : 64;
        struct chunk *chunks = reallocarray(writer->chunks, capacity, sizeof *chunks);
        if (!chunks)
            return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        writer->chunks = chunks;
        writer->chunk_capacity = capacity;
    }
    return PERCEPT_OK;
}

static void put_chunk_head(const struct making *making, struct mcap_buffer *buffer)
{
    const struct chunk *chunk = &making->chunk;
    size_t record = mcap_begin(buffer, MCAP_CHUNK);
    mcap_put_number(buffer, chunk->first_ns, 8);
    mcap_put_number(buffer, chunk->last_ns, 8);
    mcap_put_number(buffer, making->data.size, 8);
    mcap_put_number(buffer, mcap_crc32(0, making->data.bytes, making->data.size), 4);
    mcap_put_text(buffer, ""); /* not compressed */
    mcap_put_number(buffer, making->data.size, 8);
    mcap_end_before(buffer, record, making->data.size);
}

static void put_message_indexes(struct making *making, uint64_t offset, struct mcap_buffer *buffer)
{
    for (unsigned i = 0; i < RECORDING_TOPICS; i++) {
        struct part *part = &making->chunk.parts[i];
        if (part->samples == 0)
            continue;
        buffer->failed |= making->indexes[i].failed;
        part->index_offset = offset + buffer->size;
        size_t record = mcap_begin(buffer, MCAP_MESSAGE_INDEX);
        mcap_put_number(buffer, i, 2);
        mcap_put_number(buffer, making->indexes[i].size, 4);
        mcap_put(buffer, making->indexes[i].bytes, making->indexes[i].size);
        mcap_end(buffer, record);
    }
}

static void free_making(struct making *making)
{
    if (!making)
        return;
    for (unsigned i = 0; i < RECORDING_TOPICS; i++)
        free(making->indexes[i].bytes);
    free(making->data.bytes);
    free(making);
}

/* On the queue's thread. After a failure no chunk is written any more. */
static void write_chunk(void *context, void *job)
{
    struct recording_writer *writer = context;
    struct making *making = job;
    struct mcap_buffer head = {0}, indexes = {0};
    const struct mcap_buffer *const all[] = {&head, &making->data, &indexes};
    struct chunk *chunk = &making->chunk;
    enum percept_status status = writer->failure.status;
    if (!status) {
        put_chunk_head(making, &head);
        chunk->offset = writer->offset;
        chunk->record_bytes = head.size + making->data.size;
        chunk->size = making->data.size;
        put_message_indexes(making, chunk->offset + chunk->record_bytes, &indexes);
        chunk->index_bytes = indexes.size;
        status = remember_chunk(writer, &writer->failure);
    }
    if (!status)
        status = append(writer, all, sizeof all / sizeof all[0], &writer->failure);
    if (!status)
        writer->chunks[writer->chunk_count++] = *chunk;
    else
        atomic_store_explicit(&writer->failed, true, memory_order_release);
    free(head.bytes);
    free(indexes.bytes);
    free_making(making);
}

static enum percept_status failure_of(struct recording_writer *writer, struct percept_error *error)
{
    if (!atomic_load_explicit(&writer->failed, memory_order_acquire))
        return PERCEPT_OK;
    return percept_fail_at(error, writer->failure.status, writer->failure.file, 0, 0, "%s",
                           writer->failure.message);
}

enum percept_status recording_flush(struct recording_writer *writer, struct percept_error *error)
{
    enum percept_status status = failure_of(writer, error);
    if (status || !writer->making)
        return status;
    if (!writer->queue)
        status = recording_queue_create(write_chunk, writer, &writer->queue, error);
    if (status)
        return status;
    size_t bytes = writer->making->data.size;
    recording_queue_push(writer->queue, writer->making, bytes, WAITING_BYTES);
    writer->making = NULL;
    return PERCEPT_OK;
}

enum percept_status recording_settle(struct recording_writer *writer, struct percept_error *error)
{
    enum percept_status status = recording_flush(writer, error);
    if (writer->queue)
        recording_queue_settle(writer->queue);
    return status ? status : failure_of(writer, error);
}

enum percept_status recording_add(struct recording_writer *writer, unsigned index,
                                  const struct percept_sample *sample, struct percept_error *error)
{
    uint64_t published = (uint64_t)(sample->publish_ns + writer->utc_ns);
    enum percept_status status = failure_of(writer, error);
    if (!status && writer->making &&
        (writer->making->data.size + sample->size > CHUNK_BYTES ||
         published - writer->making->chunk.first_ns > CHUNK_NS))
        status = recording_flush(writer, error);
    if (status)
        return status;
    if (!writer->making) {
        writer->making = calloc(1, sizeof *writer->making);
        if (!writer->making)
            return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        writer->making->chunk.first_ns = writer->making->chunk.last_ns = published;
    }
    struct chunk *chunk = &writer->making->chunk;
    struct mcap_buffer *data = &writer->making->data, *list = &writer->making->indexes[index];
    chunk->first_ns = published < chunk->first_ns ? published : chunk->first_ns;
    chunk->last_ns = published > chunk->last_ns ? published : chunk->last_ns;
    mcap_put_number(list, published, 8);
    mcap_put_number(list, data->size, 8);
    size_t record = mcap_begin(data, MCAP_MESSAGE);
    mcap_put_number(data, index, 2);
    mcap_put_number(data, sample->sequence, 4);
    mcap_put_number(data, published, 8);
    mcap_put_number(data, (uint64_t)(sample->capture_ns + writer->utc_ns), 8);
    mcap_put(data, sample->data, sample->size);
    mcap_end(data, record);
    chunk->parts[index].samples++;
    chunk->parts[index].bytes += sample->size;
    return PERCEPT_OK;
}

/* ---- the end ---- */

static void put_chunk_indexes(const struct recording_writer *writer, struct mcap_buffer *buffer)
{
    for (size_t i = 0; i < writer->chunk_count; i++) {
        const struct chunk *chunk = &writer->chunks[i];
        size_t record = mcap_begin(buffer, MCAP_CHUNK_INDEX);
        mcap_put_number(buffer, chunk->first_ns, 8);
        mcap_put_number(buffer, chunk->last_ns, 8);
        mcap_put_number(buffer, chunk->offset, 8);
        mcap_put_number(buffer, chunk->record_bytes, 8);
        size_t map = mcap_begin_list(buffer);
        for (unsigned t = 0; t < writer->topic_count; t++)
            if (chunk->parts[t].samples > 0) {
                mcap_put_number(buffer, t, 2);
                mcap_put_number(buffer, chunk->parts[t].index_offset, 8);
            }
        mcap_end_list(buffer, map);
        mcap_put_number(buffer, chunk->index_bytes, 8);
        mcap_put_text(buffer, "");
        mcap_put_number(buffer, chunk->size, 8);
        mcap_put_number(buffer, chunk->size, 8);
        mcap_end(buffer, record);
    }
}

/* What is in the chunks: the row of each topic, and the times of all. */
static void count_samples(const struct recording_writer *writer, struct recording_topic *topics,
                          uint64_t *first_ns, uint64_t *last_ns)
{
    *first_ns = writer->chunk_count ? UINT64_MAX : 0;
    *last_ns = 0;
    for (unsigned t = 0; t < writer->topic_count; t++) {
        topics[t] = (struct recording_topic){0};
        snprintf(topics[t].name, sizeof topics[t].name, "%s", writer->names[t]);
    }
    for (size_t i = 0; i < writer->chunk_count; i++) {
        const struct chunk *chunk = &writer->chunks[i];
        *first_ns = chunk->first_ns < *first_ns ? chunk->first_ns : *first_ns;
        *last_ns = chunk->last_ns > *last_ns ? chunk->last_ns : *last_ns;
        for (unsigned t = 0; t < writer->topic_count; t++) {
            topics[t].samples += chunk->parts[t].samples;
            topics[t].bytes += chunk->parts[t].bytes;
        }
    }
}

static void put_statistics(const struct recording_writer *writer, struct mcap_buffer *buffer)
{
    struct recording_topic topics[RECORDING_TOPICS];
    uint64_t first_ns, last_ns, samples = 0;
    count_samples(writer, topics, &first_ns, &last_ns);
    for (unsigned t = 0; t < writer->topic_count; t++)
        samples += topics[t].samples;
    size_t record = mcap_begin(buffer, MCAP_STATISTICS);
    mcap_put_number(buffer, samples, 8);
    mcap_put_number(buffer, writer->topic_count, 2); /* schemas */
    mcap_put_number(buffer, writer->topic_count, 4); /* channels */
    mcap_put_number(buffer, 0, 4);                   /* attachments */
    mcap_put_number(buffer, 1, 4);                   /* metadata */
    mcap_put_number(buffer, writer->chunk_count, 4);
    mcap_put_number(buffer, first_ns, 8);
    mcap_put_number(buffer, last_ns, 8);
    size_t map = mcap_begin_list(buffer);
    for (unsigned t = 0; t < writer->topic_count; t++) {
        mcap_put_number(buffer, t, 2);
        mcap_put_number(buffer, topics[t].samples, 8);
    }
    mcap_end_list(buffer, map);
    mcap_end(buffer, record);
}

static enum percept_status write_end(struct recording_writer *writer, struct percept_error *error)
{
    struct mcap_buffer end = {.failed = writer->intro.failed};
    const struct mcap_buffer *const all[] = {&end};
    size_t record = mcap_begin(&end, MCAP_DATA_END);
    mcap_put_number(&end, 0, 4); /* no CRC of all that came before: each chunk has its own */
    mcap_end(&end, record);

    size_t summary = end.size;
    mcap_put(&end, writer->intro.bytes, writer->intro.size);
    put_chunk_indexes(writer, &end);
    record = mcap_begin(&end, MCAP_METADATA_INDEX);
    mcap_put_number(&end, writer->metadata_offset, 8);
    mcap_put_number(&end, writer->metadata_bytes, 8);
    mcap_put_text(&end, "percept.clock");
    mcap_end(&end, record);
    put_statistics(writer, &end);

    size_t footer = mcap_begin(&end, MCAP_FOOTER);
    mcap_put_number(&end, writer->offset + summary, 8);
    mcap_put_number(&end, 0, 8); /* no offsets of the parts of the summary */
    mcap_put_number(&end, 0, 4);
    mcap_end(&end, footer);
    if (!end.failed) { /* of the summary and the footer up to here */
        size_t crc_at = end.size - 4;
        uint32_t crc = mcap_crc32(0, end.bytes + summary, crc_at - summary);
        end.size = crc_at;
        mcap_put_number(&end, crc, 4);
    }
    mcap_put(&end, MCAP_MAGIC, MCAP_MAGIC_BYTES);
    enum percept_status status = append(writer, all, 1, error);
    free(end.bytes);
    return status;
}

enum percept_status recording_finish(struct recording_writer *writer,
                                     struct recording_topic *topics, unsigned *count,
                                     struct percept_error *error)
{
    struct percept_error no_room;
    uint64_t first_ns, last_ns;
    enum percept_status status = recording_settle(writer, error), ended;
    while ((ended = write_end(writer, &no_room)) && writer->full && writer->chunk_count > 0) {
        writer->offset = writer->chunks[--writer->chunk_count].offset;
        if (ftruncate(writer->fd, (off_t)writer->offset) != 0 ||
            lseek(writer->fd, (off_t)writer->offset, SEEK_SET) < 0)
            break;
        /* Samples that were there have gone again: a failure, however it ends. */
        if (!status)
            status = percept_fail_at(error, ended, no_room.file, 0, 0, "%s", no_room.message);
    }
    if (!status && ended)
        status = percept_fail_at(error, ended, no_room.file, 0, 0, "%s", no_room.message);
    if (fsync(writer->fd) != 0 && !status)
        status = fail_file(writer, errno, error);
    count_samples(writer, topics, &first_ns, &last_ns);
    *count = writer->topic_count;
    return status;
}

void recording_writer_free(struct recording_writer *writer)
{
    if (!writer)
        return;
    recording_queue_destroy(writer->queue);
    free_making(writer->making);
    if (writer->fd >= 0)
        close(writer->fd);
    free(writer->intro.bytes);
    free(writer->chunks);
    free(writer->path);
    free(writer);
}
