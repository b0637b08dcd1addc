/* Why: what a user holds: a method of a program, its states, and the variant of it that runs now.
 */
#include "runtime/prt.h"

#include "base/clock.h"
#include "base/pages.h"
#include "runtime/executor/choice.h"
#include "runtime/executor/kept.h"
#include "runtime/executor/strided.h"
#include "runtime/executor/variant.h"
#include "runtime/program_data.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_VARIANTS = 8 };  /* kept for numbers and sizes that come again */
enum { DATA_TRIES = 4096 }; /* of one run, to find what the data decide: no graph has more of it */

/* A state that is larger, such as a cache of keys and values, has pages of its own: those that
 * nothing was put into yet take no memory. */
enum { LEAST_PAGES = 256 << 10 };

/* A state, shared by all variants. */
struct state {
    uint32_t buffer; /* where the program keeps it */
    uint64_t offset;
    size_t bytes;
    const void *initial; /* NULL: zeros */
    void *memory;
    const struct prt_backend *owner; /* whose memory it is; NULL: the host's */
};

/* A variant and what it was made for, one choice an input of the method. */
struct kept {
    struct prt_variant *variant;
    struct prt_choice *choices;
    uint64_t used; /* when last, by the model's count */
};

struct prt_model {
    const struct prt_program *program; /* NULL: made from a graph, so there is one variant */
    struct prt_model_options options;
    const struct prt_backend *backends[PRT_MAX_BACKENDS + 1]; /* of the options */
    struct prt_variant *now;
    struct kept kept[MAX_VARIANTS];
    unsigned kept_count;
    uint64_t uses;
    struct state *states;
    uint32_t state_count;
};

/* ---- states ---- */

/* Of a graph made by hand, which does not say where its states lie: each is its own. */
#define NO_BUFFER UINT32_MAX

static bool overlaps(const struct state *a, const struct state *b)
{
    return a->buffer == b->buffer && a->buffer != NO_BUFFER && a->offset < b->offset + b->bytes &&
           b->offset < a->offset + a->bytes;
}

static void reset(struct state *state)
{
    if (state->initial && state->bytes)
        memcpy(state->memory, state->initial, state->bytes);
    else
        memset(state->memory, 0, state->bytes);
}

static void free_state(struct state *state)
{
    if (state->owner)
        state->owner->memory_destroy(state->memory, state->bytes);
    else if (state->bytes >= LEAST_PAGES)
        base_pages_free(state->memory, state->bytes);
    else
        free(state->memory);
}

/* Zeroed memory if *zeroed says so: a backend's, whose device then has it at hand, or the host's.
 */
static void take_memory(struct state *state, const struct prt_backend *owner, bool *zeroed)
{
    size_t bytes = (state->bytes / PRT_PLAN_ALIGNMENT + 1) * PRT_PLAN_ALIGNMENT;
    *zeroed = true;
    state->memory = owner ? owner->memory_create(bytes) : NULL;
    state->owner = state->memory ? owner : NULL;
    if (state->memory)
        return;
    *zeroed = state->bytes >= LEAST_PAGES;
    state->memory =
        *zeroed ? base_pages_reserve(state->bytes) : aligned_alloc(PRT_PLAN_ALIGNMENT, bytes);
}

/* The model's state that lies where `wanted` does, made when it is new. */
static enum percept_status find_state(struct prt_model *model, const struct state *wanted,
                                      const struct prt_backend *owner, void **memory,
                                      struct percept_error *error)
{
    for (uint32_t i = 0; i < model->state_count; i++) {
        const struct state *state = &model->states[i];
        if (state->buffer == wanted->buffer && state->offset == wanted->offset &&
            state->bytes == wanted->bytes) {
            *memory = state->memory;
            return PERCEPT_OK;
        }
        if (overlaps(state, wanted))
            return percept_fail(error, PERCEPT_UNSUPPORTED,
                                "a state is a tensor of another size for these inputs");
    }
    struct state *larger =
        realloc(model->states, ((size_t)model->state_count + 1) * sizeof *larger);
    if (!larger)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model's states");
    model->states = larger;
    struct state made = *wanted;
    bool zeroed;
    take_memory(&made, owner, &zeroed);
    if (!made.memory)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for %zu bytes of state",
                            made.bytes);
    if (made.initial || !zeroed)
        reset(&made);
    model->states[model->state_count++] = made;
    *memory = made.memory;
    return PERCEPT_OK;
}

static enum percept_status place_states(struct prt_model *model, struct prt_variant *variant,
                                        struct percept_error *error)
{
    const struct prt_graph *graph = variant->graph;
    for (uint32_t i = 0; i < graph->value_count; i++) {
        const struct prt_value *value = &graph->values[i];
        if (value->kind != PRT_VALUE_TENSOR || !(value->flags & PRT_FLAG_STATE))
            continue;
        struct state wanted = {
            .buffer = NO_BUFFER, .offset = i, .bytes = value->bytes, .initial = value->data};
        for (uint32_t s = 0; s < graph->state_count; s++) {
            if (graph->states[s].value == i) {
                wanted.buffer = graph->states[s].buffer;
                wanted.offset = graph->states[s].offset;
            }
        }
        void *memory;
        enum percept_status status =
            find_state(model, &wanted, variant->memory_backend, &memory, error);
        if (status != PERCEPT_OK)
            return status;
        prt_variant_place_state(variant, i, memory);
    }
    return PERCEPT_OK;
}

/* What a run has computed for its states takes the place of what they were. */
static void commit_states(const struct prt_variant *variant)
{
    const struct prt_graph *graph = variant->graph;
    for (uint32_t i = 0; i < graph->state_count; i++) {
        const struct prt_state *state = &graph->states[i];
        if (state->output == PRT_NO_VALUE)
            continue;
        size_t bytes = graph->values[state->value].bytes;
        /* The plan may have let it change where it lies. */
        if (bytes && variant->data[state->value] != variant->data[graph->outputs[state->output]])
            memcpy(variant->data[state->value], variant->data[graph->outputs[state->output]],
                   bytes);
    }
}

void prt_model_reset_state(struct prt_model *model)
{
    for (uint32_t i = 0; i < model->state_count; i++)
        reset(&model->states[i]);
}

/* ---- making ---- */

static enum percept_status make_model(struct prt_graph *graph,
                                      const struct prt_model_options *options,
                                      struct prt_cache *cache, struct prt_model **model,
                                      struct percept_error *error)
{
    int64_t start = base_clock_ns();
    struct prt_model *made = calloc(1, sizeof *made);
    if (!made)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
    made->options = *options;
    for (unsigned i = 0; i < PRT_MAX_BACKENDS && options->backends[i]; i++)
        made->backends[i] = options->backends[i];
    made->options.backends = made->backends;
    made->options.choices = NULL; /* the caller's, for the first variant only */
    made->options.choice_count = 0;
    enum percept_status status = prt_variant_create(graph, options, cache, &made->now, error);
    if (status == PERCEPT_OK) {
        made->kept[0] = (struct kept){.variant = made->now};
        made->kept_count = 1;
        status = place_states(made, made->now, error);
    }
    if (status != PERCEPT_OK) {
        if (made->now)
            made->now->graph = NULL; /* still the caller's */
        prt_model_destroy(made);
        return status;
    }
    made->now->stats.load_ns = base_clock_ns() - start;
    *model = made;
    return PERCEPT_OK;
}

static enum percept_status check_options(const struct prt_model_options *options,
                                         struct percept_error *error)
{
    return options && options->backends && options->backends[0]
               ? PERCEPT_OK
               : percept_fail(error, PERCEPT_INVALID, "a model needs a list of backends");
}

enum percept_status prt_model_from_graph(struct prt_graph *graph,
                                         const struct prt_model_options *options,
                                         struct prt_model **model, struct percept_error *error)
{
    enum percept_status status = check_options(options, error);
    return status == PERCEPT_OK ? make_model(graph, options, NULL, model, error) : status;
}

enum percept_status prt_model_create(const struct prt_program *program,
                                     const struct prt_model_options *options,
                                     struct prt_model **model, struct percept_error *error)
{
    int64_t start = base_clock_ns();
    struct prt_model *made = NULL;
    enum percept_status status = check_options(options, error);
    if (status != PERCEPT_OK)
        return status;
    struct prt_cache *cache = prt_kept_open(program, options);
    struct prt_graph *graph = prt_kept_find(cache, program, options);
    if (!graph)
        status = prt_program_import_deferred(program, prt_model_method(options), options->choices,
                                             options->choice_count, NULL, 0, &graph, error);
    if (status == PERCEPT_OK && (graph->kept || options->choice_count))
        prt_kept_take_constants(cache, graph);
    if (status == PERCEPT_OK)
        status = make_model(graph, options, cache, &made, error);
    if (status == PERCEPT_OK && !graph->kept)
        prt_kept_add(cache, graph, options);
    prt_kept_close(cache, status == PERCEPT_OK);
    if (status != PERCEPT_OK) {
        prt_graph_destroy(graph);
        return status;
    }
    made->program = program;
    made->kept[0].choices = prt_choices_of(graph);
    if (!made->kept[0].choices) {
        prt_model_destroy(made);
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory for a model");
    }
    made->now->stats.load_ns = base_clock_ns() - start;
    *model = made;
    return PERCEPT_OK;
}

void prt_model_destroy(struct prt_model *model)
{
    if (!model)
        return;
    for (unsigned i = 0; i < model->kept_count; i++) {
        prt_variant_destroy(model->kept[i].variant);
        free(model->kept[i].choices);
    }
    for (uint32_t i = 0; i < model->state_count; i++)
        free_state(&model->states[i]);
    free(model->states);
    free(model);
}

/* ---- numbers and sizes ---- */

/* Tensor inputs keep what the caller wrote when another variant takes over. */
static void carry_inputs(const struct prt_variant *from, const struct prt_variant *to)
{
    for (uint32_t i = 0; i < from->graph->input_count; i++) {
        uint32_t a = from->graph->inputs[i], b = to->graph->inputs[i];
        size_t bytes = from->graph->values[a].bytes;
        if (from->graph->values[a].kind == PRT_VALUE_TENSOR && from->data[a] && to->data[b] &&
            bytes == to->graph->values[b].bytes && bytes)
            memmove(to->data[b], from->data[a], bytes); /* both may lie in one arena */
    }
}

static enum percept_status make_variant(struct prt_model *model, const struct prt_choice *choices,
                                        const int64_t *data_sizes, size_t data_size_count,
                                        struct prt_variant **variant, struct percept_error *error)
{
    struct prt_graph *graph = NULL;
    struct prt_variant *made = NULL;
    int64_t start = base_clock_ns();
    enum percept_status status = prt_program_import_deferred(
        model->program, prt_model_method(&model->options), choices, prt_model_input_count(model),
        data_sizes, data_size_count, &graph, error);
    if (status == PERCEPT_OK) {
        struct prt_cache *cache = prt_kept_open(model->program, &model->options);
        prt_kept_take_constants(cache, graph);
        status = prt_variant_create(graph, &model->options, cache, &made, error);
        prt_kept_close(cache, status == PERCEPT_OK);
    }
    if (status != PERCEPT_OK) {
        prt_graph_destroy(graph);
        return status;
    }
    status = place_states(model, made, error);
    if (status != PERCEPT_OK) {
        prt_variant_destroy(made);
        return status;
    }
    made->stats.load_ns = base_clock_ns() - start;
    *variant = made;
    return PERCEPT_OK;
}

/* A place for one more: a free one, else the one that was not used for longest. */
static struct kept *place_for_variant(struct prt_model *model)
{
    if (model->kept_count < MAX_VARIANTS)
        return &model->kept[model->kept_count++];
    struct kept *oldest = NULL;
    for (unsigned i = 0; i < model->kept_count; i++)
        if (model->kept[i].variant != model->now && (!oldest || model->kept[i].used < oldest->used))
            oldest = &model->kept[i];
    prt_variant_destroy(oldest->variant);
    free(oldest->choices);
    return oldest;
}

static bool same_data_sizes(const struct kept *kept, const int64_t *sizes, size_t count)
{
    const struct prt_graph *graph = kept->variant->graph;
    for (size_t i = 0; i < count && i < graph->data_size_count; i++)
        if (graph->data_sizes[i].size != sizes[i])
            return false;
    return true;
}

/* The variant for these choices and the first sizes that the data tell; of several, the one that
 * ran last. */
static struct kept *find_kept(struct prt_model *model, const struct prt_choice *choices,
                              const int64_t *data_sizes, size_t count)
{
    struct kept *found = NULL;
    for (unsigned i = 0; i < model->kept_count; i++) {
        struct kept *kept = &model->kept[i];
        if (prt_choices_same(choices, kept->choices, prt_model_input_count(model)) &&
            same_data_sizes(kept, data_sizes, count) && (!found || kept->used > found->used))
            found = kept;
    }
    return found;
}

/* Run what these choices ask for from now on. Takes them over. */
static enum percept_status choose(struct prt_model *model, struct prt_choice *choices,
                                  const int64_t *data_sizes, size_t count,
                                  struct percept_error *error)
{
    struct kept *kept = find_kept(model, choices, data_sizes, count);
    if (kept) {
        free(choices);
    } else {
        struct prt_variant *made;
        enum percept_status status = make_variant(model, choices, data_sizes, count, &made, error);
        if (status != PERCEPT_OK) {
            free(choices);
            return status;
        }
        kept = place_for_variant(model);
        *kept = (struct kept){.variant = made, .choices = choices};
    }
    kept->used = ++model->uses;
    if (kept->variant != model->now)
        carry_inputs(model->now, kept->variant);
    model->now = kept->variant;
    return PERCEPT_OK;
}

enum percept_status prt_model_choose(struct prt_model *model, const struct prt_choice *choices,
                                     size_t count, struct percept_error *error)
{
    if (!model->program || count > prt_model_input_count(model))
        return percept_fail(error, PERCEPT_INVALID, "the method has no %zu inputs to choose for",
                            count);
    for (size_t i = 0; i < count; i++) {
        enum percept_status status = prt_choice_check(model->now->graph, i, &choices[i], error);
        if (status != PERCEPT_OK)
            return status;
    }
    struct prt_choice *all = prt_choices_of(model->now->graph);
    if (!all)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct prt_tensor *spec = prt_model_input_spec(model, i);
        prt_choice_apply(&all[i], &choices[i], spec ? spec->rank : 0);
    }
    return choose(model, all, NULL, 0, error);
}

/* One choice, all other inputs as they are. */
static enum percept_status choose_one(struct prt_model *model, size_t index,
                                      const struct prt_choice *choice, struct percept_error *error)
{
    if (!model->program || index >= prt_model_input_count(model))
        return percept_fail(error, PERCEPT_INVALID, "the method has no input %zu to set", index);
    enum percept_status status = prt_choice_check(model->now->graph, index, choice, error);
    if (status != PERCEPT_OK)
        return status;
    struct prt_choice *all = prt_choices_of(model->now->graph);
    if (!all)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    const struct prt_tensor *spec = prt_model_input_spec(model, index);
    prt_choice_apply(&all[index], choice, spec ? spec->rank : 0);
    return choose(model, all, NULL, 0, error);
}

enum percept_status prt_model_set_scalar(struct prt_model *model, size_t index,
                                         struct prt_scalar scalar, struct percept_error *error)
{
    if (scalar.kind == PRT_VALUE_NONE)
        return percept_fail(error, PERCEPT_INVALID, "input %zu is no such number", index);
    return choose_one(model, index, &(struct prt_choice){.number = scalar}, error);
}

enum percept_status prt_model_resize_input(struct prt_model *model, size_t index, unsigned rank,
                                           const int32_t *sizes, struct percept_error *error)
{
    struct prt_choice choice = {.sized = true};
    const struct prt_tensor *spec = prt_model_input_spec(model, index);
    if (spec && spec->rank != rank)
        return percept_fail(error, PERCEPT_INVALID, "input %zu has %u dimensions, not %u", index,
                            spec->rank, rank);
    if (spec)
        memcpy(choice.sizes, sizes, rank * sizeof *sizes);
    return choose_one(model, index, &choice, error);
}

const struct prt_tensor *prt_model_input_bound(const struct prt_model *model, size_t index)
{
    return model->program
               ? prt_program_input_bound(model->program, prt_model_method(&model->options), index)
               : NULL;
}

const struct prt_tensor *prt_model_output_bound(const struct prt_model *model, size_t index)
{
    return model->program
               ? prt_program_output_bound(model->program, prt_model_method(&model->options), index)
               : NULL;
}

struct prt_scalar prt_model_input_scalar(const struct prt_model *model, size_t index)
{
    const struct prt_graph *graph = model->now->graph;
    return prt_choice_scalar(graph, graph->inputs, graph->input_count, index);
}

struct prt_scalar prt_model_output_scalar(const struct prt_model *model, size_t index)
{
    const struct prt_graph *graph = model->now->graph;
    return prt_choice_scalar(graph, graph->outputs, prt_model_output_count(model), index);
}

/* ---- inputs and outputs ---- */

size_t prt_model_input_count(const struct prt_model *model)
{
    return model->now->graph->input_count;
}

size_t prt_model_output_count(const struct prt_model *model)
{
    return model->now->graph->output_count - model->now->graph->hidden_output_count;
}

/* The tensor value at a place of one of the method's two lists, or NULL. */
static const struct prt_value *interface_tensor(const struct prt_model *model, const uint32_t *ids,
                                                uint32_t count, size_t index)
{
    if (index >= count || model->now->graph->values[ids[index]].kind != PRT_VALUE_TENSOR)
        return NULL;
    return &model->now->graph->values[ids[index]];
}

static const struct prt_value *input_at(const struct prt_model *model, size_t index)
{
    return interface_tensor(model, model->now->graph->inputs, model->now->graph->input_count,
                            index);
}

static const struct prt_value *output_at(const struct prt_model *model, size_t index)
{
    return interface_tensor(model, model->now->graph->outputs,
                            (uint32_t)prt_model_output_count(model), index);
}

const struct prt_tensor *prt_model_input_spec(const struct prt_model *model, size_t index)
{
    const struct prt_value *value = input_at(model, index);
    return value ? &value->tensor : NULL;
}

const struct prt_tensor *prt_model_output_spec(const struct prt_model *model, size_t index)
{
    const struct prt_value *value = output_at(model, index);
    return value ? &value->tensor : NULL;
}

void *prt_model_input_data(struct prt_model *model, size_t index)
{
    return input_at(model, index) ? model->now->data[model->now->graph->inputs[index]] : NULL;
}

const void *prt_model_output_data(const struct prt_model *model, size_t index)
{
    return output_at(model, index) ? model->now->data[model->now->graph->outputs[index]] : NULL;
}

static enum percept_status check_copy(const struct prt_value *value, const char *what, size_t index,
                                      size_t size, struct percept_error *error)
{
    if (!value)
        return percept_fail(error, PERCEPT_INVALID, "%s %zu is no tensor of the method", what,
                            index);
    if (size != value->bytes)
        return percept_fail(error, PERCEPT_INVALID, "%s %zu has %zu bytes, not %zu", what, index,
                            value->bytes, size);
    return PERCEPT_OK;
}

enum percept_status prt_model_set_input(struct prt_model *model, size_t index, const void *data,
                                        size_t size, struct percept_error *error)
{
    const struct prt_value *value = input_at(model, index);
    enum percept_status status = check_copy(value, "input", index, size, error);
    if (status == PERCEPT_OK)
        prt_copy_from_row_major(&value->tensor, prt_model_input_data(model, index), data);
    return status;
}

enum percept_status prt_model_get_output(const struct prt_model *model, size_t index, void *data,
                                         size_t size, struct percept_error *error)
{
    const struct prt_value *value = output_at(model, index);
    enum percept_status status = check_copy(value, "output", index, size, error);
    if (status == PERCEPT_OK)
        prt_copy_to_row_major(&value->tensor, data, prt_model_output_data(model, index));
    return status;
}

/* ---- running ---- */

enum percept_status prt_model_run(struct prt_model *model, struct percept_error *error)
{
    return prt_model_run_profiled(model, NULL, error);
}

static enum percept_status run_segments(const struct prt_model *model, struct prt_step_time *times,
                                        const struct prt_backend **failed,
                                        struct percept_error *error)
{
    struct prt_execution execution = {.data = model->now->data,
                                      .scratch = model->now->scratch,
                                      .pool = model->now->pool,
                                      .times = times ? model->now->times : NULL};
    if (times)
        memset(times, 0, model->now->graph->node_count * sizeof *times);
    for (uint32_t i = 0; i < model->now->segment_count; i++) {
        const struct prt_variant_segment *segment = &model->now->segments[i];
        enum percept_status status =
            segment->backend->execute(segment->compiled, &execution, error);
        if (status != PERCEPT_OK) {
            *failed = segment->backend;
            return status;
        }
        for (uint32_t n = 0; times && n < segment->node_count; n++)
            times[segment->nodes[n]] = model->now->times[n];
    }
    return PERCEPT_OK;
}

/* A run ended because a size is not the one that the graph was made for, or a branch: go on with a
 * graph that was. What those before it are is known; those after it are as they were, or as an
 * import takes them to be at first. */
static enum percept_status follow_data(struct prt_model *model, struct percept_error *error)
{
    const struct prt_graph *graph = model->now->graph;
    if (!model->program)
        return percept_fail(error, PERCEPT_INVALID,
                            "the data have other sizes than the only graph there is");
    int64_t *known = calloc(graph->data_size_count, sizeof *known);
    struct prt_choice *choices = prt_choices_of(graph);
    if (!known || !choices) {
        free(known);
        free(choices);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    size_t count = 0;
    for (bool same = true; same && count < graph->data_size_count; count++) {
        const struct prt_data_size *size = &graph->data_sizes[count];
        memcpy(&known[count], model->now->data[graph->outputs[size->output]], sizeof *known);
        same = known[count] == size->size;
    }
    enum percept_status status = choose(model, choices, known, count, error);
    graph = model->now->graph;
    /* A program may state a size that its data then do not have. */
    if (status == PERCEPT_OK && count <= graph->data_size_count &&
        graph->data_sizes[count - 1].size != known[count - 1])
        status =
            percept_fail(error, PERCEPT_INVALID, "a size is %lld, the program states %lld",
                         (long long)known[count - 1], (long long)graph->data_sizes[count - 1].size);
    free(known);
    return status;
}

/* Run until the sizes and branches that the data tell are those of the graph. States stay. */
static enum percept_status run_settled(struct prt_model *model, struct prt_step_time *times,
                                       struct percept_error *error)
{
    /* Each time one more of them is right, and none before it becomes wrong. */
    for (size_t tries = 0; tries <= DATA_TRIES; tries++) {
        bool guesses = model->now->graph->data_size_count > 0;
        const struct prt_backend *failed = NULL;
        enum percept_status status = run_segments(model, times, &failed, error);
        /* Once for each backend: then it is off the list. */
        while (failed && status != PERCEPT_CANCELLED && status != PERCEPT_INVALID) {
            const struct prt_backend *culprit = failed;
            failed = NULL;
            status = prt_variant_fall_back(model->now, culprit, status, error);
            if (status == PERCEPT_OK)
                status = run_segments(model, times, &failed, error);
        }
        if (status != PERCEPT_CANCELLED || !guesses)
            return status;
        status = follow_data(model, error);
        if (status != PERCEPT_OK)
            return status;
        if (times) /* they belong to another graph */
            return percept_fail(error, PERCEPT_CANCELLED,
                                "the data have other sizes than before: run again");
    }
    return percept_fail(error, PERCEPT_INTERNAL, "sizes that the data tell do not settle");
}

enum percept_status prt_model_run_profiled(struct prt_model *model, struct prt_step_time *times,
                                           struct percept_error *error)
{
    enum percept_status status = run_settled(model, times, error);
    if (status == PERCEPT_OK)
        commit_states(model->now);
    return status;
}

enum percept_status prt_model_run_observed(struct prt_model *model, prt_model_observer observer,
                                           void *context, struct percept_error *error)
{
    if (!model->now->observable)
        return percept_fail(error, PERCEPT_INVALID, "the model was not made observable");
    if (model->now->graph->data_size_count) {
        enum percept_status status = run_settled(model, NULL, error);
        if (status != PERCEPT_OK)
            return status;
    }
    const struct prt_execution execution = {
        .data = model->now->data, .scratch = model->now->scratch, .pool = model->now->pool};
    /* A node without a backend has its result where an earlier one put it. */
    uint32_t next = 0;
    for (uint32_t n = 0; n < model->now->graph->node_count; n++) {
        if (model->now->plan.backends[n]) {
            const struct prt_variant_segment *segment = &model->now->segments[next++];
            enum percept_status status =
                segment->backend->execute(segment->compiled, &execution, error);
            if (status != PERCEPT_OK)
                return status;
        }
        observer(context, n, model->now->data[model->now->graph->nodes[n].outputs[0]]);
    }
    commit_states(model->now);
    return PERCEPT_OK;
}

/* ---- looking inside ---- */

void prt_model_stats(const struct prt_model *model, struct prt_model_stats *stats)
{
    *stats = model->now->stats;
    for (uint32_t i = 0; i < model->now->segment_count; i++) {
        const struct prt_variant_segment *segment = &model->now->segments[i];
        struct prt_segment_stats of = {0};
        if (!segment->backend->stats)
            continue;
        segment->backend->stats(segment->compiled, &of);
        stats->device.dispatches += of.dispatches;
        stats->device.tuned += of.tuned;
        stats->device.submissions += of.submissions;
        stats->device.copied_bytes += of.copied_bytes;
        stats->device.device_bytes += of.device_bytes;
    }
}

const struct prt_graph *prt_model_graph(const struct prt_model *model)
{
    return model->now->graph;
}

const char *prt_model_gave_up(const struct prt_model *model)
{
    return model->now->gave_up.status ? model->now->gave_up.message : NULL;
}

const struct prt_backend *prt_model_placement(const struct prt_model *model, uint32_t node)
{
    return node < model->now->graph->node_count ? model->now->plan.backends[node] : NULL;
}
