/*
 * Why: a list that leaves a choice says more than how long it takes as a whole. Each backend in
 * turn runs all that it can, which gives the time of each node there and that of a segment beside
 * its nodes. They propose a mix (propose.h), which is run as well: costs add up only nearly.
 */
#include "runtime/placement/survey.h"

#include "runtime/placement/propose.h"
#include "runtime/placement/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 3 }; /* proposals for a list, each knowing what the one before it cost */

/* What a list of several has found out about the nodes of its graph. */
struct survey {
    const struct prt_trial_list *list;
    struct prt_model *model;
    uint32_t trial; /* the list's first */
    uint32_t node_count;
    int64_t until_ns;
    int64_t *ns;                         /* list->count rows of them */
    const struct prt_backend **backends; /* to move to */
    struct prt_costs costs;
    uint8_t *plain, *homes, *last; /* the list's own homes, those proposed, those before */
};

uint32_t prt_trial_add(struct prt_placement *placement, const struct prt_trial_list *list,
                       bool is_mixed)
{
    uint32_t index = placement->trial_count++;
    struct prt_trial *trial = &placement->trials[index];
    trial->list_count = list->count;
    trial->is_mixed = is_mixed;
    trial->beside_ns = -1;
    memcpy(trial->list, list->names, list->count);
    return index;
}

uint32_t prt_trial_segments(const struct prt_model *model, const struct prt_backend *backend)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < prt_variant_placement(model->now)->segment_count; i++)
        count += backend ? prt_variant_placement(model->now)->segments[i].backend == backend
                         : !prt_variant_placement(model->now)->segments[i].backend->on_host;
    return count;
}

/* ---- pieces ---- */

/* "53 conv2d, 7 binary, 5 others" */
static void describe_ops(const struct prt_graph *graph, uint32_t first, uint32_t last, char *text,
                         size_t size)
{
    uint32_t counts[PRT_OP_COUNT] = {0}, left = last - first + 1;
    size_t used = 0;
    text[0] = '\0';
    for (uint32_t n = first; n <= last; n++)
        counts[graph->nodes[n].op]++;
    for (unsigned shown = 0; left && shown < 2; shown++) {
        unsigned most = 0;
        for (unsigned op = 1; op < PRT_OP_COUNT; op++)
            if (counts[op] > counts[most])
                most = op;
        used += (size_t)snprintf(text + used, size - used, "%s%u %s", shown ? ", " : "",
                                 counts[most], prt_op_name((enum prt_op)most));
        left -= counts[most];
        counts[most] = 0;
        if (used >= size)
            return;
    }
    if (left)
        snprintf(text + used, size - used, ", %u others", left);
}

static bool may_run(const struct survey *survey, unsigned b, uint32_t node)
{
    return survey->costs.ns[b][node] != PRT_NEVER;
}

static void add_piece(struct prt_measuring *m, const struct survey *survey, uint32_t first,
                      uint32_t last)
{
    struct prt_placement *placement = m->placement;
    if (placement->piece_count == PRT_MAX_PIECES) {
        placement->pieces_left_out++;
        return;
    }
    struct prt_piece *piece = &placement->pieces[placement->piece_count++];
    *piece = (struct prt_piece){.trial = (uint8_t)survey->trial,
                                .home = survey->list->names[survey->homes[first]],
                                .first = first,
                                .last = last};
    describe_ops(prt_model_graph(survey->model), first, last, piece->ops, sizeof piece->ops);
    for (unsigned b = 0; b < survey->list->count; b++) {
        int64_t sum = 0;
        bool runs = true;
        for (uint32_t n = first; n <= last; n++) {
            runs = runs && may_run(survey, b, n);
            sum += runs ? survey->costs.ns[b][n] : 0;
        }
        piece->ns[survey->list->names[b]] = runs ? sum : 0;
        piece->crossing_ns[survey->list->names[b]] = runs ? survey->costs.crossing_ns[b] : 0;
    }
}

/* One wherever the list's own homes, those that costs propose or those of the mix (NULL: there is
 * none) change. */
static void add_pieces(struct prt_measuring *m, const struct survey *survey, const uint8_t *mix)
{
    uint32_t first = 0;
    for (uint32_t n = 1; n <= survey->node_count; n++) {
        if (n < survey->node_count && survey->plain[n] == survey->plain[first] &&
            survey->homes[n] == survey->homes[first] && (!mix || mix[n] == mix[first]))
            continue;
        add_piece(m, survey, first, n - 1);
        first = n;
    }
}

/* ---- costs of nodes ---- */

/* All that it can on one backend of the list, the rest on the last that can. */
static void fill(const struct survey *survey, unsigned b)
{
    const struct prt_graph *graph = prt_model_graph(survey->model);
    for (uint32_t n = 0; n < survey->node_count; n++) {
        unsigned home = b;
        if (!survey->list->backends[b]->supports(graph, &graph->nodes[n])) {
            home = survey->list->count - 1u;
            while (home > 0 && !survey->list->backends[home]->supports(graph, &graph->nodes[n]))
                home--;
        }
        survey->backends[n] = survey->list->backends[home];
    }
}

static bool is_there_already(const struct survey *survey)
{
    for (uint32_t n = 0; n < survey->node_count; n++) {
        const struct prt_backend *now = prt_model_placement(survey->model, n);
        if (now && now != survey->backends[n])
            return false;
    }
    return true;
}

/* The nodes of one backend, and what is between them. whole_ns: of the model as it is. */
static enum percept_status survey_backend(struct survey *survey, unsigned b, int64_t whole_ns,
                                          struct percept_error *error)
{
    const struct prt_backend *backend = survey->list->backends[b];
    int64_t *ns = survey->ns + (size_t)b * survey->node_count, sum = 0;
    enum percept_status status = PERCEPT_OK;
    fill(survey, b);
    if (!is_there_already(survey)) {
        status = prt_trial_move(survey->model, survey->backends, error);
        if (status == PERCEPT_OK)
            status = prt_trial_time(survey->model, survey->until_ns, &whole_ns, error);
    }
    if (status == PERCEPT_OK)
        status = prt_trial_time_nodes(survey->model, survey->until_ns, ns, error);
    for (uint32_t n = 0; status == PERCEPT_OK && n < survey->node_count; n++) {
        const struct prt_backend *home = prt_model_placement(survey->model, n);
        sum += ns[n];
        ns[n] = !home ? 0 : home == backend ? ns[n] : PRT_NEVER;
    }
    uint32_t segments = prt_trial_segments(survey->model, backend);
    survey->costs.ns[b] = ns;
    survey->costs.crossing_ns[b] =
        backend->on_host || !segments || whole_ns < sum ? 0 : (whole_ns - sum) / segments;
    return status;
}

/* ---- mixes ---- */

/* What a run takes beside its nodes; those are timed one by one, which may take longer. */
static int64_t beside(const struct survey *survey, const uint8_t *homes, int64_t whole_ns)
{
    for (uint32_t n = 0; n < survey->node_count; n++)
        whole_ns -= survey->costs.ns[homes[n]][n];
    return whole_ns < 0 ? 0 : whole_ns;
}

/* Is it one of those that are tried anyway, or was tried just now? */
static bool is_new(const struct survey *survey)
{
    bool same_as_plain = true, same_as_last = true, fills[PRT_MAX_BACKENDS];
    memset(fills, true, sizeof fills);
    for (uint32_t n = 0; n < survey->node_count; n++) {
        if (!prt_model_placement(survey->model, n))
            continue; /* nothing to run */
        same_as_plain &= survey->homes[n] == survey->plain[n];
        same_as_last &= survey->homes[n] == survey->last[n];
        for (unsigned b = 0; b < survey->list->count; b++)
            fills[b] &= survey->homes[n] == b || !may_run(survey, b, n);
    }
    for (unsigned b = 0; b < survey->list->count; b++)
        same_as_plain |= fills[b];
    return !same_as_plain && !same_as_last;
}

/* A mix costs more beside its nodes than was thought: the next one shall know. */
static void learn_crossing(struct survey *survey, int64_t whole_ns)
{
    uint32_t segments = prt_trial_segments(survey->model, NULL);
    int64_t each_ns = segments ? beside(survey, survey->homes, whole_ns) / segments : 0;
    for (unsigned b = 0; b < survey->list->count; b++)
        if (!survey->list->backends[b]->on_host &&
            prt_trial_segments(survey->model, survey->list->backends[b]) &&
            survey->costs.crossing_ns[b] < each_ns)
            survey->costs.crossing_ns[b] = each_ns;
}

/* Note a mix that was measured, unless an earlier one of the list was quicker. */
static void note_mix(struct prt_measuring *m, const struct survey *survey, int64_t whole_ns,
                     uint32_t *mix)
{
    if (*mix == UINT32_MAX)
        *mix = prt_trial_add(m->placement, survey->list, true);
    struct prt_trial *trial = &m->placement->trials[*mix];
    if (trial->ns && trial->ns <= whole_ns)
        return;
    free(m->homes[*mix]);
    m->homes[*mix] = malloc(survey->node_count);
    if (!m->homes[*mix]) {
        trial->ns = 0;
        snprintf(trial->why, sizeof trial->why, "out of memory");
        return;
    }
    memcpy(m->homes[*mix], survey->homes, survey->node_count);
    m->node_counts[*mix] = survey->node_count;
    trial->ns = whole_ns;
    trial->beside_ns = beside(survey, survey->homes, whole_ns);
    trial->segments = prt_variant_placement(survey->model->now)->segment_count;
}

/* Nodes without work go with the one before them, the first ones with what follows. */
static void settle_idle(const struct survey *survey, uint8_t *homes)
{
    uint8_t home = 0;
    for (uint32_t n = survey->node_count; n-- > 0;) /* ends with that of the first that runs */
        home = prt_model_placement(survey->model, n) ? homes[n] : home;
    for (uint32_t n = 0; n < survey->node_count; n++)
        home = homes[n] = prt_model_placement(survey->model, n) ? homes[n] : home;
}

/* *mix becomes the quickest, if there is any. */
static enum percept_status try_mixes(struct prt_measuring *m, struct survey *survey, uint32_t *mix,
                                     struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (unsigned round = 0; round < ROUNDS && status == PERCEPT_OK; round++) {
        int64_t whole_ns;
        memcpy(survey->last, survey->homes, survey->node_count);
        if (!prt_placement_propose(&survey->costs, survey->homes))
            break;
        settle_idle(survey, survey->homes);
        if (!is_new(survey))
            break;
        for (uint32_t n = 0; n < survey->node_count; n++)
            survey->backends[n] = survey->list->backends[survey->homes[n]];
        status = prt_trial_move(survey->model, survey->backends, error);
        if (status == PERCEPT_OK)
            status = prt_trial_time(survey->model, survey->until_ns, &whole_ns, error);
        if (status == PERCEPT_OK) {
            note_mix(m, survey, whole_ns, mix);
            learn_crossing(survey, whole_ns);
        }
    }
    return status;
}

/* ---- the list ---- */

/* Where the nodes are by the list alone. */
static void note_plain(struct survey *survey)
{
    for (uint32_t n = 0; n < survey->node_count; n++)
        for (uint8_t b = 0; b < survey->list->count; b++)
            if (survey->list->backends[b] == prt_model_placement(survey->model, n))
                survey->plain[n] = b;
    settle_idle(survey, survey->plain);
}

static bool has_all(const struct survey *survey)
{
    return survey->ns && survey->backends && survey->plain && survey->homes && survey->last;
}

/* Where a list leaves a choice: what each piece costs, and what that proposes. */
void prt_survey(struct prt_measuring *m, struct prt_model *model, const struct prt_trial_list *list,
                uint32_t trial, int64_t until_ns)
{
    uint32_t nodes = prt_model_graph(model)->node_count;
    struct percept_error error = {0};
    struct survey survey = {
        .list = list,
        .model = model,
        .trial = trial,
        .node_count = nodes,
        .until_ns = until_ns,
        .ns = calloc((size_t)nodes * list->count + 1, sizeof *survey.ns),
        .backends = calloc((size_t)nodes + 1, sizeof *survey.backends),
        .costs = {.node_count = nodes, .backend_count = list->count},
        .plain = calloc((size_t)nodes + 1, 1),
        .homes = calloc((size_t)nodes + 1, 1),
        .last = calloc((size_t)nodes + 1, 1),
    };
    enum percept_status status = has_all(&survey) ? PERCEPT_OK : PERCEPT_NO_MEMORY;
    if (status == PERCEPT_OK)
        note_plain(&survey);
    for (unsigned b = 0; b < list->count && status == PERCEPT_OK; b++)
        status = survey_backend(&survey, b, m->placement->trials[trial].ns, &error);
    if (status == PERCEPT_OK) {
        m->placement->trials[trial].beside_ns =
            beside(&survey, survey.plain, m->placement->trials[trial].ns);
        uint32_t mix = UINT32_MAX;
        (void)try_mixes(m, &survey, &mix, &error);
        add_pieces(m, &survey, mix == UINT32_MAX ? NULL : m->homes[mix]);
    }
    free(survey.ns);
    free(survey.backends);
    free(survey.plain);
    free(survey.homes);
    free(survey.last);
}
