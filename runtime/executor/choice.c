/* Why: a variant of a model is made for numbers and sizes of the inputs; which they are, and
 * whether two variants' are alike. */
#include "runtime/executor/choice.h"

#include <stdlib.h>
#include <string.h>

struct prt_scalar prt_choice_scalar(const struct prt_graph *graph, const uint32_t *ids,
                                    size_t count, size_t index)
{
    struct prt_scalar scalar = {.kind = PRT_VALUE_NONE};
    if (index >= count)
        return scalar;
    const struct prt_value *value = &graph->values[ids[index]];
    if (value->kind == PRT_VALUE_INT)
        scalar = (struct prt_scalar){.kind = value->kind, .i = value->i};
    else if (value->kind == PRT_VALUE_DOUBLE)
        scalar = (struct prt_scalar){.kind = value->kind, .d = value->d};
    else if (value->kind == PRT_VALUE_BOOL)
        scalar = (struct prt_scalar){.kind = value->kind, .b = value->b};
    return scalar;
}

struct prt_choice *prt_choices_of(const struct prt_graph *graph)
{
    struct prt_choice *choices = calloc((size_t)graph->input_count + 1, sizeof *choices);
    if (choices)
        prt_choices_fill(graph, choices);
    return choices;
}

void prt_choices_fill(const struct prt_graph *graph, struct prt_choice *choices)
{
    for (uint32_t i = 0; i < graph->input_count; i++) {
        const struct prt_value *value = &graph->values[graph->inputs[i]];
        choices[i].number = prt_choice_scalar(graph, graph->inputs, graph->input_count, i);
        choices[i].sized = value->kind == PRT_VALUE_TENSOR;
        for (unsigned d = 0; choices[i].sized && d < value->tensor.rank; d++)
            choices[i].sizes[d] = value->tensor.sizes[d];
    }
}

static bool same_number(const struct prt_scalar *a, const struct prt_scalar *b)
{
    /* A double bit by bit, as the integer it shares its bytes with: NaN is itself, -0 is not 0. */
    if (a->kind != b->kind)
        return false;
    return a->kind == PRT_VALUE_INT || a->kind == PRT_VALUE_DOUBLE
               ? a->i == b->i
               : a->kind != PRT_VALUE_BOOL || a->b == b->b;
}

bool prt_choices_same(const struct prt_choice *a, const struct prt_choice *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!same_number(&a[i].number, &b[i].number) ||
            memcmp(a[i].sizes, b[i].sizes, sizeof a[i].sizes) != 0)
            return false;
    return true;
}

enum percept_status prt_choice_check(const struct prt_graph *graph, size_t index,
                                     const struct prt_choice *choice, struct percept_error *error)
{
    const struct prt_value *value = &graph->values[graph->inputs[index]];
    enum prt_value_kind kind = choice->number.kind;
    if (kind != PRT_VALUE_NONE &&
        (kind != value->kind || kind > PRT_VALUE_BOOL || value->kind == PRT_VALUE_TENSOR))
        return percept_fail(error, PERCEPT_INVALID, "input %zu is no such number", index);
    if (choice->sized && value->kind != PRT_VALUE_TENSOR)
        return percept_fail(error, PERCEPT_INVALID, "input %zu is no tensor", index);
    return PERCEPT_OK;
}

void prt_choice_apply(struct prt_choice *to, const struct prt_choice *from, unsigned rank)
{
    if (from->number.kind != PRT_VALUE_NONE)
        to->number = from->number;
    if (from->sized)
        memcpy(to->sizes, from->sizes, rank * sizeof *to->sizes);
}
