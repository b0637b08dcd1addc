/*
 * Why: a file may call any operator with any arguments. One short signature an operator, checked in
 * one place, and translators can index their arguments with confidence.
 */
#include "runtime/import.h"

#include <ctype.h>
#include <string.h>

static const struct {
    char letter;
    const char *expected;
} letters[] = {
    {'T', "a tensor"}, {'Q', "a tensor"},           {'A', "a list of tensors"},
    {'N', "a number"}, {'I', "an integer"},         {'P', "an integer"},
    {'U', "a number"}, {'D', "a real number"},      {'B', "a bool"},
    {'S', "a text"},   {'L', "a list of integers"}, {'F', "a list of reals"},
    {'C', "a tensor"}, {'K', "a tensor"},           {'O', "a tensor"},
    {'X', "a tensor"}, {'Y', "a list of tensors"},  {'Z', "a number"},
};

static const char *expected(char letter)
{
    const char *what = "what it should be";
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        what = letters[i].letter == letter ? letters[i].expected : what;
    return what;
}

static const struct prt_program_value *argument(const struct prt_import *import,
                                                const struct prt_call *call, unsigned index)
{
    return &import->values[call->args[index]];
}

static bool kind_fits(char letter, enum prt_value_kind kind)
{
    switch (letter) {
    case 'T':
    case 'Q':
    case 'O':
    case 'X':
    case 'C':
    case 'K':
        return kind == PRT_VALUE_TENSOR;
    case 'A':
    case 'Y':
        return kind == PRT_VALUE_TENSOR_LIST;
    case 'U':
    case 'Z':
        if (kind == PRT_VALUE_AT_RUN)
            return true;
        __attribute__((fallthrough));
    case 'N':
        return kind == PRT_VALUE_INT || kind == PRT_VALUE_DOUBLE || kind == PRT_VALUE_BOOL;
    case 'D':
        return kind == PRT_VALUE_DOUBLE || kind == PRT_VALUE_INT;
    case 'I':
        return kind == PRT_VALUE_INT;
    case 'P':
        return kind == PRT_VALUE_INT || kind == PRT_VALUE_AT_RUN;
    case 'B':
        return kind == PRT_VALUE_BOOL;
    case 'S':
        return kind == PRT_VALUE_STRING;
    case 'L':
        return kind == PRT_VALUE_INT_LIST;
    case 'F':
        return kind == PRT_VALUE_DOUBLE_LIST;
    default:
        return true;
    }
}

/* The size in dimension `dim` that the program states for the first result of dynamic shape; the
 * least of them when dim is none. */
static int64_t stated_size(const struct prt_import *import, const struct prt_call *call,
                           uint32_t dim)
{
    const struct prt_program_tensor *result = NULL;
    for (unsigned i = 0; i < call->count && !result; i++) {
        const struct prt_program_value *value = argument(import, call, i);
        if (call->signature[i] == 'O' && value->kind == PRT_VALUE_TENSOR && value->tensor->dynamic)
            result = import->method->values[import->identity[call->args[i]]].tensor;
    }
    if (!result || result->unbounded || result->spec.rank == 0)
        return 1;
    int32_t least = result->spec.sizes[0];
    for (unsigned i = 1; i < result->spec.rank; i++)
        least = result->spec.sizes[i] < least ? result->spec.sizes[i] : least;
    return dim < result->spec.rank ? result->spec.sizes[dim] : least;
}

/* Where an operator must know a number that only a run knows, it is taken to be as large as the
 * result's sizes allow. */
static enum percept_status settle(struct prt_import *import, const struct prt_call *call,
                                  unsigned index)
{
    const struct prt_program_value *value = argument(import, call, index);
    char letter = (char)toupper(call->signature[index]);
    enum percept_status status = PERCEPT_OK;
    if (value->kind == PRT_VALUE_AT_RUN && strchr("NID", letter))
        status =
            prt_import_settle(import, call->args[index], stated_size(import, call, PRT_MAX_RANK));
    for (uint32_t i = 0; letter == 'L' && value->kind == PRT_VALUE_INT_LIST &&
                         i < value->list.count && status == PERCEPT_OK;
         i++)
        status = prt_import_settle(import, value->list.ids[i], stated_size(import, call, i));
    return status;
}

static enum percept_status check_kinds(struct prt_import *import, const struct prt_call *call)
{
    if (call->count != strlen(call->signature) || call->count > PRT_CALL_ARGS)
        return prt_import_fail(import, PERCEPT_MALFORMED, "has %u arguments instead of %zu",
                               call->count, strlen(call->signature));
    bool follows = prt_import_follows_data();
    for (unsigned i = 0; i < call->count; i++) {
        char letter = call->signature[i];
        char upper = (char)toupper(letter);
        enum prt_value_kind kind = argument(import, call, i)->kind;
        bool optional = letter != upper && letter != 'a';
        enum percept_status status = follows ? settle(import, call, i) : PERCEPT_OK;
        if (status != PERCEPT_OK)
            return status;
        kind = argument(import, call, i)->kind;
        if (!kind_fits(upper, kind) && !(optional && kind == PRT_VALUE_NONE))
            return prt_import_fail(import, PERCEPT_MALFORMED, "argument %u is not %s", i,
                                   expected(upper));
    }
    return PERCEPT_OK;
}

/* A tensor has complex numbers exactly where the signature says so. */
static enum percept_status check_complex(struct prt_import *import, const struct prt_call *call,
                                         unsigned index, uint32_t v)
{
    const struct prt_program_value *value = &import->values[import->identity[v]];
    bool wanted = strchr("CK", call->signature[index]) != NULL;
    if (value->kind != PRT_VALUE_TENSOR || value->tensor->complex == wanted)
        return PERCEPT_OK;
    return prt_import_fail(import, wanted ? PERCEPT_MALFORMED : PERCEPT_UNSUPPORTED,
                           "argument %u has %scomplex numbers", index, wanted ? "no " : "");
}

static enum percept_status write_tensor(struct prt_import *import, struct prt_call *call,
                                        unsigned index)
{
    enum percept_status status = check_complex(import, call, index, call->args[index]);
    return status == PERCEPT_OK
               ? prt_import_write(import, call->args[index], &call->operands[index])
               : status;
}

static enum percept_status read_tensor(struct prt_import *import, const struct prt_call *call,
                                       unsigned index, uint32_t v, uint32_t *id)
{
    enum percept_status status = check_complex(import, call, index, v);
    if (status == PERCEPT_OK)
        status = prt_import_read(import, v, id);
    if (status != PERCEPT_OK || call->signature[index] == 'Q' || call->signature[index] == 'q' ||
        call->signature[index] == 'A' || call->signature[index] == 'a')
        return status;
    if (prt_import_spec(import, *id)->quant.kind != PRT_QUANT_NONE)
        return prt_import_fail(import, PERCEPT_UNSUPPORTED,
                               "computes with quantised codes as if they were numbers");
    return PERCEPT_OK;
}

static enum percept_status read_list(struct prt_import *import, struct prt_call *call,
                                     unsigned index)
{
    const struct prt_program_value *value = argument(import, call, index);
    call->list_count = value->list.count;
    call->list = base_arena_array(&import->arena, value->list.count, sizeof *call->list);
    if (!call->list)
        return prt_import_no_memory(import);
    for (uint32_t i = 0; i < value->list.count; i++) {
        bool none = value->list.ids[i] == PRT_NO_VALUE ||
                    import->values[value->list.ids[i]].kind == PRT_VALUE_NONE;
        if (none && call->signature[index] == 'a') {
            call->list[i] = PRT_NO_VALUE;
            continue;
        }
        if (none)
            return prt_import_fail(import, PERCEPT_UNSUPPORTED, "has None in a list of tensors");
        enum percept_status status =
            read_tensor(import, call, index, value->list.ids[i], &call->list[i]);
        if (status != PERCEPT_OK)
            return status;
    }
    return PERCEPT_OK;
}

static enum percept_status write_list(struct prt_import *import, struct prt_call *call,
                                      unsigned index)
{
    const struct prt_program_value *value = argument(import, call, index);
    call->list_count = value->list.count;
    call->list = base_arena_array(&import->arena, value->list.count, sizeof *call->list);
    if (!call->list)
        return prt_import_no_memory(import);
    for (uint32_t i = 0; i < value->list.count; i++) {
        if (value->list.ids[i] == PRT_NO_VALUE)
            return prt_import_fail(import, PERCEPT_MALFORMED, "writes to None");
        enum percept_status status = prt_import_write(import, value->list.ids[i], &call->list[i]);
        if (status != PERCEPT_OK)
            return status;
    }
    return PERCEPT_OK;
}

enum percept_status prt_import_call(struct prt_import *import, const char *signature,
                                    const uint32_t *args, uint32_t count, struct prt_call *call)
{
    *call = (struct prt_call){
        .name = import->name, .signature = signature, .count = count, .args = args};
    memset(call->operands, 0xff, sizeof call->operands);
    enum percept_status status = check_kinds(import, call);
    /* Everything is read before anything is written: a result may lie where an operand does. */
    for (unsigned i = 0; i < count && status == PERCEPT_OK; i++) {
        bool none = argument(import, call, i)->kind == PRT_VALUE_NONE;
        if (strchr("TtQqC", signature[i]) && !none)
            status = read_tensor(import, call, i, args[i], &call->operands[i]);
        else if (signature[i] == 'A' || signature[i] == 'a')
            status = read_list(import, call, i);
    }
    if (status == PERCEPT_OK)
        status = prt_import_size_results(import, call);
    for (unsigned i = 0; i < count && status == PERCEPT_OK; i++) {
        if (signature[i] == 'O' || signature[i] == 'K')
            status = write_tensor(import, call, i);
        else if (signature[i] == 'X')
            status = prt_import_bind(import, args[i], PRT_NO_VALUE);
        else if (signature[i] == 'Y')
            status = write_list(import, call, i);
    }
    return status;
}

/* ---- arguments ---- */

uint32_t prt_call_output(const struct prt_call *call)
{
    const char *first = strchr(call->signature, 'O');
    return first ? call->operands[first - call->signature] : PRT_NO_VALUE;
}

bool prt_call_has(const struct prt_import *import, const struct prt_call *call, unsigned index)
{
    return argument(import, call, index)->kind != PRT_VALUE_NONE;
}

int64_t prt_call_int(const struct prt_import *import, const struct prt_call *call, unsigned index,
                     int64_t fallback)
{
    const struct prt_program_value *value = argument(import, call, index);
    return value->kind == PRT_VALUE_INT ? value->i : fallback;
}

double prt_call_number(const struct prt_import *import, const struct prt_call *call, unsigned index,
                       double fallback)
{
    const struct prt_program_value *value = argument(import, call, index);
    switch (value->kind) {
    case PRT_VALUE_INT:
        return (double)value->i;
    case PRT_VALUE_DOUBLE:
        return value->d;
    case PRT_VALUE_BOOL:
        return value->b;
    default:
        return fallback;
    }
}

bool prt_call_bool(const struct prt_import *import, const struct prt_call *call, unsigned index)
{
    const struct prt_program_value *value = argument(import, call, index);
    return value->kind == PRT_VALUE_BOOL && value->b;
}

bool prt_call_text_is(const struct prt_import *import, const struct prt_call *call, unsigned index,
                      const char *text)
{
    const struct prt_program_value *value = argument(import, call, index);
    return value->kind == PRT_VALUE_STRING && strcmp(value->string.text, text) == 0;
}

enum percept_status prt_call_ints(struct prt_import *import, const struct prt_call *call,
                                  unsigned index, int64_t *items, uint32_t capacity,
                                  uint32_t *count)
{
    const struct prt_program_value *value = argument(import, call, index);
    uint32_t length = value->kind == PRT_VALUE_INT_LIST ? value->list.count : 0;
    *count = 0;
    if (length > capacity)
        return prt_import_fail(import, PERCEPT_MALFORMED,
                               "argument %u is a list of %u, %u are the limit", index, length,
                               capacity);
    for (uint32_t i = 0; i < length; i++) {
        const struct prt_program_value *item = &import->values[value->list.ids[i]];
        if (item->kind != PRT_VALUE_INT)
            return prt_import_fail(import, PERCEPT_MALFORMED,
                                   "item %u of argument %u is not an integer", i, index);
        items[i] = item->i;
    }
    *count = length;
    return PERCEPT_OK;
}

uint32_t prt_call_list_count(const struct prt_import *import, const struct prt_call *call,
                             unsigned index)
{
    const struct prt_program_value *value = argument(import, call, index);
    return value->kind >= PRT_VALUE_INT_LIST && value->kind <= PRT_VALUE_TENSOR_LIST
               ? value->list.count
               : 0;
}

double prt_call_real(const struct prt_import *import, const struct prt_call *call, unsigned index,
                     uint32_t item)
{
    return argument(import, call, index)->list.doubles[item];
}

enum percept_status prt_import_axis(struct prt_import *import, int64_t dim, unsigned rank,
                                    int32_t *axis)
{
    int64_t from_front = dim < 0 ? dim + rank : dim;
    if (from_front < 0 || from_front >= rank)
        return prt_import_fail(import, PERCEPT_MALFORMED, "dimension %lld of a tensor with %u",
                               (long long)dim, rank);
    *axis = (int32_t)from_front;
    return PERCEPT_OK;
}
