/* Why: somebody who asks for a backend wants to see what it runs, what it does not, and why. */
#include "cli/model.h"

#include "cli/table.h"

#include <string.h>

static const struct prt_node *node_of(const struct prt_model *model, uint32_t n)
{
    return &prt_model_graph(model)->nodes[n];
}

/* Runs of nodes on one backend: [{"backend", "first", "nodes"}]. */
static json_t *segments_json(const struct prt_model *model)
{
    json_t *list = json_array();
    const struct prt_backend *last = NULL;
    uint32_t first = 0, nodes = 0, count = prt_model_graph(model)->node_count;
    for (uint32_t n = 0; n <= count; n++) {
        const struct prt_backend *here = n < count ? prt_model_placement(model, n) : NULL;
        if (n < count && (!here || here == last)) {
            nodes += here != NULL;
            continue;
        }
        if (last)
            json_array_append_new(list, json_pack("{s:s, s:i, s:i}", "backend", last->name, "first",
                                                  (int)first, "nodes", (int)nodes));
        last = here;
        first = n;
        nodes = 1;
    }
    return list;
}

/* What is not on the backend that was asked for: [{"op", "nodes", "backend", "why"}]. */
static json_t *left_json(const struct prt_model *model, const struct prt_backend *wanted)
{
    json_t *list = json_array();
    for (uint32_t n = 0; n < prt_model_graph(model)->node_count; n++) {
        const struct prt_backend *here = prt_model_placement(model, n);
        if (!here || here == wanted)
            continue;
        const char *op = prt_op_name(node_of(model, n)->op);
        const char *why =
            wanted->refuses ? wanted->refuses(prt_model_graph(model), node_of(model, n)) : NULL;
        why = why ? why : "it does not run it";
        size_t i;
        json_t *row, *found = NULL;
        json_array_foreach(list, i, row)
        {
            if (strcmp(json_string_value(json_object_get(row, "op")), op) == 0 &&
                strcmp(json_string_value(json_object_get(row, "why")), why) == 0)
                found = row;
        }
        if (!found) {
            found = json_pack("{s:s, s:i, s:s, s:s}", "op", op, "nodes", 0, "backend", here->name,
                              "why", why);
            json_array_append_new(list, found);
        }
        json_object_set_new(found, "nodes",
                            json_integer(json_integer_value(json_object_get(found, "nodes")) + 1));
    }
    return list;
}

json_t *cli_model_split(const struct prt_model *model, const struct prt_backend *wanted)
{
    const char *gave_up = prt_model_gave_up(model);
    json_t *split = json_pack("{s:o}", "segments", segments_json(model));
    if (wanted)
        json_object_set_new(split, "left", left_json(model, wanted));
    if (gave_up)
        json_object_set_new(split, "gave_up", cli_json_text(gave_up));
    return split;
}

void cli_model_print_split(const json_t *split)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(split, "segments"), i, row)
        printf("  segment %zu: %s, %lld nodes from node %lld on\n", i,
               json_string_value(json_object_get(row, "backend")),
               (long long)json_integer_value(json_object_get(row, "nodes")),
               (long long)json_integer_value(json_object_get(row, "first")));
    json_array_foreach(json_object_get(split, "left"), i, row)
        printf("  left to %s: %lld %s: %s\n", json_string_value(json_object_get(row, "backend")),
               (long long)json_integer_value(json_object_get(row, "nodes")),
               json_string_value(json_object_get(row, "op")),
               json_string_value(json_object_get(row, "why")));
    const char *gave_up = json_string_value(json_object_get(split, "gave_up"));
    if (gave_up)
        printf("  given up: %s\n", gave_up);
}
