/*
 * Why: which processor is the quickest for a model is a question of its shapes, of the device and
 * of what it costs to go there and back. Nobody can tell from tables; running it can.
 *
 * A trial is a whole model that runs on one list of backends: those of the host, each device with
 * the host for what it leaves, all of them as they were given, and mixes (survey.h). So what is
 * compared was measured as a whole.
 */
#include "runtime/placement/measure.h"

#include "base/clock.h"
#include "runtime/executor/kept.h"
#include "runtime/placement/kept.h"
#include "runtime/placement/survey.h"
#include "runtime/placement/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MARGIN = 10, /* what comes later wins by a tenth: to go elsewhere has costs that no run shows */
    MAX_LISTS = PRT_MAX_BACKENDS + 1,
};

/* ---- lists ---- */

static void add_backend(struct prt_trial_list *list, const struct prt_backend *const *of,
                        unsigned which)
{
    list->names[list->count] = (uint8_t)which;
    list->backends[list->count++] = of[which];
}

static unsigned make_lists(const struct prt_backend *const *of,
                           struct prt_trial_list lists[MAX_LISTS])
{
    unsigned count = 0, made = 0, devices = 0;
    while (count < PRT_MAX_BACKENDS && of[count])
        count++;
    for (unsigned i = 0; i < count; i++)
        if (of[i]->on_host)
            add_backend(&lists[0], of, i);
    made = lists[0].count ? 1 : 0;
    for (unsigned d = 0; d < count; d++) {
        if (of[d]->on_host)
            continue;
        devices++;
        add_backend(&lists[made], of, d);
        for (unsigned i = 0; i < count; i++)
            if (of[i]->on_host)
                add_backend(&lists[made], of, i);
        made++;
    }
    if (devices > 1) {
        for (unsigned i = 0; i < count; i++)
            add_backend(&lists[made], of, i);
        made++;
    }
    return made;
}

/* ---- trials ---- */

static void say_why(struct prt_trial *trial, const char *why)
{
    snprintf(trial->why, sizeof trial->why, "%.110s", why);
}

static bool is_unknown(const struct prt_trial *trial)
{
    return !trial->ns && !trial->why[0];
}

/* Fill in the trial of a list. */
static void try_list(struct prt_measuring *m, const struct prt_trial_list *list, uint32_t index,
                     int64_t until_ns)
{
    struct percept_error error = {0};
    struct prt_model *model = NULL;
    struct prt_trial *trial = &m->placement->trials[index];
    m->options.backends = list->backends;
    enum percept_status status = prt_model_create(m->program, &m->options, &model, &error);
    if (status == PERCEPT_OK && prt_model_gave_up(model))
        status = percept_fail(&error, PERCEPT_UNSUPPORTED, "%s", prt_model_gave_up(model));
    if (status == PERCEPT_OK && !list->backends[0]->on_host && !prt_trial_segments(model, NULL))
        status = percept_fail(&error, PERCEPT_UNSUPPORTED, "none of it runs there");
    if (status == PERCEPT_OK) {
        prt_trial_fill(model);
        status = prt_trial_time(model, until_ns, &trial->ns, &error);
    }
    if (status == PERCEPT_OK) {
        trial->segments = prt_variant_placement(model->now)->segment_count;
        if (list->count > 1 && base_clock_ns() < until_ns)
            prt_survey(m, model, list, index, until_ns);
    } else {
        say_why(trial, error.message);
    }
    prt_model_destroy(model);
}

static void choose(struct prt_placement *placement)
{
    uint32_t best = UINT32_MAX;
    for (uint32_t i = 0; i < placement->trial_count; i++) {
        const struct prt_trial *trial = &placement->trials[i];
        int64_t limit = best == UINT32_MAX ? INT64_MAX : placement->trials[best].ns;
        if (trial->ns && trial->ns < limit - (best == UINT32_MAX ? 0 : limit / MARGIN))
            best = i;
    }
    placement->chosen = best == UINT32_MAX ? 0 : best;
}

static bool same_list(const struct prt_trial *a, const struct prt_trial *b)
{
    return a->list_count == b->list_count && memcmp(a->list, b->list, a->list_count) == 0;
}

/* The homes of the chosen trial go behind the rest, and its pieces are there. */
static void take_homes(struct prt_measuring *m)
{
    uint32_t chosen = m->placement->chosen, nodes = m->node_counts[chosen];
    const struct prt_trial *trials = m->placement->trials;
    if (!trials[chosen].is_mixed)
        m->placement->node_count = 0;
    if (!m->homes[chosen])
        return; /* or they are there from an earlier call */
    for (uint32_t i = 0; i < m->placement->piece_count; i++) {
        struct prt_piece *piece = &m->placement->pieces[i];
        if (same_list(&trials[piece->trial], &trials[chosen]))
            piece->home = trials[chosen].list[m->homes[chosen][piece->first]];
    }
    struct prt_placement *larger = realloc(m->placement, sizeof *larger + nodes);
    if (larger) {
        memcpy(larger->homes, m->homes[chosen], nodes);
        larger->node_count = nodes;
        m->placement = larger;
    }
}

/* With a trial for each list, none of which has run; NULL without memory. */
static struct prt_placement *begin(const struct prt_backend *const *backends,
                                   const struct prt_trial_list *lists, unsigned list_count)
{
    struct prt_placement *placement = calloc(1, sizeof *placement);
    for (unsigned i = 0; placement && i < list_count; i++)
        prt_trial_add(placement, &lists[i], false);
    for (unsigned i = 0; placement && i < PRT_MAX_BACKENDS && backends[i]; i++)
        snprintf(placement->names[placement->name_count++], sizeof placement->names[i], "%s",
                 backends[i]->name);
    return placement;
}

static unsigned count_unknown(const struct prt_placement *placement)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < placement->trial_count; i++)
        count += is_unknown(&placement->trials[i]);
    return count;
}

/* Run the lists of which nothing is known, as long as there is time. */
static void measure(struct prt_measuring *m, const struct prt_trial_list *lists,
                    unsigned list_count)
{
    int64_t begin_ns = base_clock_ns(), budget_ns = m->options.measure_ns;
    unsigned begun = 0, unknown = count_unknown(m->placement);
    m->options.measure_ns = m->options.tune_ns = 0;
    m->options.arena = NULL;
    m->options.cache = NULL; /* weights of lists that lose would stay there */
    m->placement->is_kept = false;
    for (unsigned i = 0; i < list_count && base_clock_ns() < begin_ns + budget_ns; i++)
        if (is_unknown(&m->placement->trials[i]))
            try_list(m, &lists[i], i, begin_ns + budget_ns / unknown * ++begun);
    choose(m->placement);
    take_homes(m);
    m->placement->spent_ns += base_clock_ns() - begin_ns;
    for (uint32_t i = 0; i < PRT_MAX_TRIALS; i++)
        free(m->homes[i]);
}

enum percept_status prt_placement_find(const struct prt_program *program,
                                       const struct prt_model_options *options,
                                       struct prt_placement **placement,
                                       struct percept_error *error)
{
    struct prt_trial_list lists[MAX_LISTS] = {0};
    unsigned count = make_lists(options->backends, lists);
    struct prt_cache *cache = prt_kept_open(program, options);
    struct prt_measuring m = {.program = program, .options = *options};
    m.placement = prt_placement_load(cache, options, count);
    if (!m.placement)
        m.placement = begin(options->backends, lists, count);
    if (m.placement && count_unknown(m.placement)) {
        measure(&m, lists, count);
        prt_placement_save(cache, options, m.placement, count - count_unknown(m.placement));
    }
    prt_kept_close(cache, m.placement != NULL);
    if (!m.placement)
        return percept_fail(error, PERCEPT_NO_MEMORY, "no memory to place a model");
    *placement = m.placement;
    return PERCEPT_OK;
}

/* ---- what is made of it ---- */

void prt_placement_list(const struct prt_placement *placement, const struct prt_backend *const *of,
                        const struct prt_backend *list[PRT_MAX_BACKENDS + 1])
{
    const struct prt_trial *chosen = &placement->trials[placement->chosen];
    unsigned count = 0;
    for (; of[count] && count < PRT_MAX_BACKENDS; count++)
        list[count] = of[count];
    list[count] = NULL;
    if (!chosen->ns) /* nothing ran: as it was given */
        return;
    for (unsigned i = 0; i < chosen->list_count; i++)
        list[i] = of[chosen->list[i] < count ? chosen->list[i] : 0];
    list[chosen->list_count] = NULL;
}

void prt_placement_apply(const struct prt_placement *placement, const struct prt_graph *graph,
                         const struct prt_backend *const *list, const struct prt_backend **backends)
{
    unsigned count = 0;
    while (list[count])
        count++;
    for (uint32_t n = 0; n < placement->node_count && placement->node_count == graph->node_count;
         n++) {
        unsigned home = placement->homes[n];
        if (backends[n] && home < count && list[home]->supports(graph, &graph->nodes[n]))
            backends[n] = list[home];
    }
}
