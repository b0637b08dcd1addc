/*
 * Why: Vulkan's calls are ATen's, but in their functional form: "aten.add.Tensor" with one result
 * behind its arguments, where the table has "aten::add.out". This file finds the row and arranges
 * the arguments as its signature wants them.
 */
#include "runtime/import_vulkan.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Where the name of the row does not follow from the name of the call. */
static const struct {
    const char *vulkan, *aten;
} renamed[] = {
    {"aten.add.Tensor", "aten::add.out"},
    {"aten.sub.Tensor", "aten::sub.out"},
    {"aten.mul.Tensor", "aten::mul.out"},
    {"aten.div.Tensor", "aten::div.out"},
    {"aten.div.Tensor_mode", "aten::div.out_mode"},
    {"aten.mean.dim", "aten::mean.out"},
    {"aten.sum.dim_IntList", "aten::sum.IntList_out"},
    {"aten.permute.default", "aten::permute_copy.out"},
    {"aten.arange.start_step", "aten::arange.start_out"},
    {"et_vk.prepack.default", "aten::alias_copy.out"},
    {"quantized_decomposed.choose_qparams.tensor",
     "quantized_decomposed::choose_qparams.Tensor_out"},
    {"quantized_decomposed.quantize_per_tensor.tensor",
     "quantized_decomposed::quantize_per_tensor.Tensor_out"},
    {"quantized_decomposed.dequantize_per_tensor.tensor",
     "quantized_decomposed::dequantize_per_tensor.Tensor_out"},
    {"sym_size.int", "aten::sym_size.int"},
    {"add", "executorch_prim::add.Scalar"},
    {"sub", "executorch_prim::sub.Scalar"},
    {"mul", "executorch_prim::mul.Scalar"},
    {"floordiv", "executorch_prim::floordiv.Scalar"},
};

enum { NAME_BYTES = 128 };

/* "aten.x.default" is "aten::x.out", "aten.x.y" is "aten::x.y_out". */
static const struct prt_aten_op *find_functional(const char *name)
{
    char wanted[2 * NAME_BYTES];
    const char *first = strchr(name, '.'), *last = strrchr(name, '.');
    if (!first || first == last)
        return NULL;
    bool plain = strcmp(last, ".default") == 0;
    snprintf(wanted, sizeof wanted, "%.*s::%.*s%s_out", (int)(first - name), name,
             (int)(last - first - 1), first + 1, last);
    const struct prt_aten_op *op = plain ? NULL : prt_aten_find(wanted);
    if (op)
        return op;
    snprintf(wanted, sizeof wanted, "%.*s::%.*s.out", (int)(first - name), name,
             (int)(last - first - 1), first + 1);
    return plain ? prt_aten_find(wanted) : NULL;
}

static const struct prt_aten_op *find(const char *name)
{
    static const struct prt_aten_table *const own[] = {&prt_vulkan_ops, &prt_vulkan_quant,
                                                       &prt_vulkan_packed, &prt_vulkan_rotary};
    for (size_t t = 0; t < sizeof own / sizeof own[0]; t++)
        for (size_t i = 0; i < own[t]->count; i++)
            if (strcmp(own[t]->ops[i].name, name) == 0)
                return &own[t]->ops[i];
    for (size_t i = 0; i < sizeof renamed / sizeof renamed[0]; i++)
        if (strcmp(renamed[i].vulkan, name) == 0)
            return prt_aten_find(renamed[i].aten);
    return find_functional(name);
}

/* The exporter keeps one value for 1, 1.0 and the like: whichever came first. */
static void settle_number(struct prt_import *import, char letter, uint32_t *argument,
                          uint32_t *spare)
{
    const struct prt_program_value *value = &import->values[*argument];
    if (toupper(letter) != 'I' || value->kind != PRT_VALUE_DOUBLE)
        return;
    bool in_range = value->d > -0x1p62 && value->d < 0x1p62; /* NaN is not */
    if (!in_range || value->d != (double)(int64_t)value->d)
        return;
    import->values[*spare] =
        (struct prt_program_value){.kind = PRT_VALUE_INT, .i = (int64_t)value->d};
    *argument = (*spare)++;
}

/* An empty list has no kind of its own: the exporter writes integers. */
static void settle_list(struct prt_import *import, char letter, uint32_t *argument, uint32_t *spare)
{
    const struct prt_program_value *value = &import->values[*argument];
    if (toupper(letter) != 'F' || value->kind != PRT_VALUE_INT_LIST || value->list.count)
        return;
    import->values[*spare] = (struct prt_program_value){.kind = PRT_VALUE_DOUBLE_LIST};
    *argument = (*spare)++;
}

/* The results in the places that the signature has for them. */
static enum percept_status place_results(struct prt_import *import, const char *letters,
                                         uint32_t result, uint32_t *args)
{
    const struct prt_program_value *value = &import->values[result];
    uint32_t next = 0;
    for (size_t i = 0; letters[i]; i++) {
        args[i] = result;
        if (letters[i] != 'O' && letters[i] != 'X' && letters[i] != 'Z')
            continue;
        if (value->kind == PRT_VALUE_TENSOR_LIST) {
            if (next >= value->list.count || value->list.ids[next] == PRT_NO_VALUE)
                return prt_import_fail(import, PERCEPT_MALFORMED, "has %u results",
                                       value->list.count);
            args[i] = value->list.ids[next];
        } else if (next > 0) {
            return prt_import_fail(import, PERCEPT_MALFORMED, "has one result");
        }
        next++;
    }
    return PERCEPT_OK;
}

static enum percept_status arrange(struct prt_import *import, const struct prt_aten_op *op,
                                   struct prt_fb_vector given, uint32_t spare,
                                   uint32_t args[PRT_CALL_ARGS])
{
    size_t operands = strcspn(op->signature, "OXYZR");
    if (given.count == 0 || given.count - 1 < operands)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has %u arguments instead of %zu",
                               given.count, operands + 1);
    for (uint32_t i = 0; i < given.count; i++)
        if (prt_fb_item(given, i, 4) >= import->method->value_count - PRT_VULKAN_SPARE)
            return prt_import_fail(import, PERCEPT_MALFORMED, "names value %u, which is not there",
                                   (uint32_t)prt_fb_item(given, i, 4));
    for (uint32_t i = 0; i < operands; i++) {
        args[i] = (uint32_t)prt_fb_item(given, i, 4);
        settle_number(import, op->signature[i], &args[i], &spare);
        settle_list(import, op->signature[i], &args[i], &spare);
    }
    /* What follows the operands are an element type, a device and the like: None all. */
    return place_results(import, op->signature + operands,
                         (uint32_t)prt_fb_item(given, given.count - 1, 4), args + operands);
}

enum percept_status prt_vulkan_call(struct prt_import *import, struct prt_fb_table table,
                                    uint32_t spare)
{
    size_t length;
    const char *text = prt_fb_text(table, 1, &length);
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1),
             text);
    const struct prt_aten_op *op = length < sizeof name ? find(name) : NULL;
    if (!op)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "the operator '%.64s' is not supported",
                               name);
    import->name = op->name;
    uint32_t args[PRT_CALL_ARGS] = {0};
    struct prt_call call;
    enum percept_status status = arrange(import, op, prt_fb_list(table, 2, 4), spare, args);
    if (status == PERCEPT_OK)
        status =
            prt_import_call(import, op->signature, args, (uint32_t)strlen(op->signature), &call);
    return status == PERCEPT_OK ? op->translate(import, op, &call) : status;
}
