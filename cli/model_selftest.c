/* Why: a `.bpte` file brings its tests along: the program's own inputs and what should come out. */
#include "cli/model_selftest.h"

#include "backends/backends.h"
#include "cli/tensor_file.h"
#include "runtime/bundle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- one case ---- */

static bool same_sizes(const struct prt_tensor *a, const struct prt_tensor *b)
{
    bool same = a->dtype == b->dtype && a->rank == b->rank;
    for (unsigned i = 0; same && i < a->rank; i++)
        same = a->sizes[i] == b->sizes[i];
    return same;
}

/* The bytes of a test's tensor row by row, malloc'ed. */
static void *rows_of(const struct prt_bundle_value *value, size_t *size)
{
    size_t element = prt_dtype_size(value->tensor.spec.dtype);
    prt_tensor_bytes(&value->tensor.spec, size);
    void *rows = malloc(*size ? *size : 1);
    int64_t strides[PRT_MAX_RANK], index[PRT_MAX_RANK] = {0}, at = 0;
    const struct prt_tensor *spec = &value->tensor.spec;
    prt_tensor_strides(spec, strides);
    for (size_t n = 0; rows && element && n < *size / element; n++) {
        memcpy((char *)rows + n * element, (const char *)value->tensor.data + (size_t)at * element,
               element);
        for (unsigned d = spec->rank; d-- > 0;) {
            at += strides[d];
            if (++index[d] < spec->sizes[d])
                break;
            at -= strides[d] * spec->sizes[d];
            index[d] = 0;
        }
    }
    return rows;
}

static enum percept_status differ(const struct prt_tensor *program, const struct prt_tensor *test,
                                  struct percept_error *error)
{
    char a[256], b[256];
    return percept_fail(error, PERCEPT_INVALID, "the program has %s, the test %s",
                        prt_tensor_describe(program, a, sizeof a),
                        prt_tensor_describe(test, b, sizeof b));
}

/* The test's numbers, and its sizes where the program leaves them open. */
static enum percept_status choose(struct prt_model *model, const struct prt_bundle_case *test,
                                  struct percept_error *error)
{
    struct prt_choice *choices = calloc((size_t)test->input_count + 1, sizeof *choices);
    if (!choices)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    for (uint32_t i = 0; i < test->input_count; i++) {
        const struct prt_bundle_value *value = &test->inputs[i];
        const struct prt_tensor *bound = prt_model_input_bound(model, i);
        struct prt_scalar number = prt_model_input_scalar(model, i);
        if (value->kind == PRT_VALUE_TENSOR && bound && bound->rank == value->tensor.spec.rank) {
            choices[i].sized = true;
            memcpy(choices[i].sizes, value->tensor.spec.sizes, sizeof choices[i].sizes);
        } else if (number.kind != PRT_VALUE_NONE && number.kind == value->kind) {
            choices[i].number = (struct prt_scalar){.kind = value->kind, .i = value->i};
            if (value->kind == PRT_VALUE_DOUBLE)
                choices[i].number.d = value->d;
            else if (value->kind == PRT_VALUE_BOOL)
                choices[i].number.b = value->b;
        }
    }
    enum percept_status status = prt_model_choose(model, choices, test->input_count, error);
    free(choices);
    return status;
}

static enum percept_status set_inputs(struct prt_model *model, const struct prt_bundle_case *test,
                                      struct percept_error *error)
{
    if (test->input_count != prt_model_input_count(model))
        return percept_fail(error, PERCEPT_INVALID, "the program has %zu inputs, the test %u",
                            prt_model_input_count(model), test->input_count);
    enum percept_status chosen = choose(model, test, error);
    for (uint32_t i = 0; i < test->input_count && !chosen; i++) {
        const struct prt_bundle_value *value = &test->inputs[i];
        const struct prt_tensor *spec = prt_model_input_spec(model, i);
        if (!spec)
            continue; /* a number */
        if (value->kind != PRT_VALUE_TENSOR || !same_sizes(spec, &value->tensor.spec))
            return value->kind == PRT_VALUE_TENSOR
                       ? differ(spec, &value->tensor.spec, error)
                       : percept_fail(error, PERCEPT_INVALID, "input %u is no tensor", i);
        size_t size;
        void *rows = rows_of(value, &size);
        enum percept_status status = rows ? prt_model_set_input(model, i, rows, size, error)
                                          : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
        free(rows);
        if (status)
            return status;
    }
    return chosen;
}

static enum percept_status compare_tensor(const struct prt_model *model, uint32_t index,
                                          const struct prt_bundle_value *value,
                                          double *max_absolute, struct percept_error *error)
{
    const struct prt_tensor *spec = prt_model_output_spec(model, index);
    if (!spec)
        return percept_fail(error, PERCEPT_INVALID, "only one side is a tensor");
    if (!same_sizes(spec, &value->tensor.spec))
        return differ(spec, &value->tensor.spec, error);
    size_t size;
    void *want = rows_of(value, &size), *got = malloc(size ? size : 1);
    enum percept_status status = want && got
                                     ? prt_model_get_output(model, index, got, size, error)
                                     : percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    if (!status) {
        struct cli_difference difference =
            cli_tensor_compare(spec, got, want, cli_tensor_tolerance(spec->dtype));
        *max_absolute = fmax(*max_absolute, difference.max_absolute);
        if (difference.count)
            status = percept_fail(
                error, PERCEPT_INVALID, "output %u: %zu of %zu elements differ, max abs diff %g",
                index, difference.count, prt_tensor_elements(spec), difference.max_absolute);
    }
    free(want);
    free(got);
    return status;
}

static enum percept_status compare_scalar(const struct prt_model *model, uint32_t index,
                                          const struct prt_bundle_value *want,
                                          struct percept_error *error)
{
    const struct prt_graph *graph = prt_model_graph(model);
    const struct prt_value *got = &graph->values[graph->outputs[index]];
    bool same = got->kind == want->kind;
    if (same && got->kind == PRT_VALUE_INT)
        same = got->i == want->i;
    else if (same && got->kind == PRT_VALUE_DOUBLE)
        same = got->d == want->d;
    else if (same && got->kind == PRT_VALUE_BOOL)
        same = got->b == want->b;
    return same ? PERCEPT_OK
                : percept_fail(error, PERCEPT_INVALID, "output %u: the scalar differs", index);
}

static enum percept_status run_case(const struct prt_bundle_case *test, struct prt_model *model,
                                    double *max_absolute, struct percept_error *error)
{
    enum percept_status status = set_inputs(model, test, error);
    if (!status)
        status = prt_model_run(model, error);
    if (!status && test->output_count != prt_model_output_count(model))
        status = percept_fail(error, PERCEPT_INVALID, "the program has %zu outputs, the test %u",
                              prt_model_output_count(model), test->output_count);
    for (uint32_t i = 0; i < test->output_count && !status; i++) {
        const struct prt_bundle_value *value = &test->outputs[i];
        status = value->kind == PRT_VALUE_TENSOR
                     ? compare_tensor(model, i, value, max_absolute, error)
                     : compare_scalar(model, i, value, error);
    }
    return status;
}

/* ---- all of them ---- */

static void report(const struct prt_bundle_case *test, size_t index, enum percept_status status,
                   double max_absolute, const char *message, bool json)
{
    char name[128];
    snprintf(name, sizeof name, "%.96s[%zu]", test->method, index);
    if (json)
        cli_print_json(json_pack("{s:o, s:b, s:o, s:o}", "test", cli_json_text(name), "passed",
                                 !status, "max_abs",
                                 isfinite(max_absolute) ? json_real(max_absolute) : json_null(),
                                 "message", cli_json_text(status ? message : "")),
                       true);
    else if (status)
        printf("FAIL %s: %s\n", name, message);
}

int cli_verify_bundle(const char *path, const struct cli_model_settings *settings, bool json)
{
    struct percept_error error = {0};
    struct prt_bundle *bundle;
    struct base_pool *pool = NULL;
    struct cli_model chosen = {0};
    size_t passed = 0, failed = 0;
    enum percept_status status = cli_model_choose_backend(settings, &chosen, &error);
    if (!status)
        status = prt_bundle_open(path, &bundle, &error);
    if (status)
        return cli_fail(cli_model_exit(status), &error);
    status = base_pool_create((unsigned)settings->threads, &pool, &error);
    for (size_t i = 0; i < prt_bundle_case_count(bundle) && !status; i++) {
        const struct prt_bundle_case *test = prt_bundle_case(bundle, i);
        const struct prt_model_options options = {.method = test->method,
                                                  .backends = chosen.backends[0] ? chosen.backends
                                                                                 : percept_backends,
                                                  .half = settings->half,
                                                  .measure_ns = chosen.measure_ns,
                                                  .pool = pool};
        struct prt_model *model = NULL;
        double max_absolute = 0;
        enum percept_status outcome =
            prt_model_create(prt_bundle_program(bundle), &options, &model, &error);
        if (!outcome)
            outcome = run_case(test, model, &max_absolute, &error);
        report(test, i, outcome, max_absolute, error.message, json);
        outcome ? failed++ : passed++;
        prt_model_destroy(model);
    }
    base_pool_destroy(pool);
    prt_bundle_close(bundle);
    if (status)
        return cli_fail(CLI_FAILURE, &error);
    if (json)
        cli_print_json(
            json_pack("{s:I, s:I}", "passed", (json_int_t)passed, "failed", (json_int_t)failed),
            true);
    else
        printf("%zu passed, %zu failed\n", passed, failed);
    return failed || !passed ? CLI_FAILURE : CLI_OK;
}
