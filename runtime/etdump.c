/* Why: events come one by one, but in a FlatBuffer a list is written in one piece. So events are
 * kept until the dump is finished. */
#include "runtime/etdump.h"

#include "base/arena.h"
#include "runtime/executor/strided.h"
#include "runtime/flatbuffer_writer.h"

#include <stdlib.h>
#include <string.h>

/* The schema's numbers. */
enum { ETDUMP_VERSION = 0, EVENT_PROFILE = 0, EVENT_DEBUG = 2, VALUE_TENSOR = 5 };

struct event {
    struct event *next;
    const char *name, *part;
    int32_t instruction;
    int64_t start_ns, end_ns;
    bool is_tensor, is_output;
    struct prt_tensor tensor;
    uint64_t offset; /* into the debug buffer */
};

struct run {
    struct run *next;
    const char *name;
    struct event *first, *last;
    uint32_t count;
};

struct prt_etdump {
    struct base_arena arena;
    struct run *first, *last;
    uint32_t count;
    uint8_t *buffer;
    size_t buffer_size, buffer_capacity;
    struct prt_fbw writer;
    bool failed;
};

enum percept_status prt_etdump_create(struct prt_etdump **dump, struct percept_error *error)
{
    struct prt_etdump *created = calloc(1, sizeof *created);
    if (!created)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for an ETDump");
    *dump = created;
    return PERCEPT_OK;
}

void prt_etdump_destroy(struct prt_etdump *dump)
{
    if (!dump)
        return;
    base_arena_reset(&dump->arena);
    prt_fbw_free(&dump->writer);
    free(dump->buffer);
    free(dump);
}

/* ---- taking events in ---- */

static const char *keep(struct prt_etdump *dump, const char *text)
{
    char *copy = text ? base_arena_strndup(&dump->arena, text, strlen(text)) : NULL;
    dump->failed |= text && !copy;
    return copy;
}

void prt_etdump_run(struct prt_etdump *dump, const char *name)
{
    struct run *run = base_arena_alloc(&dump->arena, sizeof *run);
    if (!run) {
        dump->failed = true;
        return;
    }
    run->name = keep(dump, name);
    if (dump->last)
        dump->last->next = run;
    else
        dump->first = run;
    dump->last = run;
    dump->count++;
}

static struct event *add_event(struct prt_etdump *dump, const struct prt_etdump_event *event)
{
    struct event *added = base_arena_alloc(&dump->arena, sizeof *added);
    struct run *run = dump->last;
    if (!added || !run) {
        dump->failed = true;
        return NULL;
    }
    added->name = keep(dump, event->name);
    added->part = keep(dump, event->part);
    added->instruction = event->instruction;
    if (run->last)
        run->last->next = added;
    else
        run->first = added;
    run->last = added;
    run->count++;
    return added;
}

void prt_etdump_time(struct prt_etdump *dump, const struct prt_etdump_event *event,
                     int64_t start_ns, int64_t end_ns)
{
    struct event *added = add_event(dump, event);
    if (added) {
        added->start_ns = start_ns;
        added->end_ns = end_ns;
    }
}

static bool reserve(struct prt_etdump *dump, size_t bytes)
{
    size_t wanted = dump->buffer_size + bytes;
    if (wanted <= dump->buffer_capacity)
        return true;
    size_t capacity = 2 * dump->buffer_capacity > wanted ? 2 * dump->buffer_capacity : wanted;
    uint8_t *grown = realloc(dump->buffer, capacity);
    if (!grown)
        return false;
    dump->buffer = grown;
    dump->buffer_capacity = capacity;
    return true;
}

/* What the Inspector can turn into a torch tensor. */
static bool shown(enum prt_dtype dtype)
{
    return dtype <= PRT_F64 || dtype == PRT_BOOL;
}

void prt_etdump_tensor(struct prt_etdump *dump, const struct prt_etdump_event *event,
                       const struct prt_tensor *spec, const void *data, bool is_output)
{
    size_t bytes;
    if (!shown(spec->dtype) || !prt_tensor_bytes(spec, &bytes))
        return;
    struct event *added = reserve(dump, bytes) ? add_event(dump, event) : NULL;
    if (!added) {
        dump->failed = true;
        return;
    }
    added->is_tensor = true;
    added->is_output = is_output;
    added->tensor = *spec;
    added->offset = dump->buffer_size;
    if (bytes)
        prt_copy_to_row_major(spec, dump->buffer + dump->buffer_size, data);
    dump->buffer_size += bytes;
}

/* ---- writing ---- */

static void link_text(struct prt_fbw *writer, size_t table, unsigned field, const char *text)
{
    if (text)
        prt_fbw_link(writer, table, field, prt_fbw_text(writer, text));
}

static struct prt_fbw_field text_field(const char *text)
{
    return text ? PRT_FBW_OFFSET : PRT_FBW_ABSENT;
}

static size_t write_profile(struct prt_fbw *writer, const struct event *event)
{
    enum { NAME, CHAIN, INSTRUCTION, DELEGATE_INT, DELEGATE_TEXT, METADATA, START, END, FIELDS };
    const struct prt_fbw_field fields[FIELDS] = {
        [NAME] = text_field(event->name),
        [CHAIN] = PRT_FBW_I32(0),
        [INSTRUCTION] = PRT_FBW_I32(event->instruction),
        [DELEGATE_INT] = PRT_FBW_I32(-1),
        [DELEGATE_TEXT] = text_field(event->part),
        [START] = PRT_FBW_U64(event->start_ns),
        [END] = PRT_FBW_U64(event->end_ns),
    };
    size_t table = prt_fbw_table(writer, fields, FIELDS);
    link_text(writer, table, NAME, event->name);
    link_text(writer, table, DELEGATE_TEXT, event->part);
    return table;
}

static size_t write_tensor(struct prt_fbw *writer, const struct event *event)
{
    enum { DTYPE, SIZES, STRIDES, OFFSET, FIELDS };
    const struct prt_tensor *spec = &event->tensor;
    const struct prt_fbw_field fields[FIELDS] = {
        [DTYPE] = PRT_FBW_U8(spec->dtype),
        [SIZES] = PRT_FBW_OFFSET,
        [STRIDES] = PRT_FBW_OFFSET,
        [OFFSET] = PRT_FBW_U64(event->offset),
    };
    int64_t sizes[PRT_MAX_RANK], strides[PRT_MAX_RANK], stride = 1;
    for (unsigned i = spec->rank; i-- > 0;) {
        sizes[i] = spec->sizes[i];
        strides[i] = stride;
        stride *= spec->sizes[i];
    }
    size_t table = prt_fbw_table(writer, fields, FIELDS);
    prt_fbw_link(writer, table, SIZES, prt_fbw_vector(writer, sizes, spec->rank, sizeof *sizes));
    prt_fbw_link(writer, table, STRIDES,
                 prt_fbw_vector(writer, strides, spec->rank, sizeof *strides));
    return table;
}

static size_t write_value(struct prt_fbw *writer, const struct event *event)
{
    enum { KIND, TENSOR, LIST, INT, FLOAT, DOUBLE, BOOL, OUTPUT, FIELDS };
    const struct prt_fbw_field fields[FIELDS] = {
        [KIND] = PRT_FBW_U8(VALUE_TENSOR),
        [TENSOR] = PRT_FBW_OFFSET,
        [OUTPUT] = PRT_FBW_OFFSET,
    };
    const struct prt_fbw_field output = PRT_FBW_U8(event->is_output);
    size_t table = prt_fbw_table(writer, fields, FIELDS);
    prt_fbw_link(writer, table, TENSOR, write_tensor(writer, event));
    prt_fbw_link(writer, table, OUTPUT, prt_fbw_table(writer, &output, 1));
    return table;
}

static size_t write_debug(struct prt_fbw *writer, const struct event *event)
{
    enum { CHAIN, INSTRUCTION, ENTRY, DELEGATE_INT, DELEGATE_TEXT, NAME, FIELDS };
    const struct prt_fbw_field fields[FIELDS] = {
        [CHAIN] = PRT_FBW_U64(0),
        [INSTRUCTION] = PRT_FBW_I32(event->instruction),
        [ENTRY] = PRT_FBW_OFFSET,
        [DELEGATE_INT] = PRT_FBW_I32(-1),
        [DELEGATE_TEXT] = text_field(event->part),
        [NAME] = text_field(event->name),
    };
    size_t table = prt_fbw_table(writer, fields, FIELDS);
    prt_fbw_link(writer, table, ENTRY, write_value(writer, event));
    link_text(writer, table, DELEGATE_TEXT, event->part);
    link_text(writer, table, NAME, event->name);
    return table;
}

static size_t write_event(struct prt_fbw *writer, const struct event *event)
{
    struct prt_fbw_field fields[EVENT_DEBUG + 1] = {PRT_FBW_ABSENT};
    unsigned which = event->is_tensor ? EVENT_DEBUG : EVENT_PROFILE;
    fields[which] = PRT_FBW_OFFSET;
    size_t table = prt_fbw_table(writer, fields, EVENT_DEBUG + 1);
    prt_fbw_link(writer, table, which,
                 event->is_tensor ? write_debug(writer, event) : write_profile(writer, event));
    return table;
}

static size_t write_run(struct prt_fbw *writer, const struct run *run)
{
    enum { NAME, BUNDLED_INPUT, ALLOCATORS, EVENTS, FIELDS };
    const struct prt_fbw_field fields[FIELDS] = {
        [NAME] = text_field(run->name),
        [BUNDLED_INPUT] = PRT_FBW_I32(-1),
        [EVENTS] = PRT_FBW_OFFSET,
    };
    size_t table = prt_fbw_table(writer, fields, FIELDS);
    link_text(writer, table, NAME, run->name);
    size_t list = prt_fbw_vector(writer, NULL, run->count, 4);
    prt_fbw_link(writer, table, EVENTS, list);
    uint32_t index = 0;
    for (const struct event *event = run->first; event; event = event->next)
        prt_fbw_link_item(writer, list, index++, write_event(writer, event));
    return table;
}

enum percept_status prt_etdump_finish(struct prt_etdump *dump, struct prt_etdump_file *etdump,
                                      struct prt_etdump_file *debug_buffer,
                                      struct percept_error *error)
{
    const struct prt_fbw_field fields[] = {PRT_FBW_I32(ETDUMP_VERSION), PRT_FBW_OFFSET};
    struct prt_fbw *writer = &dump->writer;
    prt_fbw_start(writer, "ED00", true);
    size_t root = prt_fbw_table(writer, fields, 2);
    size_t list = prt_fbw_vector(writer, NULL, dump->count, 4);
    prt_fbw_link(writer, root, 1, list);
    uint32_t index = 0;
    for (const struct run *run = dump->first; run; run = run->next)
        prt_fbw_link_item(writer, list, index++, write_run(writer, run));
    if (!prt_fbw_finish(writer) || dump->failed)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for the ETDump");
    *etdump = (struct prt_etdump_file){writer->bytes, writer->size};
    *debug_buffer = (struct prt_etdump_file){dump->buffer, dump->buffer_size};
    return PERCEPT_OK;
}
