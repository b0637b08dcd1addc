/* Why: see trial.h. What a run takes depends on its data only where those decide what is computed,
 * so any data will do, if they are no denormals, no indices that are too large and the same each
 * time. */
#include "runtime/placement/trial.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { RUNS = 10, PROFILED_RUNS = 3 };

/* Floats from 0 to 1 and codes of 8 bits are noise; numbers of other types are 0, since they may be
 * indices. */
void prt_trial_fill(struct prt_model *model)
{
    uint32_t state = 1;
    for (size_t i = 0; i < prt_model_input_count(model); i++) {
        const struct prt_tensor *spec = prt_model_input_spec(model, i);
        unsigned char *data = prt_model_input_data(model, i);
        if (!spec || !data)
            continue;
        size_t count = prt_tensor_elements(spec), bytes = count * prt_dtype_size(spec->dtype);
        memset(data, 0, bytes);
        for (size_t k = 0; k < count; k++) {
            state = state * 1664525 + 1013904223;
            float number = (float)(state >> 8) / (float)(1 << 24);
            if (spec->dtype == PRT_F32)
                memcpy(data + 4 * k, &number, sizeof number);
            else if (spec->dtype == PRT_I8 || spec->dtype == PRT_U8)
                data[k] = (unsigned char)(state >> 24);
        }
    }
}

static enum percept_status run(struct prt_model *model, struct prt_step_time *times,
                               struct percept_error *error)
{
    const struct prt_variant *before = model->now;
    enum percept_status status = prt_model_run_profiled(model, times, error);
    if (status == PERCEPT_OK && prt_model_gave_up(model))
        return percept_fail(error, PERCEPT_UNSUPPORTED, "%s", prt_model_gave_up(model));
    if (status == PERCEPT_OK && model->now != before)
        return percept_fail(error, PERCEPT_UNSUPPORTED, "the data decide what is computed");
    return status;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

enum percept_status prt_trial_time(struct prt_model *model, int64_t until_ns, int64_t *ns,
                                   struct percept_error *error)
{
    int64_t times[RUNS];
    unsigned count = 0;
    for (int64_t now = base_clock_ns();;) {
        int64_t start = now;
        enum percept_status status = run(model, NULL, error);
        if (status != PERCEPT_OK)
            return status;
        now = base_clock_ns();
        times[count++] = now - start + 1; /* never none */
        if (now >= until_ns || count == RUNS)
            break;
    }
    if (count > 1) /* the first makes what the others find */
        memmove(times, times + 1, --count * sizeof *times);
    qsort(times, count, sizeof *times, by_size);
    *ns = times[count / 2];
    return PERCEPT_OK;
}

enum percept_status prt_trial_time_nodes(struct prt_model *model, int64_t until_ns, int64_t *ns,
                                         struct percept_error *error)
{
    uint32_t nodes = prt_model_graph(model)->node_count;
    struct prt_step_time *times = calloc((size_t)nodes + 1, sizeof *times);
    if (!times)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status = PERCEPT_OK;
    for (unsigned i = 0; i < PROFILED_RUNS && status == PERCEPT_OK; i++) {
        status = run(model, times, error);
        for (uint32_t n = 0; n < nodes && status == PERCEPT_OK; n++) {
            int64_t took = times[n].end_ns - times[n].start_ns;
            if (i == 0 || took < ns[n])
                ns[n] = took;
        }
        if (base_clock_ns() >= until_ns)
            break;
    }
    free(times);
    return status;
}

enum percept_status prt_trial_move(struct prt_model *model,
                                   const struct prt_backend *const *backends,
                                   struct percept_error *error)
{
    enum percept_status status = prt_variant_move(model->now, backends, error);
    if (status == PERCEPT_OK && prt_model_gave_up(model))
        return percept_fail(error, PERCEPT_UNSUPPORTED, "%s", prt_model_gave_up(model));
    return status;
}
