/* The table of ipc/schema.h is whole: every byte of a payload is in it, and every schema. */
#include "ipc/schema.h"
#include "ipc/topic_class.h"
#include "ipc/topics.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static size_t element_bytes(const struct ipc_field *field)
{
    static const size_t sizes[] = {
        [IPC_FIELD_I64] = 8,  [IPC_FIELD_U64] = 8,   [IPC_FIELD_U32] = 4,    [IPC_FIELD_F32] = 4,
        [IPC_FIELD_TEXT] = 1, [IPC_FIELD_IMAGE] = 0, [IPC_FIELD_TENSOR] = 0,
    };
    return field->type == IPC_FIELD_STRUCT ? field->layout->size : sizes[field->type];
}

static const struct ipc_field *find(const struct ipc_struct *layout, const char *name)
{
    for (const struct ipc_field *field = layout->fields; field->name; field++)
        if (strcmp(field->name, name) == 0)
            return field;
    return NULL;
}

/* A field follows on the one before it; the last one ends the struct. */
static void check_struct(const char *schema, const struct ipc_struct *layout)
{
    size_t end = 0;
    for (const struct ipc_field *field = layout->fields; field->name; field++) {
        size_t count =
            (field->dims[0] ? field->dims[0] : 1) * (field->dims[1] ? field->dims[1] : 1);
        ck_assert_msg(field->offset == end, "%s: %s is at %zu, and %zu is next", schema,
                      field->name, field->offset, end);
        end += count * element_bytes(field);
        if (field->count) {
            const struct ipc_field *other = find(layout, field->count);
            ck_assert(other && other < field && other->type == IPC_FIELD_U32 && !other->dims[0]);
        }
        if (field->layout)
            check_struct(schema, field->layout);
        if (field->type == IPC_FIELD_IMAGE)
            ck_assert(find(layout, "width") && find(layout, "height") && find(layout, "stride") &&
                      find(layout, "format"));
        if (field->type == IPC_FIELD_TENSOR)
            ck_assert(find(layout, "dtype")->words && find(layout, "rank") &&
                      find(layout, "sizes") && find(layout, "offset") && find(layout, "bytes"));
    }
    ck_assert_msg(end == layout->size, "%s: %zu of %zu bytes are described", schema, end,
                  layout->size);
}

START_TEST(every_byte_is_described_once)
{
    size_t count = 0;
    for (; ipc_schema_at(count); count++)
        check_struct(ipc_schema_at(count)->name, &ipc_schema_at(count)->layout);
    ck_assert_uint_gt(count, 0);
}
END_TEST

/* What a model gives is "other": nobody knows how private it is. */
START_TEST(every_schema_that_has_a_class_is_described)
{
    size_t classed = 0, described = 0;
    for (size_t i = 0; ipc_topic_class_at(i); i++) {
        const struct ipc_topic_class *class = ipc_topic_class_at(i);
        for (size_t c = 0; c < sizeof class->schemas / sizeof class->schemas[0]; c++) {
            const char *schema = class->schemas[c];
            classed += schema != NULL;
            for (size_t s = 0; schema && ipc_schema_at(s); s++)
                described += strcmp(ipc_schema_at(s)->name, schema) == 0;
        }
    }
    ck_assert_uint_eq(described, classed);
    for (size_t s = 0; ipc_schema_at(s); s++) {
        const char *schema = ipc_schema_at(s)->name;
        bool other = strcmp(ipc_topic_class_of(schema)->name, "other") == 0;
        ck_assert_int_eq(other, strcmp(schema, PERCEPT_TENSORS_SCHEMA) == 0);
    }
}
END_TEST

START_TEST(what_is_reserved_is_nobodys_business)
{
    char *text = ipc_schemas_json();
    ck_assert_ptr_nonnull(strstr(text, "\"percept.hands/1\", \"size\": 1144"));
    ck_assert_ptr_nonnull(strstr(
        text, "{\"name\": \"world\", \"type\": \"f32\", \"offset\": 288, \"shape\": [21, 3], "
              "\"unit\": \"m\"}"));
    ck_assert_ptr_null(strstr(text, "reserved"));
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("schema");
    TCase *tests = tcase_create("schema");
    tcase_add_test(tests, every_byte_is_described_once);
    tcase_add_test(tests, every_schema_that_has_a_class_is_described);
    tcase_add_test(tests, what_is_reserved_is_nobodys_business);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
