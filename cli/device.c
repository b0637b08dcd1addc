/* Why: a deployment is written once and runs on many devices; what it costs on each is the
 * device's to say. */
#include "cli/device.h"

#include "pipelines/schema.h"
#include "pipelines/suggest.h"

#include <stdlib.h>
#include <string.h>

struct cli_device {
    struct base_arena arena;
    struct sched_lane lanes[SCHED_MAX_LANES];
    size_t lane_count;
    const struct pipe_tree *costs;
};

struct fields {
    int64_t version;
    const struct pipe_tree *lanes, *segment_ms, *costs;
    double least, jitter;
};

#define MOST_SLOTS 256

struct lane_fields {
    int64_t slots, width;
};

static const struct pipe_param lane_params[] = {
    {.name = "slots",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct lane_fields, slots),
     .required = true,
     .min = 1,
     .max = MOST_SLOTS,
     .help = "jobs at once"},
    {.name = "width",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct lane_fields, width),
     .fallback = 1,
     .min = 1,
     .max = MOST_SLOTS,
     .help = "slots that one job can make use of, while nobody has them"},
    {0},
};

static const struct pipe_param params[] = {
    {.name = "version",
     .kind = PIPE_PARAM_INT,
     .offset = offsetof(struct fields, version),
     .required = true,
     .min = 1,
     .max = 1,
     .help = "of this format: 1"},
    {.name = "lanes",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct fields, lanes),
     .required = true,
     .help = "processor: how many jobs at once, or {slots: jobs, width: slots that one can use}"},
    {.name = "segment_ms",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct fields, segment_ms),
     .help = "processor: after how many milliseconds a job can be put off; default: at its end"},
    {.name = "costs",
     .kind = PIPE_PARAM_MAP,
     .offset = offsetof(struct fields, costs),
     .required = true,
     .help = "pipeline: {processor: milliseconds of a frame at worst}, or a list, one a step"},
    {.name = "least",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct fields, least),
     .fallback = 0.7,
     .max = 1,
     .help = "the cheapest frame, as a share of the worst"},
    {.name = "jitter",
     .kind = PIPE_PARAM_NUMBER,
     .offset = offsetof(struct fields, jitter),
     .fallback = 0.02,
     .max = 10,
     .help = "the latest frame, in periods"},
    {0},
};

static enum percept_status number(const struct pipe_schema_reader *r, const struct pipe_tree *at,
                                  double least, double most, double *out)
{
    char got[128], *end = NULL;
    double value = at->kind == PIPE_TREE_TEXT && !at->quoted ? strtod(at->text, &end) : 0;
    if (!end || end == at->text || *end || !(value >= least && value <= most))
        return pipe_schema_fail(r, at, PERCEPT_MALFORMED, "expected a number from %g to %g, got %s",
                                least, most, pipe_tree_describe(at, got, sizeof got));
    *out = value;
    return PERCEPT_OK;
}

static enum percept_status find_lane(const struct pipe_schema_reader *r,
                                     const struct cli_device *device, const struct pipe_tree *name,
                                     size_t *lane)
{
    char near[128];
    struct pipe_suggest suggest = {.word = name->text};
    for (*lane = 0; *lane < device->lane_count; ++*lane) {
        if (strcmp(device->lanes[*lane].name, name->text) == 0)
            return PERCEPT_OK;
        pipe_suggest_add(&suggest, device->lanes[*lane].name);
    }
    return pipe_schema_fail(r, name, PERCEPT_MALFORMED, "no processor '%.60s' under lanes%s",
                            name->text, pipe_suggest_text(&suggest, near, sizeof near));
}

/* {processor: milliseconds} */
static enum percept_status times(const struct pipe_schema_reader *r,
                                 const struct cli_device *device, const struct pipe_tree *map,
                                 int64_t ns[SCHED_MAX_LANES])
{
    char got[128];
    if (map->kind != PIPE_TREE_MAP)
        return pipe_schema_fail(r, map, PERCEPT_MALFORMED, "expected {processor: ms}, got %s",
                                pipe_tree_describe(map, got, sizeof got));
    for (size_t i = 0; i < map->count; i++) {
        size_t lane;
        double ms = 0;
        enum percept_status status = find_lane(r, device, map->items[i].key, &lane);
        if (status == PERCEPT_OK)
            status = number(r, map->items[i].value, 0, 60000, &ms);
        if (status != PERCEPT_OK)
            return status;
        ns[lane] = (int64_t)(ms * 1e6);
    }
    return PERCEPT_OK;
}

/* A number of slots, or {slots: N, width: N}. */
static enum percept_status read_lane(const struct pipe_schema_reader *r,
                                     const struct pipe_tree *value, struct sched_lane *lane)
{
    double slots = 0, width = 1;
    struct lane_fields fields = {0};
    struct pipe_schema_part part = {lane_params, &fields};
    enum percept_status status;
    if (value->kind != PIPE_TREE_MAP) {
        status = number(r, value, 1, MOST_SLOTS, &slots);
    } else {
        status = pipe_schema_read(r, value, "the processor", &part, 1);
        slots = (double)fields.slots;
        width = (double)fields.width;
    }
    lane->slots = (unsigned)slots;
    lane->width = (unsigned)width;
    return status;
}

static enum percept_status read_lanes(const struct pipe_schema_reader *r, struct cli_device *device,
                                      const struct pipe_tree *map)
{
    if (map->count < 1 || map->count > SCHED_MAX_LANES)
        return pipe_schema_fail(r, map, PERCEPT_LIMIT, "expected 1 to %d processors",
                                SCHED_MAX_LANES);
    for (size_t i = 0; i < map->count; i++) {
        device->lanes[i].name = map->items[i].key->text;
        enum percept_status status = read_lane(r, map->items[i].value, &device->lanes[i]);
        if (status != PERCEPT_OK)
            return status;
    }
    device->lane_count = map->count;
    return PERCEPT_OK;
}

static enum percept_status read(const struct pipe_schema_reader *r, struct cli_device *device,
                                const struct pipe_tree *tree, struct sched_sim_settings *settings)
{
    struct fields fields = {0};
    struct pipe_schema_part part = {params, &fields};
    enum percept_status status = pipe_schema_read(r, tree, "the device", &part, 1);
    if (status == PERCEPT_OK)
        status = read_lanes(r, device, fields.lanes);
    if (status == PERCEPT_OK && fields.segment_ms)
        status = times(r, device, fields.segment_ms, settings->segment_ns);
    if (status != PERCEPT_OK)
        return status;
    memcpy(settings->policy.lanes, device->lanes, sizeof device->lanes);
    settings->policy.lane_count = device->lane_count;
    settings->least = fields.least;
    settings->jitter = fields.jitter;
    device->costs = fields.costs;
    return PERCEPT_OK;
}

enum percept_status cli_device_load(const char *path, struct cli_device **out,
                                    struct sched_sim_settings *settings,
                                    struct percept_error *error)
{
    char *bytes;
    size_t size;
    struct cli_device *device = calloc(1, sizeof *device);
    if (!device)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    device->arena.limit = 4u << 20;
    const struct pipe_schema_reader reader = {.arena = &device->arena, .error = error};
    enum percept_status status = pipe_tree_read_file(path, NULL, &bytes, &size, error);
    if (status == PERCEPT_OK) {
        const struct pipe_tree *tree;
        status = pipe_tree_parse(path, bytes, size, &device->arena, &tree, error);
        if (status == PERCEPT_OK)
            status = read(&reader, device, tree, settings);
        free(bytes);
    }
    if (status != PERCEPT_OK) {
        cli_device_free(device);
        return status;
    }
    *out = device;
    return PERCEPT_OK;
}

void cli_device_free(struct cli_device *device)
{
    if (!device)
        return;
    base_arena_reset(&device->arena);
    free(device);
}

enum percept_status cli_device_costs(const struct cli_device *device, struct sched_task *task,
                                     struct percept_error *error)
{
    const struct pipe_schema_reader reader = {.error = error};
    const struct pipe_tree_item *item = pipe_tree_find(device->costs, task->name);
    if (!item)
        return percept_fail_at(error, PERCEPT_NOT_FOUND, device->costs->file->name,
                               device->costs->line, device->costs->column,
                               "costs: nothing of pipeline '%s'", task->name);
    const struct pipe_tree *of = item->value;
    bool by_step = of->kind == PIPE_TREE_LIST && of->count > 0;
    enum percept_status status = PERCEPT_OK;
    for (size_t step = 0; step < task->step_count && status == PERCEPT_OK; step++) {
        size_t entry = by_step && step >= of->count ? of->count - 1 : step;
        memset(task->steps[step].cost_ns, 0, sizeof task->steps[step].cost_ns);
        status = times(&reader, device, by_step ? of->items[entry].value : of,
                       task->steps[step].cost_ns);
    }
    return status;
}
