/*
 * Why: an import follows a program's jumps, and a graph has none. A condition that the import knows
 * decides at once. One that only the data decide is taken to be what a run found before, and the
 * graph has an EXPECT that compares (see import_data_sizes.c): so each way through a program is a
 * graph of its own, in which a loop is unrolled, and nothing is computed that the program leaves
 * out.
 */
#include "runtime/import_aten.h"

#include <string.h>

/* How often a jump was decided by data, and how often of these a run had found the answer. */
struct prt_import_jumps {
    uint32_t passes, known;
};

/* ---- states that other ways read ---- */

enum { READ = 1, WRITTEN = 2, CHANGED = 4 }; /* CHANGED: read first, then written by an operator */

struct scan {
    struct prt_import *import;
    uint8_t *seen; /* by value */
};

static void reads(struct scan *scan, uint32_t v)
{
    if (v != PRT_NO_VALUE && !(scan->seen[v] & WRITTEN))
        scan->seen[v] |= READ;
}

static void writes(struct scan *scan, uint32_t v, bool by_operator)
{
    if (v == PRT_NO_VALUE)
        return;
    if (scan->seen[v] & READ && by_operator)
        scan->seen[v] |= CHANGED;
    scan->seen[v] |= WRITTEN;
}

static void each_item(struct scan *scan, uint32_t v, bool written)
{
    const struct prt_program_value *value = &scan->import->values[v];
    if (value->kind == PRT_VALUE_TENSOR)
        written ? writes(scan, v, true) : reads(scan, v);
    for (uint32_t i = 0; value->kind == PRT_VALUE_TENSOR_LIST && i < value->list.count; i++)
        written ? writes(scan, value->list.ids[i], true) : reads(scan, value->list.ids[i]);
}

static void scan_kernel(struct scan *scan, const struct prt_instruction *call)
{
    const struct prt_aten_op *op = prt_aten_find(scan->import->method->operators[call->index]);
    if (!op || strlen(op->signature) != call->count)
        return; /* it will be refused where a run comes by */
    bool has_output = strpbrk(op->signature, "OK") != NULL;
    for (int written = 0; written < 2; written++) {
        for (uint32_t i = 0; i < call->count; i++) {
            char letter = op->signature[i];
            /* An operator without a result repeats the argument that it changes. */
            bool result = strchr("OKXY", letter) || (letter == 'R' && !has_output);
            if (letter != 'R' || result)
                if (letter != '_' && result == (written != 0))
                    each_item(scan, call->args[i], written != 0);
        }
    }
}

/* In the order of the text, which is that of each way through it: what reads a tensor before
 * anything writes it, and an operator that writes it later. */
static void scan_instruction(struct scan *scan, const struct prt_instruction *instruction)
{
    if (instruction->kind == PRT_INSTRUCTION_KERNEL)
        scan_kernel(scan, instruction);
    for (uint32_t i = 0; instruction->kind == PRT_INSTRUCTION_DELEGATE && i < instruction->count;
         i++)
        each_item(scan, instruction->args[i], false); /* or writes: no operator does so later */
    if (instruction->kind == PRT_INSTRUCTION_MOVE) {
        each_item(scan, instruction->args[0], false);
        writes(scan, instruction->args[1], false);
    }
}

/*
 * Memory that this way writes and another reads first is a state, too, although nothing here reads
 * it: where a cache is filled once and read by all later runs, say. Found before the first branch,
 * while what nobody has written yet can still be read.
 */
static enum percept_status read_states(struct prt_import *import)
{
    const struct prt_method *method = import->method;
    struct scan scan = {import, base_arena_array(&import->arena, method->value_count, 1)};
    if (!scan.seen)
        return prt_import_no_memory(import);
    for (uint32_t i = 0; i < method->input_count; i++)
        writes(&scan, method->inputs[i], false);
    for (uint32_t i = 0; i < method->instruction_count; i++)
        scan_instruction(&scan, &method->instructions[i]);
    for (uint32_t v = 0; v < method->value_count; v++) {
        uint32_t id;
        if (!(scan.seen[v] & CHANGED) || !prt_import_is_untouched(import, v))
            continue;
        enum percept_status status = prt_import_state(import, v, &id);
        if (status != PERCEPT_OK)
            return status;
    }
    return PERCEPT_OK;
}

/* ---- conditions ---- */

/* A loop goes on for as long again as it is known to have gone on, so that finding out how long
 * that is takes few runs. Any other branch is at first the false one. */
static bool guess(const struct prt_import_jumps *jump, bool back)
{
    bool goes_on = jump->passes < 2 * jump->known;
    return back ? !goes_on : goes_on;
}

/* x, one truth or 0 or 1 of I64, in this run. No value stands for a comparison of real numbers. */
static enum percept_status decide(struct prt_import *import, uint32_t x, bool back, bool *holds)
{
    if (x == PRT_NO_VALUE || !prt_import_follows_data())
        return prt_import_fail(import, PERCEPT_UNSUPPORTED, "the condition is one of the data");
    if (!import->jumps) {
        import->jumps = base_arena_array(&import->arena, import->method->instruction_count,
                                         sizeof *import->jumps);
        if (!import->jumps)
            return prt_import_no_memory(import);
        enum percept_status status = read_states(import);
        if (status != PERCEPT_OK)
            return status;
    }
    struct prt_import_jumps *jump = &import->jumps[import->origin];
    jump->known += import->found_count < import->data_size_count;
    *holds = prt_import_data_size(import, 0, guess(jump, back)) != 0;
    jump->passes++;
    enum percept_status status = prt_import_convert(import, x, PRT_I64, &x);
    return status == PERCEPT_OK ? prt_import_expect(import, x, *holds) : status;
}

static enum percept_status no_truth(struct prt_import *import)
{
    return prt_import_fail(import, PERCEPT_MALFORMED, "the condition is not one truth");
}

static enum percept_status tensor_holds(struct prt_import *import, uint32_t v, bool back,
                                        bool *holds)
{
    uint32_t x;
    enum percept_status status = prt_import_read(import, v, &x);
    if (status != PERCEPT_OK)
        return status;
    const struct prt_value *value = &import->graph->values[x];
    if (value->tensor.dtype != PRT_BOOL || value->bytes != 1)
        return no_truth(import);
    if (!(value->flags & PRT_FLAG_CONSTANT))
        return decide(import, x, back, holds);
    *holds = *(const uint8_t *)value->data != 0;
    return PERCEPT_OK;
}

enum percept_status prt_import_jump(struct prt_import *import,
                                    const struct prt_instruction *instruction, uint32_t *next)
{
    const struct prt_program_value *condition = &import->values[instruction->args[0]];
    bool holds = false, back = instruction->index <= import->origin;
    enum percept_status status = PERCEPT_OK;
    import->name = "JumpFalseCall";
    if (condition->kind == PRT_VALUE_BOOL)
        holds = condition->b;
    else if (condition->kind == PRT_VALUE_TENSOR)
        status = tensor_holds(import, instruction->args[0], back, &holds);
    else if (condition->kind != PRT_VALUE_AT_RUN)
        status = no_truth(import);
    else if (condition->run.offset != 0) /* a comparison has none */
        status = no_truth(import);
    else
        status = decide(import, condition->run.id, back, &holds);
    if (status == PERCEPT_OK && !holds)
        *next = instruction->index;
    return status;
}
