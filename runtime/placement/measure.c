/*
 * Why: which processor is the quickest for a model is a question of its shapes, of the device and
 * of what it costs to go there and back. Nobody can tell from tables; running it can.
 *
 * A trial is a whole model that runs on one list of backends: those of the host, each device with
 * the host for what it leaves, all of them as they were given. Where a list leaves a choice, the
 * time of each node on each backend and that of a segment beside its nodes propose a mix
 * (propose.h), which then is a trial, too. So what is compared was measured as a whole.
 */
#include "runtime/placement/measure.h"

#include "base/clock.h"
#include "runtime/executor/kept.h"
#include "runtime/placement/kept.h"
#include "runtime/placement/propose.h"
#include "runtime/placement/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MARGIN = 10, /* what comes later wins by a tenth: to go elsewhere has costs that no run shows */
    ROUNDS = 3,  /* proposals for a list, each knowing what the one before it cost */
    MAX_LISTS = PRT_MAX_BACKENDS + 1,
};

struct list {
    const struct prt_backend *backends[PRT_MAX_BACKENDS + 1];
    uint8_t names[PRT_MAX_BACKENDS]; /* their places in the options' list */
    uint8_t count;
};

struct measuring {
    const struct prt_program *program;
    struct prt_model_options options; /* of trials */
    struct prt_placement *placement;
    uint8_t *homes[PRT_MAX_TRIALS]; /* of mixed trials, by node */
    uint32_t node_counts[PRT_MAX_TRIALS];
};

/* What a list of several has found out about the nodes of its graph. */
struct survey {
    const struct list *list;
    struct prt_model *model;
    uint32_t trial; /* the list's first */
    uint32_t node_count;
    int64_t until_ns;
    int64_t *ns;                         /* list->count rows of them */
    const struct prt_backend **backends; /* to move to */
    struct prt_costs costs;
    uint8_t *plain, *homes, *last; /* the list's own homes, those proposed, those before */
};

/* ---- lists ---- */

static void add_backend(struct list *list, const struct prt_backend *const *of, unsigned which)
{
    list->names[list->count] = (uint8_t)which;
    list->backends[list->count++] = of[which];
}

static unsigned make_lists(const struct prt_backend *const *of, struct list lists[MAX_LISTS])
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

/* ---- what is told ---- */

static uint32_t add_trial(struct prt_placement *placement, const struct list *list, bool is_mixed)
{
    uint32_t index = placement->trial_count++;
    struct prt_trial *trial = &placement->trials[index];
    trial->list_count = list->count;
    trial->is_mixed = is_mixed;
    trial->beside_ns = -1;
    memcpy(trial->list, list->names, list->count);
    return index;
}

static void say_why(struct prt_trial *trial, const char *why)
{
    snprintf(trial->why, sizeof trial->why, "%.110s", why);
}

static bool is_unknown(const struct prt_trial *trial)
{
    return !trial->ns && !trial->why[0];
}

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

static void add_piece(struct measuring *m, const struct survey *survey, uint32_t first,
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
static void add_pieces(struct measuring *m, const struct survey *survey, const uint8_t *mix)
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

static uint32_t segments_on(const struct prt_model *model, const struct prt_backend *backend)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < model->now->segment_count; i++)
        count += backend ? model->now->segments[i].backend == backend
                         : !model->now->segments[i].backend->on_host;
    return count;
}

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
    uint32_t segments = segments_on(survey->model, backend);
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
    const struct prt_model *model = survey->model;
    bool same_as_plain = true, same_as_last = true, fills[PRT_MAX_BACKENDS];
    memset(fills, true, sizeof fills);
    for (uint32_t n = 0; n < survey->node_count; n++) {
        if (!prt_model_placement(model, n))
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
    uint32_t segments = segments_on(survey->model, NULL);
    int64_t each_ns = segments ? beside(survey, survey->homes, whole_ns) / segments : 0;
    for (unsigned b = 0; b < survey->list->count; b++)
        if (!survey->list->backends[b]->on_host &&
            segments_on(survey->model, survey->list->backends[b]) &&
            survey->costs.crossing_ns[b] < each_ns)
            survey->costs.crossing_ns[b] = each_ns;
}

/* Note a mix that was measured, unless an earlier one of the list was quicker. */
static void note_mix(struct measuring *m, const struct survey *survey, int64_t whole_ns,
                     uint32_t *mix)
{
    if (*mix == UINT32_MAX)
        *mix = add_trial(m->placement, survey->list, true);
    struct prt_trial *trial = &m->placement->trials[*mix];
    if (trial->ns && trial->ns <= whole_ns)
        return;
    free(m->homes[*mix]);
    m->homes[*mix] = malloc(survey->node_count);
    if (!m->homes[*mix]) {
        trial->ns = 0;
        say_why(trial, "out of memory");
        return;
    }
    memcpy(m->homes[*mix], survey->homes, survey->node_count);
    m->node_counts[*mix] = survey->node_count;
    trial->ns = whole_ns;
    trial->beside_ns = beside(survey, survey->homes, whole_ns);
    trial->segments = survey->model->now->segment_count;
}

/* *mix becomes the quickest, if there is any. */
static enum percept_status try_mixes(struct measuring *m, struct survey *survey, uint32_t *mix,
                                     struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (unsigned round = 0; round < ROUNDS && status == PERCEPT_OK; round++) {
        int64_t whole_ns;
        memcpy(survey->last, survey->homes, survey->node_count);
        if (!prt_placement_propose(&survey->costs, survey->homes) || !is_new(survey))
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

/* ---- trials ---- */

/* Where a node is by the list alone; `before` when it has no work. */
static uint8_t plain_home(const struct survey *survey, uint32_t node, uint8_t before)
{
    const struct prt_backend *backend = prt_model_placement(survey->model, node);
    for (uint8_t b = 0; backend && b < survey->list->count; b++)
        if (survey->list->backends[b] == backend)
            return b;
    return before;
}

static void note_plain(struct survey *survey)
{
    uint8_t home = 0;
    for (uint32_t n = survey->node_count; n-- > 0;)
        home = plain_home(survey, n, home); /* ends with that of the first that runs */
    for (uint32_t n = 0; n < survey->node_count; n++)
        home = survey->plain[n] = plain_home(survey, n, home);
}

static bool has_all(const struct survey *survey)
{
    return survey->ns && survey->backends && survey->plain && survey->homes && survey->last;
}

/* Where a list leaves a choice: what each piece costs, and what that proposes. */
static void look_into(struct measuring *m, struct prt_model *model, const struct list *list,
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

/* Fill in the trial of a list. */
static void try_list(struct measuring *m, const struct list *list, uint32_t index, int64_t until_ns)
{
    struct percept_error error = {0};
    struct prt_model *model = NULL;
    struct prt_trial *trial = &m->placement->trials[index];
    m->options.backends = list->backends;
    enum percept_status status = prt_model_create(m->program, &m->options, &model, &error);
    if (status == PERCEPT_OK && prt_model_gave_up(model))
        status = percept_fail(&error, PERCEPT_UNSUPPORTED, "%s", prt_model_gave_up(model));
    if (status == PERCEPT_OK && !list->backends[0]->on_host && !segments_on(model, NULL))
        status = percept_fail(&error, PERCEPT_UNSUPPORTED, "none of it runs there");
    if (status == PERCEPT_OK) {
        prt_trial_fill(model);
        status = prt_trial_time(model, until_ns, &trial->ns, &error);
    }
    if (status == PERCEPT_OK) {
        trial->segments = model->now->segment_count;
        if (list->count > 1 && base_clock_ns() < until_ns)
            look_into(m, model, list, index, until_ns);
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
static void take_homes(struct measuring *m)
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
                                   const struct list *lists, unsigned list_count)
{
    struct prt_placement *placement = calloc(1, sizeof *placement);
    for (unsigned i = 0; placement && i < list_count; i++)
        add_trial(placement, &lists[i], false);
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
static void measure(struct measuring *m, const struct list *lists, unsigned list_count)
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
    struct list lists[MAX_LISTS] = {0};
    unsigned count = make_lists(options->backends, lists);
    struct prt_cache *cache = prt_kept_open(program, options);
    struct measuring m = {.program = program, .options = *options};
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
