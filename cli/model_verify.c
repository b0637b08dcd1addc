/*
 * percept model verify: does the runtime compute what the reference did?
 *
 * DIR/manifest.jsonl has an object a line: "test", "status", "pte" (a file in DIR), "method" (if
 * not "forward"), "inputs" and "outputs" (tensors with "dtype", "shape" and a raw row-major "file",
 * or scalars with "value"). "atol" and "rtol" may stand in a test or in an output. Lines without a
 * program (their export failed) are left out.
 */
#include "base/log.h"
#include "cli/cli.h"
#include "cli/file.h"
#include "cli/model.h"
#include "cli/model_selftest.h"
#include "cli/tensor_file.h"
#include "runtime/bundle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct verify {
    const char *folder;
    struct cli_model_settings settings;
    const char *only; /* part of a test's name */
    bool json;
    unsigned long passed, failed;
};

static const char *string_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* ---- reading an entry's tensors ---- */

static enum percept_status check_spec(const struct prt_tensor *spec, const json_t *entry,
                                      struct percept_error *error)
{
    char text[256];
    const json_t *shape = json_object_get(entry, "shape");
    bool same = strcmp(prt_dtype_name(spec->dtype), string_of(entry, "dtype")) == 0 &&
                json_array_size(shape) == spec->rank;
    for (unsigned i = 0; same && i < spec->rank; i++)
        same = json_integer_value(json_array_get(shape, i)) == spec->sizes[i];
    if (same)
        return PERCEPT_OK;
    char *wanted = json_dumps(shape, JSON_ENCODE_ANY | JSON_COMPACT);
    percept_fail(error, PERCEPT_INVALID, "the program has %s, the manifest %s%s",
                 prt_tensor_describe(spec, text, sizeof text), string_of(entry, "dtype"),
                 wanted ? wanted : "");
    free(wanted);
    return PERCEPT_INVALID;
}

static enum percept_status read_entry(const struct verify *verify, const struct prt_tensor *spec,
                                      const json_t *entry, void **data, size_t *size,
                                      struct percept_error *error)
{
    char path[4096];
    enum percept_status status = check_spec(spec, entry, error);
    if (status)
        return status;
    snprintf(path, sizeof path, "%s/%s", verify->folder, string_of(entry, "file"));
    return cli_tensor_read(path, spec, data, size, error);
}

static bool is_tensor(const json_t *entry)
{
    return strcmp(string_of(entry, "kind"), "tensor") == 0;
}

/* None stays None. */
static enum percept_status choose_number(const struct prt_model *model, size_t index,
                                         const json_t *entry, struct prt_choice *choice,
                                         struct percept_error *error)
{
    const json_t *value = json_object_get(entry, "value");
    struct prt_scalar scalar = {.kind = prt_model_input_scalar(model, index).kind};
    if (scalar.kind == PRT_VALUE_NONE)
        return json_is_null(value) ? PERCEPT_OK
                                   : percept_fail(error, PERCEPT_INVALID, "the program has None");
    if (scalar.kind == PRT_VALUE_INT && json_is_integer(value))
        scalar.i = json_integer_value(value);
    else if (scalar.kind == PRT_VALUE_DOUBLE && json_is_number(value))
        scalar.d = json_number_value(value);
    else if (scalar.kind == PRT_VALUE_BOOL && json_is_boolean(value))
        scalar.b = json_is_true(value);
    else
        return percept_fail(error, PERCEPT_INVALID, "the program has another kind of number");
    choice->number = scalar;
    return PERCEPT_OK;
}

/* Sizes of an input of dynamic shape; what does not fit is found when the file is read. */
static void choose_sizes(const struct prt_model *model, size_t index, const json_t *entry,
                         struct prt_choice *choice)
{
    const struct prt_tensor *bound = prt_model_input_bound(model, index);
    const json_t *shape = json_object_get(entry, "shape");
    if (!bound || json_array_size(shape) != bound->rank)
        return;
    choice->sized = true;
    for (unsigned d = 0; d < bound->rank; d++) {
        json_int_t size = json_integer_value(json_array_get(shape, d));
        choice->sizes[d] = size < 0 || size > INT32_MAX ? -1 : (int32_t)size;
    }
}

/* Numbers and sizes are chosen together: what is compiled depends on all of them. */
static enum percept_status choose(struct prt_model *model, const json_t *entries,
                                  struct percept_error *error)
{
    size_t i, count = prt_model_input_count(model);
    json_t *entry;
    struct prt_choice *choices = calloc(count + 1, sizeof *choices);
    enum percept_status status = PERCEPT_OK;
    if (!choices)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    json_array_foreach(entries, i, entry)
    {
        bool tensor = prt_model_input_spec(model, i) != NULL;
        if (status)
            break;
        if (tensor != is_tensor(entry))
            status = percept_fail(error, PERCEPT_INVALID, "only one side is a tensor");
        else if (tensor)
            choose_sizes(model, i, entry, &choices[i]);
        else
            status = choose_number(model, i, entry, &choices[i], error);
        if (status)
            percept_fail(error, status, "input %zu: %s", i, error->message);
    }
    if (!status)
        status = prt_model_choose(model, choices, count, error);
    free(choices);
    return status;
}

static enum percept_status set_inputs(const struct verify *verify, struct prt_model *model,
                                      const json_t *entries, struct percept_error *error)
{
    size_t i;
    json_t *entry;
    if (json_array_size(entries) != prt_model_input_count(model))
        return percept_fail(error, PERCEPT_INVALID, "the program has %zu inputs, the manifest %zu",
                            prt_model_input_count(model), json_array_size(entries));
    enum percept_status status = choose(model, entries, error);
    json_array_foreach(entries, i, entry)
    {
        const struct prt_tensor *spec = prt_model_input_spec(model, i);
        void *data;
        size_t size;
        if (status)
            return status;
        if (!spec)
            continue;
        status = read_entry(verify, spec, entry, &data, &size, error);
        if (status)
            return percept_fail(error, status, "input %zu: %s", i, error->message);
        status = prt_model_set_input(model, i, data, size, error);
        free(data);
    }
    return status;
}

/* ---- comparing ---- */

/* Stated for an output, else for its test, else what the dtype makes usual. Of atol and rtol, one
 * that is not stated beside the other is 0. */
static struct cli_tolerance tolerance_of(const json_t *test, const json_t *entry,
                                         enum prt_dtype dtype)
{
    const json_t *levels[] = {entry, test};
    for (size_t i = 0; i < 2; i++) {
        const json_t *absolute = json_object_get(levels[i], "atol"),
                     *relative = json_object_get(levels[i], "rtol");
        if (json_is_number(absolute) || json_is_number(relative))
            return (struct cli_tolerance){json_number_value(absolute), json_number_value(relative)};
    }
    return cli_tensor_tolerance(dtype);
}

static enum percept_status compare_tensor(const struct verify *verify,
                                          const struct prt_model *model, const json_t *test,
                                          size_t index, const json_t *entry, double *max_absolute,
                                          struct percept_error *error)
{
    const struct prt_tensor *spec = prt_model_output_spec(model, index);
    void *want, *got;
    size_t size;
    enum percept_status status = read_entry(verify, spec, entry, &want, &size, error);
    if (status)
        return status;
    got = malloc(size ? size : 1);
    if (!got) {
        free(want);
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    }
    status = prt_model_get_output(model, index, got, size, error);
    if (!status) {
        struct cli_difference difference =
            cli_tensor_compare(spec, got, want, tolerance_of(test, entry, spec->dtype));
        *max_absolute = fmax(*max_absolute, difference.max_absolute);
        if (difference.count)
            status =
                percept_fail(error, PERCEPT_INVALID,
                             "%zu of %zu elements differ, max abs diff %g; element %zu is %.9g, "
                             "should be %.9g",
                             difference.count, prt_tensor_elements(spec), difference.max_absolute,
                             difference.first, cli_tensor_at(spec->dtype, got, difference.first),
                             cli_tensor_at(spec->dtype, want, difference.first));
    }
    free(got);
    free(want);
    return status;
}

/* A scalar result is one that the program states: there is nothing to run, but it must be right. */
static enum percept_status compare_scalar(const struct prt_model *model, size_t index,
                                          const json_t *entry, struct percept_error *error)
{
    const struct prt_graph *graph = prt_model_graph(model);
    const struct prt_value *value = &graph->values[graph->outputs[index]];
    const json_t *want = json_object_get(entry, "value");
    bool same = false;
    switch (value->kind) {
    case PRT_VALUE_NONE:
        same = json_is_null(want);
        break;
    case PRT_VALUE_INT:
        same = json_is_integer(want) && json_integer_value(want) == value->i;
        break;
    case PRT_VALUE_DOUBLE:
        same = json_is_number(want) && json_number_value(want) == value->d;
        break;
    case PRT_VALUE_BOOL:
        same = json_is_boolean(want) && json_is_true(want) == value->b;
        break;
    default:
        break;
    }
    return same ? PERCEPT_OK : percept_fail(error, PERCEPT_INVALID, "the scalar differs");
}

static enum percept_status compare_outputs(const struct verify *verify,
                                           const struct prt_model *model, const json_t *test,
                                           double *max_absolute, struct percept_error *error)
{
    const json_t *entries = json_object_get(test, "outputs");
    size_t i;
    json_t *entry;
    if (json_array_size(entries) != prt_model_output_count(model))
        return percept_fail(error, PERCEPT_INVALID, "the program has %zu outputs, the manifest %zu",
                            prt_model_output_count(model), json_array_size(entries));
    json_array_foreach(entries, i, entry)
    {
        enum percept_status status;
        bool tensor = prt_model_output_spec(model, i) != NULL;
        if (tensor != is_tensor(entry))
            status = percept_fail(error, PERCEPT_INVALID, "only one side is a tensor");
        else if (tensor)
            status = compare_tensor(verify, model, test, i, entry, max_absolute, error);
        else
            status = compare_scalar(model, i, entry, error);
        if (status)
            return percept_fail(error, status, "output %zu: %s", i, error->message);
    }
    return PERCEPT_OK;
}

/* ---- the manifest ---- */

static enum percept_status run_test(const struct verify *verify, const json_t *test,
                                    double *max_absolute, struct percept_error *error)
{
    char path[4096];
    struct cli_model model;
    struct cli_model_settings settings = verify->settings;
    settings.method = json_string_value(json_object_get(test, "method"));
    snprintf(path, sizeof path, "%s/%s", verify->folder, string_of(test, "pte"));
    enum percept_status status = cli_model_open(path, &settings, &model, error);
    if (status)
        return status;
    status = set_inputs(verify, model.model, json_object_get(test, "inputs"), error);
    if (!status)
        status = prt_model_run(model.model, error);
    if (!status)
        status = compare_outputs(verify, model.model, test, max_absolute, error);
    cli_model_close(&model);
    return status;
}

static void judge(struct verify *verify, const json_t *test)
{
    struct percept_error error = {0};
    double max_absolute = 0;
    const char *name = string_of(test, "test");
    enum percept_status status = run_test(verify, test, &max_absolute, &error);
    status ? verify->failed++ : verify->passed++;
    if (verify->json)
        cli_print_json(json_pack("{s:s, s:b, s:o, s:o}", "test", name, "passed", !status, "max_abs",
                                 isfinite(max_absolute) ? json_real(max_absolute) : json_null(),
                                 "message", cli_json_text(status ? error.message : "")),
                       true);
    else if (status)
        printf("FAIL %s: %s\n", name, error.message);
    fflush(stdout); /* progress is worth seeing, and a crash must not eat it */
}

static int verify_folder(struct verify *verify)
{
    char path[4096];
    void *text;
    size_t size;
    struct percept_error error = {0};
    unsigned line = 0;
    snprintf(path, sizeof path, "%s/manifest.jsonl", verify->folder);
    if (cli_file_read(path, &text, &size, &error))
        return cli_fail(CLI_INPUT, &error);
    int code = CLI_OK;
    for (char *at = text, *end; *at && !code; at = end) {
        end = at + strcspn(at, "\n");
        json_error_t where;
        line++;
        if (end > at) {
            json_t *test = json_loadb(at, (size_t)(end - at), 0, &where);
            if (!json_is_object(test)) {
                percept_fail_at(&error, PERCEPT_MALFORMED, path, line,
                                test ? 1 : (unsigned)where.column, "%s",
                                test ? "expected an object" : where.text);
                code = cli_fail(CLI_INPUT, &error);
            } else if (json_is_string(json_object_get(test, "pte")) &&
                       json_is_array(json_object_get(test, "outputs")) &&
                       (!verify->only || strstr(string_of(test, "test"), verify->only))) {
                judge(verify, test);
            }
            json_decref(test);
        }
        end += *end == '\n';
    }
    free(text);
    if (code)
        return code;
    if (verify->json)
        cli_print_json(json_pack("{s:I, s:I}", "passed", (json_int_t)verify->passed, "failed",
                                 (json_int_t)verify->failed),
                       true);
    else
        printf("%lu passed, %lu failed\n", verify->passed, verify->failed);
    /* Nothing compared is nothing proved. */
    return verify->failed || !verify->passed ? CLI_FAILURE : CLI_OK;
}

int cli_model_verify(int argc, char **argv)
{
    struct verify verify = {.settings.threads = 1};
    int operands, code;
    const struct base_option options[] = {
        CLI_OPTION_BACKEND(verify.settings),
        CLI_OPTION_FP16(verify.settings),
        {"threads", "N", "how many threads; 1 if not given", BASE_OPTION_COUNT,
         &verify.settings.threads},
        {"only", "TEXT", "only tests whose name contains it", BASE_OPTION_TEXT, &verify.only},
        {"json", NULL, "print a JSON object a test, then the totals", BASE_OPTION_FLAG,
         &verify.json},
    };
    const struct base_usage usage = {
        .program = "percept model verify",
        .operands = "DIR|FILE.bpte",
        .purpose =
            "Compare with reference outputs: those of DIR/manifest.jsonl, or of a bundled program.",
        .least = 1,
        .most = 1,
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    if (!cli_parse(&usage, argc, argv, &operands, &code))
        return code;
    verify.folder = argv[1];
    if (prt_bundle_is_one(verify.folder))
        return cli_verify_bundle(verify.folder, &verify.settings, verify.json);
    return verify_folder(&verify);
}
