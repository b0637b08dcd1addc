/* Why: a run goes through the segments of a variant, which may compute beside the caller, fail and
 * be taken over by others, or find that the data ask for another variant. */
#include "runtime/executor/arena.h"
#include "runtime/executor/choice.h"
#include "runtime/executor/model.h"
#include "runtime/import.h"

#include <stdlib.h>
#include <string.h>

enum { DATA_TRIES = 4096 }; /* of one run, to find what the data decide: no graph has more of it */

/* ---- segments ---- */

static void end_segment(struct prt_model *model, const struct prt_variant_segment *segment)
{
    struct prt_model_progress *run = &model->run;
    run->in_flight = false;
    if (run->status != PERCEPT_OK)
        run->failed = segment->backend;
    for (uint32_t n = 0; run->times && run->status == PERCEPT_OK && n < segment->node_count; n++)
        run->times[segment->nodes[n]] = prt_variant_placement(model->now)->times[n];
}

/* Until a segment is in flight, or there is none left to begin. Each needs what the one before it
 * computed: partition.c lets a backend do all that it can before it changes. */
static void go_on(struct prt_model *model)
{
    const struct prt_variant *now = model->now;
    const struct prt_variant_placement *placement = prt_variant_placement(now);
    struct prt_model_progress *run = &model->run;
    struct prt_execution execution = {.data = now->data,
                                      .scratch = now->scratch,
                                      .pool = now->pool,
                                      .times = run->times ? placement->times : NULL};
    while (run->status == PERCEPT_OK && !run->in_flight && run->next < placement->segment_count) {
        const struct prt_variant_segment *segment = &placement->segments[run->next++];
        const struct prt_backend *backend = segment->backend;
        bool has_device = !PRT_ONE_BACKEND && backend->start;
        execution.yield = has_device ? NULL : model->options.yield;
        run->status = has_device ? backend->start(segment->compiled, &execution, &run->error)
                                 : backend->execute(segment->compiled, &execution, &run->error);
        run->in_flight = has_device && run->status == PERCEPT_OK;
        if (!run->in_flight)
            end_segment(model, segment);
    }
}

static void begin(struct prt_model *model)
{
    struct prt_model_progress *run = &model->run;
    run->next = 0;
    run->failed = NULL;
    run->status = prt_bindings_begin(&model->bindings, model->now, &run->error);
    if (run->times)
        memset(run->times, 0, model->now->graph->node_count * sizeof *run->times);
    go_on(model);
}

static void finish(struct prt_model *model)
{
    struct prt_model_progress *run = &model->run;
    while (!PRT_ONE_BACKEND && run->in_flight) {
        const struct prt_variant_segment *segment =
            &prt_variant_placement(model->now)->segments[run->next - 1];
        const struct prt_yield *yield = model->options.yield;
        if (yield && yield->wait)
            yield->wait(yield->context);
        run->status = segment->backend->wait(segment->compiled, &run->error);
        if (yield && yield->wait)
            yield->resume(yield->context);
        end_segment(model, segment);
        go_on(model);
    }
}

/* ---- a run that begins again ---- */

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
    enum percept_status status = prt_model_take(model, choices, known, count, error);
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

/* To the end, without the backends that fail on the way, once each. */
static enum percept_status finish_somewhere(struct prt_model *model)
{
    struct prt_model_progress *run = &model->run;
    finish(model);
    while (!PRT_ONE_BACKEND && run->failed && run->status != PERCEPT_CANCELLED &&
           run->status != PERCEPT_INVALID) {
        enum percept_status status =
            prt_variant_fall_back(model->now, run->failed, run->status, &run->error);
        if (status != PERCEPT_OK)
            return status;
        begin(model);
        finish(model);
    }
    return run->status;
}

/* Run until the sizes and branches that the data tell are those of the graph. States stay. */
static enum percept_status run_settled(struct prt_model *model)
{
    struct prt_model_progress *run = &model->run;
    /* Each time one more of them is right, and none before it becomes wrong. */
    for (size_t tries = 0; tries <= DATA_TRIES; tries++) {
        bool guesses = prt_import_follows_data() && model->now->graph->data_size_count > 0;
        enum percept_status status = finish_somewhere(model);
        if (status != PERCEPT_CANCELLED || !guesses)
            return status;
        status = follow_data(model, &run->error);
        if (status != PERCEPT_OK)
            return status;
        if (run->times) /* they belong to another graph */
            return percept_fail(&run->error, PERCEPT_CANCELLED,
                                "the data have other sizes than before: run again");
        begin(model);
    }
    return percept_fail(&run->error, PERCEPT_INTERNAL, "sizes that the data tell do not settle");
}

/* ---- start and wait ---- */

enum percept_status prt_model_check_idle(const struct prt_model *model, struct percept_error *error)
{
    if (PRT_ONE_BACKEND)
        return PERCEPT_OK; /* its runs end where they begin */
    if (model->run.is_started)
        return percept_fail(error, PERCEPT_BUSY, "the model is running: wait for it first");
    if (model->options.arena && prt_arena_is_taken(model->options.arena))
        return percept_fail(error, PERCEPT_BUSY,
                            "another model of the arena is running: wait for it first");
    return PERCEPT_OK;
}

static enum percept_status start(struct prt_model *model, struct prt_step_time *times,
                                 struct percept_error *error)
{
    enum percept_status status = prt_model_check_idle(model, error);
    if (status != PERCEPT_OK)
        return status;
    if (model->options.arena)
        prt_arena_set_taken(model->options.arena, true);
    model->run.is_started = true;
    model->run.is_settled = false;
    model->run.times = times;
    prt_variant_return(model->now);
    begin(model);
    return PERCEPT_OK;
}

void prt_model_settle(struct prt_model *model)
{
    struct prt_model_progress *run = &model->run;
    if (!run->is_started || run->is_settled)
        return;
    run->status = prt_bindings_end(&model->bindings, model->now, run_settled(model), &run->error);
    run->is_settled = true;
    if (run->status == PERCEPT_OK)
        prt_states_commit(model->now);
}

void prt_model_abandon(struct prt_model *model)
{
    if (!model->run.is_started)
        return;
    if (model->options.arena)
        prt_arena_set_taken(model->options.arena, false);
    if (!model->run.is_settled)
        (void)prt_bindings_end(&model->bindings, model->now, PERCEPT_CANCELLED, NULL);
    model->run.is_started = false;
}

enum percept_status prt_model_start(struct prt_model *model, struct percept_error *error)
{
    return start(model, NULL, error);
}

enum percept_status prt_model_wait(struct prt_model *model, struct percept_error *error)
{
    if (!model->run.is_started)
        return percept_fail(error, PERCEPT_INVALID, "the model was not started");
    prt_model_settle(model);
    prt_model_abandon(model);
    if (model->run.status != PERCEPT_OK && error)
        *error = model->run.error;
    return model->run.status;
}

enum percept_status prt_model_run(struct prt_model *model, struct percept_error *error)
{
    return prt_model_run_profiled(model, NULL, error);
}

enum percept_status prt_model_run_profiled(struct prt_model *model, struct prt_step_time *times,
                                           struct percept_error *error)
{
    enum percept_status status = start(model, times, error);
    return status == PERCEPT_OK ? prt_model_wait(model, error) : status;
}

/* ---- observed ---- */

/* A run that leaves states as they are. */
static enum percept_status find_sizes(struct prt_model *model, struct percept_error *error)
{
    model->run.times = NULL;
    begin(model);
    enum percept_status status = run_settled(model);
    if (status != PERCEPT_OK && error)
        *error = model->run.error;
    return status;
}

/* The segments one by one, with a look at what each node computed. */
static enum percept_status observe(const struct prt_model *model, prt_model_observer observer,
                                   void *context, struct percept_error *error)
{
    const struct prt_execution execution = {
        .data = model->now->data, .scratch = model->now->scratch, .pool = model->now->pool};
    /* A node without a backend has its result where an earlier one put it. */
    uint32_t next = 0;
    for (uint32_t n = 0; n < model->now->graph->node_count; n++) {
        if (model->now->plan.backends[n]) {
            const struct prt_variant_segment *segment =
                &prt_variant_placement(model->now)->segments[next++];
            enum percept_status status =
                segment->backend->execute(segment->compiled, &execution, error);
            if (status != PERCEPT_OK)
                return status;
        }
        observer(context, n, model->now->data[model->now->graph->nodes[n].outputs[0]]);
    }
    return PERCEPT_OK;
}

enum percept_status prt_model_run_observed(struct prt_model *model, prt_model_observer observer,
                                           void *context, struct percept_error *error)
{
    enum percept_status status = prt_model_check_idle(model, error);
    if (status == PERCEPT_OK && !model->now->observable)
        status = percept_fail(error, PERCEPT_INVALID, "the model was not made observable");
    if (status != PERCEPT_OK)
        return status;
    if (model->now->graph->data_size_count)
        status = find_sizes(model, error);
    if (status == PERCEPT_OK)
        status = prt_bindings_begin(&model->bindings, model->now, error);
    if (status == PERCEPT_OK)
        status = observe(model, observer, context, error);
    status = prt_bindings_end(&model->bindings, model->now, status, error);
    if (status == PERCEPT_OK)
        prt_states_commit(model->now);
    return status;
}
