/* Why: what a user holds: a method of a program, its states, and the variant of it that runs now.
 */
#include "runtime/prt.h"

#include "base/clock.h"
#include "runtime/executor/choice.h"
#include "runtime/executor/kept.h"
#include "runtime/executor/model.h"
#include "runtime/executor/strided.h"
#include "runtime/placement/measure.h"
#include "runtime/program_data.h"

#include <stdlib.h>
#include <string.h>

enum { FEW_INPUTS = 8 };

/* ---- making ---- */

static enum percept_status make_model(struct prt_graph *graph,
                                      const struct prt_model_options *options,
                                      const struct prt_placement *placement,
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
    enum percept_status status =
        prt_variant_create(graph, options, placement, cache, &made->now, error);
    if (status == PERCEPT_OK) {
        made->kept[0] = (struct prt_model_variant){.variant = made->now};
        made->kept_count = 1;
        status = prt_states_place(&made->states, made->now, error);
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
    if (!options || !options->backends || !options->backends[0])
        return percept_fail(error, PERCEPT_INVALID, "a model needs a list of backends");
    if (options->priority < PRT_PRIORITY_LOW || options->priority > PRT_PRIORITY_HIGH)
        return percept_fail(error, PERCEPT_INVALID, "there is no priority %d", options->priority);
    return PERCEPT_OK;
}

enum percept_status prt_model_from_graph(struct prt_graph *graph,
                                         const struct prt_model_options *options,
                                         struct prt_model **model, struct percept_error *error)
{
    enum percept_status status = check_options(options, error);
    return status == PERCEPT_OK ? make_model(graph, options, NULL, NULL, model, error) : status;
}

/* As the placement wants it, or with a NULL as the options' list does. */
static enum percept_status create(const struct prt_program *program,
                                  const struct prt_model_options *options,
                                  const struct prt_placement *placement, struct prt_model **model,
                                  struct percept_error *error)
{
    int64_t start = base_clock_ns();
    struct prt_model *made = NULL;
    enum percept_status status = PERCEPT_OK;
    struct prt_cache *cache = prt_kept_open(program, options);
    struct prt_graph *graph = prt_kept_find(cache, program, options);
    if (!graph)
        status = prt_program_import_deferred(program, prt_model_method(options), options->choices,
                                             options->choice_count, NULL, 0, &graph, error);
    if (status == PERCEPT_OK && (graph->kept || options->choice_count))
        prt_kept_take_constants(cache, graph);
    if (status == PERCEPT_OK)
        status = make_model(graph, options, placement, cache, &made, error);
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

/* Find out which of the options' backends are to run it, then make it for those. */
static enum percept_status create_placed(const struct prt_program *program,
                                         const struct prt_model_options *options,
                                         struct prt_model **model, struct percept_error *error)
{
    int64_t start = base_clock_ns();
    const struct prt_backend *list[PRT_MAX_BACKENDS + 1];
    struct prt_model_options placed = *options;
    struct prt_placement *placement;
    enum percept_status status = prt_placement_find(program, options, &placement, error);
    if (status != PERCEPT_OK)
        return status;
    prt_placement_list(placement, options->backends, list);
    placed.backends = list;
    placed.measure_ns = 0;
    status = create(program, &placed, placement, model, error);
    if (status != PERCEPT_OK) {
        free(placement);
        return status;
    }
    (*model)->placement = placement;
    (*model)->now->stats.load_ns = base_clock_ns() - start;
    return PERCEPT_OK;
}

enum percept_status prt_model_create(const struct prt_program *program,
                                     const struct prt_model_options *options,
                                     struct prt_model **model, struct percept_error *error)
{
    enum percept_status status = check_options(options, error);
    if (status != PERCEPT_OK)
        return status;
    /* One backend leaves nothing to choose, and an observable model is not to be quick. */
    bool measured =
        !PRT_ONE_BACKEND && options->measure_ns > 0 && options->backends[1] && !options->observable;
    return measured ? create_placed(program, options, model, error)
                    : create(program, options, NULL, model, error);
}

void prt_model_destroy(struct prt_model *model)
{
    if (!model)
        return;
    prt_model_abandon(model);
    for (unsigned i = 0; i < model->kept_count; i++) {
        prt_variant_destroy(model->kept[i].variant);
        free(model->kept[i].choices);
    }
    prt_states_free(&model->states);
    prt_bindings_free(&model->bindings);
    free(model->placement);
    free(model);
}

void prt_model_reset_state(struct prt_model *model)
{
    prt_model_settle(model);
    prt_states_reset(&model->states);
}

/* ---- numbers and sizes ---- */

/* Tensor inputs keep what the caller wrote when another variant takes over. */
static void carry_inputs(const struct prt_model *model, const struct prt_variant *to)
{
    const struct prt_variant *from = model->now;
    for (uint32_t i = 0; i < from->graph->input_count; i++) {
        uint32_t a = from->graph->inputs[i], b = to->graph->inputs[i];
        size_t bytes = from->graph->values[a].bytes;
        if (from->graph->values[a].kind == PRT_VALUE_TENSOR && from->data[a] && to->data[b] &&
            bytes == to->graph->values[b].bytes && bytes &&
            !prt_bindings_has_input(&model->bindings, i))
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
        status = prt_variant_create(graph, &model->options, NULL, cache, &made, error);
        prt_kept_close(cache, status == PERCEPT_OK);
    }
    if (status != PERCEPT_OK) {
        prt_graph_destroy(graph);
        return status;
    }
    status = prt_states_place(&model->states, made, error);
    if (status != PERCEPT_OK) {
        prt_variant_destroy(made);
        return status;
    }
    made->stats.load_ns = base_clock_ns() - start;
    *variant = made;
    return PERCEPT_OK;
}

/* A place for one more: a free one, else the one that was not used for longest. */
static struct prt_model_variant *place_for_variant(struct prt_model *model)
{
    if (model->kept_count < PRT_MAX_VARIANTS)
        return &model->kept[model->kept_count++];
    struct prt_model_variant *oldest = NULL;
    for (unsigned i = 0; i < model->kept_count; i++)
        if (model->kept[i].variant != model->now && (!oldest || model->kept[i].used < oldest->used))
            oldest = &model->kept[i];
    prt_variant_destroy(oldest->variant);
    free(oldest->choices);
    return oldest;
}

static bool same_data_sizes(const struct prt_model_variant *kept, const int64_t *sizes,
                            size_t count)
{
    const struct prt_graph *graph = kept->variant->graph;
    for (size_t i = 0; i < count && i < graph->data_size_count; i++)
        if (graph->data_sizes[i].size != sizes[i])
            return false;
    return true;
}

/* The variant for these choices and the first sizes that the data tell; of several, the one that
 * ran last. */
static struct prt_model_variant *find_kept(struct prt_model *model,
                                           const struct prt_choice *choices,
                                           const int64_t *data_sizes, size_t count)
{
    struct prt_model_variant *found = NULL;
    for (unsigned i = 0; i < model->kept_count; i++) {
        struct prt_model_variant *kept = &model->kept[i];
        if (prt_choices_same(choices, kept->choices, prt_model_input_count(model)) &&
            same_data_sizes(kept, data_sizes, count) && (!found || kept->used > found->used))
            found = kept;
    }
    return found;
}

static enum percept_status change_to(struct prt_model *model, struct prt_model_variant *kept,
                                     struct percept_error *error)
{
    if (kept->variant != model->now) {
        enum percept_status status = prt_bindings_apply(&model->bindings, kept->variant, error);
        if (status != PERCEPT_OK)
            return status;
        carry_inputs(model, kept->variant);
    }
    kept->used = ++model->uses;
    model->now = kept->variant;
    return PERCEPT_OK;
}

enum percept_status prt_model_take(struct prt_model *model, struct prt_choice *choices,
                                   const int64_t *data_sizes, size_t count,
                                   struct percept_error *error)
{
    struct prt_model_variant *kept = find_kept(model, choices, data_sizes, count);
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
        *kept = (struct prt_model_variant){.variant = made, .choices = choices};
    }
    return change_to(model, kept, error);
}

enum percept_status prt_model_choose(struct prt_model *model, const struct prt_choice *choices,
                                     size_t count, struct percept_error *error)
{
    if (!model->program || count > prt_model_input_count(model))
        return percept_fail(error, PERCEPT_INVALID, "the method has no %zu inputs to choose for",
                            count);
    enum percept_status status = prt_model_check_idle(model, error);
    for (size_t i = 0; i < count && status == PERCEPT_OK; i++)
        status = prt_choice_check(model->now->graph, i, &choices[i], error);
    if (status != PERCEPT_OK)
        return status;
    /* Between variants that are kept, a model of few inputs changes without memory of its own. */
    struct prt_choice few[FEW_INPUTS] = {0};
    bool is_few = model->now->graph->input_count <= FEW_INPUTS;
    if (is_few)
        prt_choices_fill(model->now->graph, few);
    struct prt_choice *all = is_few ? few : prt_choices_of(model->now->graph);
    if (!all)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct prt_tensor *spec = prt_model_input_spec(model, i);
        prt_choice_apply(&all[i], &choices[i], spec ? spec->rank : 0);
    }
    if (!is_few)
        return prt_model_take(model, all, NULL, 0, error);
    struct prt_model_variant *kept = find_kept(model, few, NULL, 0);
    if (kept)
        return change_to(model, kept, error);
    all = malloc(sizeof few);
    if (!all)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    memcpy(all, few, sizeof few);
    return prt_model_take(model, all, NULL, 0, error);
}

/* One choice, all other inputs as they are. */
static enum percept_status choose_one(struct prt_model *model, size_t index,
                                      const struct prt_choice *choice, struct percept_error *error)
{
    if (!model->program || index >= prt_model_input_count(model))
        return percept_fail(error, PERCEPT_INVALID, "the method has no input %zu to set", index);
    enum percept_status status = prt_model_check_idle(model, error);
    if (status == PERCEPT_OK)
        status = prt_choice_check(model->now->graph, index, choice, error);
    if (status != PERCEPT_OK)
        return status;
    struct prt_choice *all = prt_choices_of(model->now->graph);
    if (!all)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    const struct prt_tensor *spec = prt_model_input_spec(model, index);
    prt_choice_apply(&all[index], choice, spec ? spec->rank : 0);
    return prt_model_take(model, all, NULL, 0, error);
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

enum percept_status prt_model_bind_input(struct prt_model *model, size_t index,
                                         struct prt_buffer *buffer, size_t offset,
                                         struct percept_error *error)
{
    const struct prt_binding wanted = {.index = index, .buffer = buffer, .offset = offset};
    enum percept_status status = prt_model_check_idle(model, error);
    return status == PERCEPT_OK ? prt_bindings_set(&model->bindings, model->now, &wanted, error)
                                : status;
}

enum percept_status prt_model_bind_output(struct prt_model *model, size_t index,
                                          struct prt_buffer *buffer, size_t offset,
                                          struct percept_error *error)
{
    const struct prt_binding wanted = {
        .is_output = true, .index = index, .buffer = buffer, .offset = offset};
    enum percept_status status = prt_model_check_idle(model, error);
    return status == PERCEPT_OK ? prt_bindings_set(&model->bindings, model->now, &wanted, error)
                                : status;
}

static enum percept_status check_copy(const struct prt_model *model, const struct prt_value *value,
                                      const char *what, size_t index, size_t size,
                                      struct percept_error *error)
{
    if (!value)
        return percept_fail(error, PERCEPT_INVALID, "%s %zu is no tensor of the method", what,
                            index);
    if (size != value->bytes)
        return percept_fail(error, PERCEPT_INVALID, "%s %zu has %zu bytes, not %zu", what, index,
                            value->bytes, size);
    return prt_model_check_idle(model, error);
}

enum percept_status prt_model_set_input(struct prt_model *model, size_t index, const void *data,
                                        size_t size, struct percept_error *error)
{
    const struct prt_value *value = input_at(model, index);
    enum percept_status status = check_copy(model, value, "input", index, size, error);
    if (status == PERCEPT_OK)
        prt_copy_from_row_major(&value->tensor, prt_model_input_data(model, index), data);
    return status;
}

enum percept_status prt_model_get_output(const struct prt_model *model, size_t index, void *data,
                                         size_t size, struct percept_error *error)
{
    const struct prt_value *value = output_at(model, index);
    enum percept_status status = check_copy(model, value, "output", index, size, error);
    if (status == PERCEPT_OK)
        prt_copy_to_row_major(&value->tensor, data, prt_model_output_data(model, index));
    return status;
}

/* ---- looking inside ---- */

unsigned prt_model_plans(const struct prt_model *model)
{
    return model->kept_count;
}

void prt_model_stats(const struct prt_model *model, struct prt_model_stats *stats)
{
    const struct prt_variant_placement *placement = prt_variant_placement(model->now);
    *stats = model->now->stats;
    for (uint32_t i = 0; i < placement->segment_count; i++) {
        const struct prt_variant_segment *segment = &placement->segments[i];
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
    const struct percept_error *gave_up = &prt_variant_placement(model->now)->gave_up;
    return gave_up->status ? gave_up->message : NULL;
}

const struct prt_placement *prt_model_placed(const struct prt_model *model)
{
    return model->placement;
}

const struct prt_backend *prt_model_placement(const struct prt_model *model, uint32_t node)
{
    return node < model->now->graph->node_count ? model->now->plan.backends[node] : NULL;
}
