/* Why: see tune.h. Nobody can tell from a device's limits which tile suits it; its clock can. */
#include "backends/vulkan/tune.h"

#include "backends/vulkan/segment.h"
#include "backends/vulkan/vulkan.h"
#include "base/clock.h"
#include "base/hash.h"
#include "runtime/cache/private_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RUNS = 3,            /* of each size, of which the quickest counts */
    MOST_ENTRIES = 4096, /* shapes in a file */
    FIRST_CONSTANT = 12, /* of a size's */
};

/* What is known of a shape. */
struct entry {
    struct base_hash shape;
    uint32_t local, constants[3];
};

struct header {
    char magic[8];
    uint64_t count;
    struct base_hash seal; /* of the file's name, the header with this zeroed and the entries */
};
static const char magic[8] = "PRTSIZE\1";

/* A dispatch that is tried with each of its sizes. */
struct trial {
    struct base_hash shape;
    uint32_t dispatch;
    struct vk_call call;
    int64_t ns[VK_SIZES]; /* the least; 0: not tried */
};

struct vk_tuning {
    const struct vk_device *device;
    const char *folder; /* NULL: none */
    char name[PRT_PRIVATE_NAME];
    int64_t budget_ns;
    struct entry *entries;
    size_t count;
    struct trial *trials;
    size_t trial_count, trial_capacity;
};

/* ---- the file ---- */

static struct base_hash seal_of(const char *name, struct header header, const struct entry *entries)
{
    struct base_hash seal = {0};
    header.seal = seal;
    base_hash_add(&seal, name, strlen(name));
    base_hash_add(&seal, &header, sizeof header);
    base_hash_add(&seal, entries, header.count * sizeof *entries);
    return seal;
}

static void name_file(struct vk_tuning *tuning)
{
    const VkPhysicalDeviceProperties *p = &tuning->device->properties;
    struct base_hash of = {0};
    base_hash_add(&of, p->pipelineCacheUUID,
                  VK_UUID_SIZE); /* of the device and the driver's build */
    base_hash_add(&of, &p->vendorID, sizeof p->vendorID);
    base_hash_add(&of, &p->deviceID, sizeof p->deviceID);
    base_hash_add(&of, &p->driverVersion, sizeof p->driverVersion);
    snprintf(tuning->name, sizeof tuning->name, "vulkan-%016llx%016llx.sizes",
             (unsigned long long)of.words[0], (unsigned long long)of.words[1]);
}

static bool read_all(int file, void *to, size_t size)
{
    return read(file, to, size) == (ssize_t)size;
}

static void load(struct vk_tuning *tuning)
{
    int folder = tuning->folder ? prt_private_folder(tuning->folder) : -1;
    struct stat info;
    int file = folder < 0 ? -1 : prt_private_open(folder, tuning->name, &info);
    struct header header;
    if (file >= 0 && read_all(file, &header, sizeof header) &&
        memcmp(header.magic, magic, sizeof magic) == 0 && header.count <= MOST_ENTRIES &&
        (uint64_t)info.st_size == sizeof header + header.count * sizeof *tuning->entries) {
        struct entry *entries = calloc(header.count + 1, sizeof *entries);
        if (entries && read_all(file, entries, header.count * sizeof *entries)) {
            struct base_hash seal = seal_of(tuning->name, header, entries);
            if (memcmp(&seal, &header.seal, sizeof seal) == 0) {
                tuning->entries = entries;
                tuning->count = header.count;
                entries = NULL;
            }
        }
        free(entries);
    }
    if (file >= 0)
        close(file);
    if (folder >= 0)
        close(folder);
}

static bool write_entries(const void *context, int file)
{
    const struct vk_tuning *tuning = context;
    struct header header = {.count = tuning->count};
    memcpy(header.magic, magic, sizeof magic);
    header.seal = seal_of(tuning->name, header, tuning->entries);
    return prt_private_write(file, &header, sizeof header, 0) &&
           prt_private_write(file, tuning->entries, tuning->count * sizeof *tuning->entries,
                             sizeof header);
}

static void save(const struct vk_tuning *tuning)
{
    int folder = tuning->folder ? prt_private_folder(tuning->folder) : -1;
    if (folder < 0)
        return;
    prt_private_replace(folder, tuning->name, write_entries, tuning);
    close(folder);
}

/* ---- what is known ---- */

struct vk_tuning *vk_tuning_open(const struct vk_device *device, const struct prt_compile *compile)
{
    if (!compile->folder && !compile->tune_ns)
        return NULL;
    struct vk_tuning *tuning = calloc(1, sizeof *tuning);
    if (!tuning)
        return NULL;
    tuning->device = device;
    tuning->folder = compile->folder;
    tuning->budget_ns = device->has_timestamps ? compile->tune_ns : 0;
    name_file(tuning);
    load(tuning);
    return tuning;
}

void vk_tuning_close(struct vk_tuning *tuning)
{
    if (!tuning)
        return;
    free(tuning->entries);
    free(tuning->trials);
    free(tuning);
}

/* All that the time of a call depends on, but its size. */
static struct base_hash shape_of(const struct vk_call *call)
{
    struct base_hash shape = {0};
    const char *name = vk_shader_name(call->shader);
    base_hash_add(&shape, name, strlen(name));
    base_hash_add(&shape, call->constants + 1, (FIRST_CONSTANT - 1) * sizeof *call->constants);
    base_hash_add(&shape, (const char *)call->params + sizeof(uint32_t[8]), call->shape_bytes);
    base_hash_add(&shape, &call->sizes[0].groups[2], sizeof call->sizes[0].groups[2]);
    return shape;
}

static const struct entry *find(const struct vk_tuning *tuning, const struct base_hash *shape)
{
    for (size_t i = 0; tuning && i < tuning->count; i++)
        if (memcmp(&tuning->entries[i].shape, shape, sizeof *shape) == 0)
            return &tuning->entries[i];
    return NULL;
}

static void put_size(struct vk_call *call, const struct vk_size *size)
{
    call->constants[0] = size->local;
    memcpy(call->constants + FIRST_CONSTANT, size->constants, sizeof size->constants);
    memcpy(call->groups, size->groups, sizeof size->groups);
}

bool vk_tuning_settle(const struct vk_tuning *tuning, const struct vk_device *device,
                      struct vk_call *call)
{
    struct base_hash shape = shape_of(call);
    const struct entry *entry = find(tuning, &shape);
    for (unsigned i = 0; entry && i < call->size_count; i++) {
        const struct vk_size *size = &call->sizes[i];
        if (size->local == entry->local &&
            memcmp(size->constants, entry->constants, sizeof size->constants) == 0) {
            put_size(call, size);
            return true;
        }
    }
    unsigned most = call->size_count ? call->size_count : 1; /* callers have some */
    put_size(call, &call->sizes[device->preferred_size % most]);
    return false;
}

/* ---- finding out ---- */

void vk_tuning_note(struct vk_tuning *tuning, const struct prt_segment *segment,
                    const struct vk_call *call)
{
    if (!tuning || !tuning->budget_ns)
        return;
    if (tuning->trial_count == tuning->trial_capacity) {
        size_t capacity = tuning->trial_capacity ? 2 * tuning->trial_capacity : 32;
        struct trial *larger = realloc(tuning->trials, capacity * sizeof *larger);
        if (!larger)
            return; /* one less */
        tuning->trials = larger;
        tuning->trial_capacity = capacity;
    }
    struct trial *trial = &tuning->trials[tuning->trial_count++];
    *trial = (struct trial){
        .shape = shape_of(call), .dispatch = segment->dispatch_count - 1, .call = *call};
}

static bool apply(struct prt_segment *segment, struct trial *trial, unsigned size)
{
    struct vk_dispatch *dispatch = &segment->dispatches[trial->dispatch];
    put_size(&trial->call, &trial->call.sizes[size]);
    if (vk_pipelines_get(segment->device, trial->call.shader, trial->call.constants,
                         trial->call.constant_count, &dispatch->pipeline, NULL) != PERCEPT_OK)
        return false;
    memcpy(dispatch->groups, trial->call.groups, sizeof dispatch->groups);
    segment->is_recorded = false;
    return true;
}

/* Run with each trial's size of this number, if it has so many. */
static bool try_size(const struct vk_tuning *tuning, struct prt_segment *segment, unsigned size,
                     const struct prt_execution *execution)
{
    for (size_t i = 0; i < tuning->trial_count; i++)
        if (size < tuning->trials[i].call.size_count && !apply(segment, &tuning->trials[i], size))
            return false;
    for (int run = 0; run < RUNS; run++) {
        if (prt_vulkan_backend.execute(segment, execution, NULL) != PERCEPT_OK)
            return false;
        for (size_t i = 0; i < tuning->trial_count; i++) {
            struct trial *trial = &tuning->trials[i];
            const struct prt_step_time *time =
                &execution->times[segment->dispatches[trial->dispatch].step];
            int64_t ns = time->end_ns - time->start_ns + 1;
            if (size < trial->call.size_count && (!trial->ns[size] || ns < trial->ns[size]))
                trial->ns[size] = ns;
        }
    }
    return true;
}

static unsigned most_sizes(const struct vk_tuning *tuning)
{
    unsigned most = 0;
    for (size_t i = 0; i < tuning->trial_count; i++)
        if (tuning->trials[i].call.size_count > most)
            most = tuning->trials[i].call.size_count;
    return most;
}

/* Of all dispatches of a shape. The first stays where another is hardly quicker: a measure that is
 * repeated should not have another end. */
static unsigned best_of(const struct vk_tuning *tuning, const struct trial *trial)
{
    int64_t sums[VK_SIZES] = {0};
    for (size_t i = 0; i < tuning->trial_count; i++)
        for (unsigned s = 0; s < trial->call.size_count; s++)
            if (memcmp(&tuning->trials[i].shape, &trial->shape, sizeof trial->shape) == 0)
                sums[s] += tuning->trials[i].ns[s];
    unsigned best = 0;
    for (unsigned s = 1; s < trial->call.size_count; s++)
        if (sums[s] && sums[s] < (best ? sums[best] : sums[0] - sums[0] / 32))
            best = s;
    return best;
}

static void keep_best(struct vk_tuning *tuning, struct prt_segment *segment, unsigned tried)
{
    struct entry *entries = realloc(tuning->entries, (tuning->count + tuning->trial_count + 1) *
                                                         sizeof *tuning->entries);
    if (entries)
        tuning->entries = entries;
    for (size_t i = 0; i < tuning->trial_count; i++) {
        struct trial *trial = &tuning->trials[i];
        unsigned best = best_of(tuning, trial);
        if (!apply(segment, trial, best) || !entries || tried < trial->call.size_count)
            continue;
        segment->tuned++;
        if (find(tuning, &trial->shape) || tuning->count == MOST_ENTRIES)
            continue;
        const struct vk_size *size = &trial->call.sizes[best];
        struct entry *entry = &tuning->entries[tuning->count++];
        *entry = (struct entry){.shape = trial->shape, .local = size->local};
        memcpy(entry->constants, size->constants, sizeof entry->constants);
    }
    save(tuning);
}

/* Memory for all that comes in and goes out, of zeros. */
static void *make_values(const struct prt_segment *segment, void **data)
{
    size_t total = 0;
    for (uint32_t t = 0; t < segment->touched_count; t++)
        total += (segment->roots[segment->touched[t]].bytes + 63) / 64 * 64;
    unsigned char *memory = calloc(total + 1, 1), *at = memory;
    for (uint32_t t = 0; t < segment->touched_count && memory; t++) {
        data[segment->touched[t]] = at;
        at += (segment->roots[segment->touched[t]].bytes + 63) / 64 * 64;
    }
    return memory;
}

void vk_tuning_run(struct vk_tuning *tuning, struct prt_segment *segment)
{
    if (!tuning || !tuning->trial_count)
        return;
    void **data = calloc((size_t)segment->graph->value_count + 1, sizeof *data);
    struct prt_step_time *times = calloc((size_t)segment->node_count + 1, sizeof *times);
    void *memory = data && times ? make_values(segment, data) : NULL;
    struct prt_execution execution = {.data = data, .times = times};
    if (memory) {
        int64_t end_ns = base_clock_ns() + tuning->budget_ns;
        unsigned tried = 0, sizes = most_sizes(tuning);
        while (tried < sizes && base_clock_ns() < end_ns &&
               try_size(tuning, segment, tried, &execution))
            tried++;
        keep_best(tuning, segment, tried);
        /* The host's memory was not the device's; a model's may be. */
        vk_buffer_destroy(segment->device, &segment->own);
        vk_buffer_destroy(segment->device, &segment->staging);
    }
    free(memory);
    free(times);
    free(data);
}
