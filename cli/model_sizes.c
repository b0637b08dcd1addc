/* Why: inputs of dynamic shape. An .npy file says how large it is; random contents are told. */
#include "cli/model.h"
#include "cli/tensor_file.h"

#include <stdlib.h>
#include <string.h>

const char *cli_model_assigned(const struct base_option_list *inputs, size_t index)
{
    for (unsigned i = inputs->count; i-- > 0;) {
        char *end;
        unsigned long which = strtoul(inputs->items[i], &end, 10);
        if (end != inputs->items[i] && *end == '=' && which == index)
            return end + 1;
    }
    return NULL;
}

/* "1x3x48x200" for a tensor of four dimensions. */
static bool parse_sizes(const char *text, unsigned rank, int32_t *sizes)
{
    for (unsigned i = 0; i < rank; i++) {
        char *end;
        unsigned long size = strtoul(text, &end, 10);
        if (end == text || *text == '-' || size > INT32_MAX || *end != (i + 1 < rank ? 'x' : '\0'))
            return false;
        sizes[i] = (int32_t)size;
        text = end + 1;
    }
    return true;
}

enum percept_status cli_model_resize(struct prt_model *model, const struct base_option_list *inputs,
                                     struct percept_error *error)
{
    size_t count = prt_model_input_count(model);
    bool any = false;
    struct prt_choice *choices = calloc(count + 1, sizeof *choices);
    enum percept_status status = PERCEPT_OK;
    if (!choices)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count && !status; i++) {
        const char *from = cli_model_assigned(inputs, i);
        const struct prt_tensor *spec = prt_model_input_spec(model, i);
        if (!from || !spec)
            continue;
        if (strncmp(from, "random:", 7) == 0) {
            choices[i].sized = parse_sizes(from + 7, spec->rank, choices[i].sizes);
            if (!choices[i].sized)
                status = percept_fail(error, PERCEPT_INVALID,
                                      "input %zu has %u dimensions; '%s' are not its sizes", i,
                                      spec->rank, from + 7);
        } else if (prt_model_input_bound(model, i)) {
            choices[i].sized = cli_tensor_shape(from, spec->rank, choices[i].sizes);
        }
        any |= choices[i].sized;
    }
    if (!status && any)
        status = prt_model_choose(model, choices, count, error);
    free(choices);
    return status;
}
