/* percept model run: one run, its outputs described or written to files. */
#include "base/clock.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/model.h"
#include "cli/tensor_file.h"

#include <math.h>
#include <stdlib.h>

#define SHOWN 8 /* first values of an output */

struct run {
    const char *path;
    struct cli_model_settings settings;
    struct base_option_list inputs;
    const char *output; /* folder; NULL: write nothing */
    bool json;
};

/* JSON has no NaN and no infinity. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *describe(const struct prt_tensor *spec, const void *data)
{
    char text[256];
    size_t count = prt_tensor_elements(spec);
    double low = INFINITY, high = -INFINITY, sum = 0;
    json_t *first = json_array();
    for (size_t i = 0; i < count; i++) {
        double value = cli_tensor_at(spec->dtype, data, i);
        low = fmin(low, value);
        high = fmax(high, value);
        sum += value;
        if (i < SHOWN)
            json_array_append_new(first, number(value));
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "tensor",
                     prt_tensor_describe(spec, text, sizeof text), "min", number(low), "max",
                     number(high), "mean", number(sum / (double)count), "first", first);
}

static json_t *describe_number(struct prt_scalar scalar)
{
    json_t *value = scalar.kind == PRT_VALUE_INT      ? json_integer(scalar.i)
                    : scalar.kind == PRT_VALUE_DOUBLE ? number(scalar.d)
                    : scalar.kind == PRT_VALUE_BOOL   ? json_boolean(scalar.b)
                                                      : json_null();
    return json_pack("{s:s, s:o}", "tensor", "scalar", "value", value);
}

static enum percept_status take_output(const struct run *run, const struct prt_model *model,
                                       size_t index, json_t *outputs, struct percept_error *error)
{
    const struct prt_tensor *spec = prt_model_output_spec(model, index);
    char stem[4096];
    size_t size = 0;
    if (!spec) {
        json_array_append_new(outputs, describe_number(prt_model_output_scalar(model, index)));
        return PERCEPT_OK;
    }
    prt_tensor_bytes(spec, &size);
    void *data = malloc(size ? size : 1);
    if (!data)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    enum percept_status status = prt_model_get_output(model, index, data, size, error);
    if (!status && run->output) {
        snprintf(stem, sizeof stem, "%s/output%zu", run->output, index);
        status = cli_tensor_write(stem, spec, data, error);
    }
    if (!status)
        json_array_append_new(outputs, describe(spec, data));
    free(data);
    return status;
}

static void print_output(size_t index, const json_t *output)
{
    size_t i;
    json_t *value;
    printf("output %zu: %s", index, json_string_value(json_object_get(output, "tensor")));
    if (json_object_get(output, "first")) {
        printf("  min %.6g  max %.6g  mean %.6g\n ",
               json_number_value(json_object_get(output, "min")),
               json_number_value(json_object_get(output, "max")),
               json_number_value(json_object_get(output, "mean")));
        json_array_foreach(json_object_get(output, "first"), i, value)
            printf(" %.6g", json_is_null(value) ? (double)NAN : json_number_value(value));
    }
    if (json_object_get(output, "value")) {
        char *text = json_dumps(json_object_get(output, "value"), JSON_ENCODE_ANY);
        printf(" %s", text ? text : "");
        free(text);
    }
    putchar('\n');
}

static int run_once(const struct run *run, struct prt_model *model)
{
    struct percept_error error = {0};
    json_t *outputs = json_array(), *output;
    size_t i;
    enum percept_status status = cli_model_fill(model, &run->inputs, &error);
    if (status) {
        json_decref(outputs);
        return cli_fail(CLI_INPUT, &error);
    }
    if (run->output)
        status = cli_make_directory(run->output, &error);
    int64_t start = base_clock_ns();
    if (!status)
        status = prt_model_run(model, &error);
    double ms = (double)(base_clock_ns() - start) / BASE_NS_PER_MS;
    for (i = 0; i < prt_model_output_count(model) && !status; i++)
        status = take_output(run, model, i, outputs, &error);
    if (status) {
        json_decref(outputs);
        return cli_fail(CLI_FAILURE, &error);
    }
    if (run->json) {
        cli_print_json(json_pack("{s:o, s:f, s:o}", "file", cli_json_text(run->path), "ms", ms,
                                 "outputs", outputs),
                       false);
        return CLI_OK;
    }
    json_array_foreach(outputs, i, output) print_output(i, output);
    printf("%.2f ms, the first run of this process\n", ms);
    json_decref(outputs);
    return CLI_OK;
}

int cli_model_run(int argc, char **argv)
{
    struct run run = {0};
    int operands, code;
    const struct base_option options[] = {
        {"input", "INDEX=FILE", "fill an input from a .npy or raw file, or INDEX=random[:1x3x48]",
         BASE_OPTION_LIST, &run.inputs},
        {"output", "DIR", "write the outputs there, output0.npy and so on", BASE_OPTION_TEXT,
         &run.output},
        CLI_OPTION_METHOD(run.settings),
        CLI_OPTION_BACKEND(run.settings),
        CLI_OPTION_FP16(run.settings),
        CLI_OPTION_THREADS(run.settings),
        CLI_OPTION_DATA(run.settings),
        CLI_OPTION_CACHE(run.settings),
        CLI_OPTION_JSON(&run.json),
    };
    const struct base_usage usage = {
        .program = "percept model run",
        .operands = "FILE",
        .purpose = "Run a model once. Inputs that are not given are random, the same each time.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    struct percept_error error = {0};
    struct cli_model model;
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    run.path = argv[1];
    enum percept_status status = cli_model_open(run.path, &run.settings, &model, &error);
    if (status)
        return cli_fail(cli_model_exit(status), &error);
    code = run_once(&run, model.model);
    cli_model_close(&model);
    return code;
}
