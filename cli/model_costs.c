/* Why: somebody who lets cost decide wants to see the figures: what ran how long, and what that
 * says of each piece. */
#include "backends/backends.h"
#include "base/clock.h"
#include "cli/model.h"
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>

static double us(int64_t ns)
{
    return (double)ns / BASE_NS_PER_US;
}

/* "vulkan+cpu" */
static const char *list_of(const struct prt_placement *placement, const struct prt_trial *trial,
                           char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < trial->list_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? "+" : "",
                                 placement->names[trial->list[i]]);
    return text;
}

static json_t *trials_json(const struct prt_placement *placement)
{
    json_t *list = json_array();
    char text[160];
    for (uint32_t i = 0; i < placement->trial_count; i++) {
        const struct prt_trial *trial = &placement->trials[i];
        json_t *row =
            json_pack("{s:s, s:b, s:b}", "backends", list_of(placement, trial, text, sizeof text),
                      "mixed", trial->is_mixed, "chosen", trial->ns && i == placement->chosen);
        if (trial->ns) {
            json_object_set_new(row, "us", json_real(us(trial->ns)));
            if (trial->beside_ns >= 0)
                json_object_set_new(row, "beside_nodes_us", json_real(us(trial->beside_ns)));
            json_object_set_new(row, "segments", json_integer(trial->segments));
        } else {
            json_object_set_new(row, "why",
                                cli_json_text(trial->why[0] ? trial->why : "no time was left"));
        }
        json_array_append_new(list, row);
    }
    for (size_t i = 0; percept_known_backends[i]; i++)
        if (percept_known_backends[i]->absent())
            json_array_append_new(list,
                                  json_pack("{s:s, s:b, s:b, s:s}", "backends",
                                            percept_known_backends[i]->name, "mixed", 0, "chosen",
                                            0, "why", percept_known_backends[i]->absent()));
    return list;
}

static json_t *pieces_json(const struct prt_placement *placement)
{
    json_t *list = json_array();
    char text[160];
    for (uint32_t i = 0; i < placement->piece_count; i++) {
        const struct prt_piece *piece = &placement->pieces[i];
        const struct prt_trial *trial = &placement->trials[piece->trial];
        json_t *costs = json_array();
        for (unsigned b = 0; b < trial->list_count; b++) {
            unsigned name = trial->list[b];
            if (piece->ns[name] || piece->home == name)
                json_array_append_new(costs,
                                      json_pack("{s:s, s:f, s:f}", "backend",
                                                placement->names[name], "us", us(piece->ns[name]),
                                                "crossing_us", us(piece->crossing_ns[name])));
        }
        json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:s, s:o, s:s}", "backends",
                                              list_of(placement, trial, text, sizeof text), "first",
                                              (int)piece->first, "last", (int)piece->last, "ops",
                                              piece->ops, "costs", costs, "cheapest",
                                              placement->names[piece->home]));
    }
    return list;
}

json_t *cli_model_costs(const struct prt_model *model)
{
    const struct prt_placement *placement = prt_model_placed(model);
    if (!placement)
        return NULL;
    return json_pack("{s:o, s:o, s:i, s:b, s:f}", "models", trials_json(placement), "pieces",
                     pieces_json(placement), "pieces_left_out", (int)placement->pieces_left_out,
                     "cached", placement->is_kept, "measured_ms",
                     (double)placement->spent_ns / 1e6);
}

/* ---- for people ---- */

static const char *string_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void print_models(const json_t *models)
{
    static const char *const keys[] = {"us", "beside_nodes_us", "segments"};
    static const char *const titles[] = {"MODEL ON", "US", "BESIDE NODES", "SEGMENTS", ""};
    struct cli_table table;
    size_t i;
    json_t *row;
    cli_table_begin(&table, "lrrrl", titles);
    json_array_foreach(models, i, row)
    {
        cli_table_cell(&table, "%s%s", string_of(row, "backends"),
                       json_is_true(json_object_get(row, "mixed")) ? ", mixed" : "");
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
            cli_table_cell(&table, json_object_get(row, keys[k]) ? "%.0f" : "-",
                           number_of(row, keys[k]));
        cli_table_cell(&table, "%s",
                       json_is_true(json_object_get(row, "chosen")) ? "chosen"
                                                                    : string_of(row, "why"));
    }
    cli_table_end(&table, 2, "\n", stdout);
}

/* "vulkan 5210 + 300 crossing, cpu 610: cpu" */
static void print_piece(const json_t *piece)
{
    size_t i;
    json_t *cost;
    printf("  of %s, nodes %lld..%lld (%s): ", string_of(piece, "backends"),
           (long long)json_integer_value(json_object_get(piece, "first")),
           (long long)json_integer_value(json_object_get(piece, "last")), string_of(piece, "ops"));
    json_array_foreach(json_object_get(piece, "costs"), i, cost)
    {
        printf("%s%s %.0f", i ? ", " : "", string_of(cost, "backend"), number_of(cost, "us"));
        if (number_of(cost, "crossing_us") > 0)
            printf(" + %.0f crossing", number_of(cost, "crossing_us"));
    }
    printf(": %s\n", string_of(piece, "cheapest"));
}

void cli_model_print_costs(const json_t *costs)
{
    size_t i;
    json_t *piece;
    if (!costs)
        return;
    printf("costs in us, measured in %.0f ms%s; a later row must win by a tenth\n",
           number_of(costs, "measured_ms"),
           json_is_true(json_object_get(costs, "cached")) ? " by an earlier model" : "");
    print_models(json_object_get(costs, "models"));
    json_array_foreach(json_object_get(costs, "pieces"), i, piece) print_piece(piece);
    if (number_of(costs, "pieces_left_out") > 0)
        printf("  and %.0f more\n", number_of(costs, "pieces_left_out"));
}
