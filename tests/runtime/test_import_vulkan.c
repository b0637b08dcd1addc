/* How Vulkan's calls appear in a graph, and what a hostile blob meets. */
#include "pte.h"
#include "vulkan_blob.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vulkan_blob blob;
static struct pte pte;

static void setup(void)
{
    blob = (struct vulkan_blob){0};
    pte = (struct pte){0};
}

static char *import_bytes(const struct flat *written, const char *args)
{
    static const uint8_t named[64] = {0};
    pte_delegate(&pte, "VulkanBackend", args);
    pte.blob = written->bytes;
    pte.blob_size = written->size;
    if (blob.named) {
        pte.blob_key = "w";
        pte.blob_data = named;
        pte.blob_data_size = sizeof named;
    }
    struct flat file = pte_write(&pte, false);
    char *text = pte_import_bytes(file.bytes, file.size);
    free(file.bytes);
    return text;
}

static void expect_of(const struct flat *written, const char *args, const char *expected)
{
    char *text = import_bytes(written, args);
    ck_assert_str_eq(text, expected);
    free(text);
}

static void expect(const char *args, const char *expected)
{
    struct flat written = vulkan_write(&blob);
    expect_of(&written, args, expected);
    free(written.bytes);
}

static void expect_failure_of(const struct flat *written, const char *args, const char *status,
                              const char *rest)
{
    char expected[512];
    snprintf(expected, sizeof expected, "%s: method 'forward', instruction 0, %s", status, rest);
    expect_of(written, args, expected);
}

static void expect_failure(const char *args, const char *status, const char *rest)
{
    struct flat written = vulkan_write(&blob);
    expect_failure_of(&written, args, status, rest);
    free(written.bytes);
}

/* ---- calls ---- */

static const struct {
    const char *name, *args, *outside, *expected;
} examples[] = {
    {"aten.add.Tensor", "f32[2,3] cf32[3] 2 >f32[2,3]", "f32[2,3] >f32[2,3]",
     "v2: float32[2, 3] = binary(v0, c1) add alpha(2)\n"},
    {"aten.relu.default", "f32[4] >f32[4]", "f32[4] >f32[4]",
     "v1: float32[4] = unary(v0) clamp(0, inf)\n"},
    {"aten.gelu.default", "f32[4] \"tanh\" >f32[4]", "f32[4] >f32[4]",
     "v1: float32[4] = unary(v0) gelu_tanh\n"},
    {"aten.eq.Tensor", "f32[4] f32[4] >b8[4]", "f32[4] f32[4] >bool[4]",
     "v2: bool[4] = binary(v0, v1) eq\n"},
    {"aten.mean.dim", "f32[2,3] [1] F - >f32[2]", "f32[2,3] >f32[2]",
     "v1: float32[2] = reduce(v0) mean axes(0x2)\n"},
    {"aten.permute.default", "f32[2,3] [1,0] >f32[3,2]", "f32[2,3] >f32[3,2]",
     "v1: float32[3, 2] = permute(v0) order(1,0)\n"},
    {"aten.view_copy.default", "f32[2,3] [6] >f32[6]", "f32[2,3] >f32[6]",
     "v1: float32[6] = reshape(v0)\n"},
    /* What follows a creation's operands is an element type, a device, ... */
    {"aten.full.default", "[2] 1.5 - - - - >f32[2]", ">f32[2]", "v0: float32[2] = full(1.5)\n"},
    /* One value stands for 1 and 1.0. */
    {"aten.unsqueeze_copy.default", "f32[2] 1.0 >f32[2,1]", "f32[2] >f32[2,1]",
     "v1: float32[2, 1] = reshape(v0)\n"},
    {"et_vk.conv_with_clamp.default",
     "f32[1,2,3,3] cf32[4,2,1,1] - [1,1] [0,0] [1,1] F [0,0] 1 0.0 6.0 >f32[1,4,3,3]",
     "f32[1,2,3,3] >f32[1,4,3,3]",
     "v3: float32[1, 4, 3, 3] = conv2d(v0, c1, -, -, -)\n"
     "v2: float32[1, 4, 3, 3] = unary(v3) clamp(0, 6)\n"},
    {"et_vk.rms_norm.default", "f32[2,4] cf32[4] 0.5 >f32[2,4]", "f32[2,4] >f32[2,4]",
     "v3: float32[2, 4] = unary(v0) square\n"
     "v4: float32[2, 1] = reduce(v3) mean axes(0x2) keep\n"
     "v6: float32[2, 1] = binary(v4, 0.5) add\n"
     "v7: float32[2, 1] = unary(v6) rsqrt\n"
     "v8: float32[2, 4] = binary(v0, v7) mul\n"
     "v2: float32[2, 4] = binary(v8, c1) mul\n"},
};

START_TEST(call)
{
    vulkan_call(&blob, examples[_i].name, examples[_i].args);
    expect(examples[_i].outside, examples[_i].expected);
}
END_TEST

START_TEST(prepacking_is_the_constant_itself)
{
    vulkan_call(&blob, "et_vk.prepack.default", "cf32[3] .f32[3]");
    vulkan_call(&blob, "aten.mul.Tensor", "f32[3] $1 >f32[3]");
    expect("f32[3] >f32[3]", "v3: float32[3] = binary(v0, c1) mul\n");
}
END_TEST

START_TEST(integers_of_64_bits_are_narrow_inside)
{
    vulkan_call(&blob, "aten.abs.default", "i32[4] >i32[4]");
    expect("i64[4] >i64[4]", "v1: int32[4] = convert(v0)\nv2: int32[4] = unary(v1) abs\n"
                             "v3: int64[4] = convert(v2)\n");
}
END_TEST

START_TEST(forced_halves_are_computed_in_float)
{
    vulkan_call(&blob, "aten.add.Tensor", "h32[3] ch32[3] 1 >h32[3]");
    expect("f32[3] >f32[3]", "v2: float32[3] = convert(c1)\nv3: float32[3] = binary(v0, v2) add\n");
}
END_TEST

START_TEST(weights_may_be_named)
{
    blob.named = true;
    vulkan_call(&blob, "aten.mul.Tensor", "f32[3] cf32[3] >f32[3]");
    expect("f32[3] >f32[3]", "v2: float32[3] = binary(v0, c1) mul\n");
}
END_TEST

START_TEST(symbolic_sizes_are_computed_at_import)
{
    vulkan_call(&blob, "sym_size.int", "f32[2,3] 1 %0");
    vulkan_call(&blob, "aten.view_copy.default", "$0 ($2,$2) >f32[6]");
    expect("f32[2,3] >f32[6]", "v1: float32[6] = reshape(v0)\n");
}
END_TEST

START_TEST(several_results_are_a_list)
{
    vulkan_call(&blob, "aten.split_with_sizes_copy.default", "f32[4] [1,3] 0 ($4,$5)");
    vulkan_call(&blob, "aten.mul.Tensor", ".f32[1] .f32[3] >f32[3]");
    expect("f32[4] >f32[3]", "v1: float32[1] = slice(v0, 0, 1) axis(0)\n"
                             "v2: float32[3] = slice(v0, 1, 4) axis(0)\n"
                             "v7: float32[3] = binary(v1, v2) mul\n");
}
END_TEST

/* ---- hostile blobs ---- */

START_TEST(not_of_vulkan)
{
    vulkan_call(&blob, "aten.relu.default", "f32[4] >f32[4]");
    struct flat written = vulkan_write(&blob);
    written.bytes[4] = 'X';
    expect_failure_of(&written, "f32[4] >f32[4]", "MALFORMED",
                      "VulkanBackend: the blob is not of Vulkan");
    free(written.bytes);
}
END_TEST

/* Bytes of the header that lead out: place, value. */
static const struct {
    size_t at;
    uint64_t value;
    size_t bytes;
} frames[] = {
    {10, UINT32_MAX, 4}, {14, UINT32_MAX, 4}, {18, UINT32_MAX, 4}, {22, UINT64_MAX, 8}, {8, 4, 2}};

START_TEST(header_leads_outside)
{
    vulkan_call(&blob, "aten.relu.default", "f32[4] >f32[4]");
    struct flat written = vulkan_write(&blob);
    memcpy(written.bytes + frames[_i].at, &frames[_i].value, frames[_i].bytes);
    expect_failure_of(&written, "f32[4] >f32[4]", "MALFORMED",
                      "VulkanBackend: the header leads outside the blob");
    free(written.bytes);
}
END_TEST

/* Where a constant's entry says it is: offset and length. */
static const uint64_t places[][2] = {
    {0, 11}, {8, 12}, {UINT64_MAX - 1, 12}, {UINT64_MAX - 8, UINT64_MAX}, {1u << 20, 12}};

START_TEST(constant_outside_the_blob_or_too_small)
{
    vulkan_call(&blob, "aten.mul.Tensor", "f32[3] cf32[3] >f32[3]");
    struct flat written = vulkan_write(&blob);
    uint8_t *bytes = written.bytes + 32;
    size_t root = flat_follow(bytes, 0), entry = flat_item(bytes, root, 5, 0);
    memcpy(bytes + flat_field(bytes, entry, 0), &places[_i][0], 8);
    memcpy(bytes + flat_field(bytes, entry, 1), &places[_i][1], 8);
    char expected[128];
    snprintf(expected, sizeof expected,
             "VulkanBackend: constant 0 has %d bytes, its tensor needs 12", _i == 0 ? 11 : 0);
    expect_failure_of(&written, "f32[3] >f32[3]", "MALFORMED", expected);
    free(written.bytes);
}
END_TEST

START_TEST(named_weight_too_small)
{
    blob.named = true;
    vulkan_call(&blob, "aten.mul.Tensor", "f32[30] cf32[30] >f32[30]");
    expect_failure("f32[30] >f32[30]", "MALFORMED",
                   "VulkanBackend: constant 0 has 64 bytes, its tensor needs 120");
}
END_TEST

static const struct {
    const char *name, *args, *outside, *status, *message;
} refused[] = {
    /* a real number may stand for an integer; this one does not */
    {"aten.select_copy.int", "f32[4] 0 -nan. >f32[]", "f32[4] >f32[]", "MALFORMED",
     "aten::select_copy.int_out: argument 2 is not an integer"},
    {"aten.nonsense.default", "f32[4] >f32[4]", "f32[4] >f32[4]", "UNSUPPORTED",
     "VulkanBackend: the operator 'aten.nonsense.default' is not supported"},
    {"et_vk.q8ta_relu.default", "f32[4] 0.5 0 0.5 0 >i8[4]", "f32[4] >i8[4]", "UNSUPPORTED",
     "et_vk.q8ta_relu.default: codes of type float32 are not supported"},
    {"et_vk.q8ta_relu.default", "i8[4] 0.0 0 0.5 0 >i8[4]", "i8[4] >i8[4]", "MALFORMED",
     "et_vk.q8ta_relu.default: has the scale 0 and the zero point 0"},
    {"et_vk.q8ta_linear.default", "i8[1,4] 1.0 0 i8[2,4] ci32[4] cf32[4] 1.0 0 - \"none\" >i8[1,2]",
     "i8[1,4] i8[2,4] >i8[1,2]", "UNSUPPORTED",
     "et_vk.q8ta_linear.default: its weight is not constant, of 8 bits and scaled by channel"},
    {"et_vk.q8ta_linear.default",
     "i8[1,4] 1.0 0 ci8[2,4] ci32[4] cf32[1] 1.0 0 - \"none\" >i8[1,2]", "i8[1,4] >i8[1,2]",
     "UNSUPPORTED",
     "et_vk.q8ta_linear.default: its weight is not constant, of 8 bits and scaled by channel"},
    {"et_vk.q8ta_linear.default",
     "i8[1,4] 1.0 0 ci8[2,3] ci32[4] cf32[4] 1.0 0 - \"none\" >i8[1,2]", "i8[1,4] >i8[1,2]",
     "MALFORMED", "et_vk.q8ta_linear.default: its weight has 6 elements"},
    {"et_vk.q8ta_linear.default",
     "i8[1,4] 1.0 0 ci8[2,4] ci32[4] cf32[4] 1.0 0 cf32[1] \"none\" >i8[1,2]", "i8[1,4] >i8[1,2]",
     "UNSUPPORTED", "et_vk.q8ta_linear.default: its bias is no constant that fits"},
    {"et_vk.q8ta_linear.default",
     "i8[1,4] 1.0 0 ci8[2,4] ci32[4] cf32[4] 1.0 0 - \"tanh\" >i8[1,2]", "i8[1,4] >i8[1,2]",
     "UNSUPPORTED", "et_vk.q8ta_linear.default: its activation is not supported"},
    {"et_vk.q8ta_conv2d.default",
     "i8[1,2,2,2] 1.0 0 ci8[2,4] ci32[4] cf32[4] 1.0 0 - [1,2] [0,1] [0,0] [1,1] 1 \"none\" "
     ">i8[1,2,2,1]",
     "i8[1,2,2,2] >i8[1,2,2,1]", "MALFORMED",
     "et_vk.q8ta_conv2d.default: argument 10 is out of range"},
    {"et_vk.q8ta_conv2d.default",
     "i8[1,2,2,2] 1.0 0 ci8[2,4] ci32[4] cf32[4] 1.0 0 - [1,2] [1,1] [0,0] [1,1] 0 \"none\" "
     ">i8[1,2,2,1]",
     "i8[1,2,2,2] >i8[1,2,2,1]", "UNSUPPORTED", "et_vk.q8ta_conv2d.default: 0 groups"},
    {"et_vk.q8ta_conv2d.default",
     "i8[1,2,2,2] 1.0 0 ci8[2,4] ci32[4] cf32[4] 1.0 0 - [1,2] [1,1] [0,0] [1,1] 3 \"none\" "
     ">i8[1,2,2,1]",
     "i8[1,2,2,2] >i8[1,2,2,1]", "MALFORMED", "et_vk.q8ta_conv2d.default: a kernel of 0 elements"},
    {"et_vk.linear_q4gsw.default", "f32[1,4] cu8[2,2] cf32[1,4] 2 - >f32[1,2]",
     "f32[1,4] >f32[1,2]", "MALFORMED",
     "et_vk.linear_q4gsw.default: its scales do not fit its weight"},
    {"et_vk.linear_q4gsw.default", "f32[1,5] cu8[2,2] cf32[5,4] 1 - >f32[1,2]",
     "f32[1,5] >f32[1,2]", "MALFORMED",
     "et_vk.linear_q4gsw.default: its scales do not fit its weight"},
    {"et_vk.linear_q4gsw.default", "f32[1,4] cu8[2,2] cf32[1,4] 0 - >f32[1,2]",
     "f32[1,4] >f32[1,2]", "MALFORMED", "et_vk.linear_q4gsw.default: groups of 0"},
    {"et_vk.linear_q4gsw.default", "f32[1,4] u8[2,2] cf32[1,4] 4 - >f32[1,2]",
     "f32[1,4] u8[2,2] >f32[1,2]", "UNSUPPORTED",
     "et_vk.linear_q4gsw.default: its weight is not constant"},
    {"et_vk.linear_dq8ca_q4gsw.default",
     "f32[2,4] f32[1,3] i32[1,2] cu8[2,2] ci32[1,8] cf32[1,4] 4 - >f32[2,2]",
     "f32[2,4] f32[1,3] i32[1,2] >f32[2,2]", "MALFORMED",
     "et_vk.linear_dq8ca_q4gsw.default: 3 scales for 2 rows"},
    {"et_vk.apply_rotary_emb.default", "f32[1,1,1,4] f32[1,1,1,4] f32[1,3] f32[1,2] ($0,$1)",
     "f32[1,1,1,4] f32[1,1,1,4] f32[1,3] f32[1,2]", "MALFORMED",
     "et_vk.apply_rotary_emb.default: its angles do not fit"},
    {"nonsense", "f32[4] >f32[4]", "f32[4] >f32[4]", "UNSUPPORTED",
     "VulkanBackend: the operator 'nonsense' is not supported"},
    {"aten.add.Tensor", "f32[4] >f32[4]", "f32[4] >f32[4]", "MALFORMED",
     "aten::add.out: has 2 arguments instead of 4"},
    {"aten.add.Tensor", "f32[4] \"x\" 1 >f32[4]", "f32[4] >f32[4]", "MALFORMED",
     "aten::add.out: argument 1 is not a tensor"},
    {"aten.add.Tensor", "f32[4] $77 1 >f32[4]", "f32[4] >f32[4]", "MALFORMED",
     "aten::add.out: names value 77, which is not there"},
    {"aten.view_copy.default", "f32[4] ($9) >f32[4]", "f32[4] >f32[4]", "MALFORMED",
     "VulkanBackend: names value 9, which is not there"},
    {"aten.relu.default", ".f32[4] >f32[4]", ">f32[4]", "UNSUPPORTED",
     "aten::relu.out: reads tensor 0, which nothing wrote as a whole before"},
    {"aten.relu.default", "f32[4] cf32[4]", "f32[4]", "MALFORMED",
     "aten::relu.out: constant 1 is written"},
    {"aten.relu.default", "x8[4] >f32[4]", "f32[4] >f32[4]", "MALFORMED",
     "VulkanBackend: a value has the unknown type 99"},
    {"aten.relu.default", "f32[4] >f32[4]", "f32[4]", "MALFORMED",
     "VulkanBackend: has 1 arguments for 1 inputs and 1 outputs"},
    {"aten.relu.default", "f32[4] >f32[4]", "f32[5] >f32[4]", "MALFORMED",
     "VulkanBackend: takes a tensor for one of another type or size"},
    {"aten.relu.default", "f32[65536,65536,65536,65536] >f32[4]", "f32[4] >f32[4]", "MALFORMED",
     "VulkanBackend: a value's size in bytes overflows"},
    {"aten.relu.default", "f32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1] >f32[4]", "f32[4] >f32[4]",
     "MALFORMED", "VulkanBackend: a value has 17 dimensions, 16 are the limit"},
    {"aten.split_with_sizes_copy.default", "f32[4] [1,3] 0 >f32[4]", "f32[4] >f32[4]", "MALFORMED",
     "aten::split_with_sizes_copy.out: argument 3 is not a list of tensors"},
};

START_TEST(refuses)
{
    vulkan_call(&blob, refused[_i].name, refused[_i].args);
    expect_failure(refused[_i].outside, refused[_i].status, refused[_i].message);
}
END_TEST

/* Whatever a word of a blob says, the import ends in a graph or in an error. */
START_TEST(every_word_spoilt)
{
    vulkan_call(&blob, "et_vk.prepack.default", "cf32[4,2,1,1] .f32[4,2,1,1]");
    vulkan_call(&blob, "et_vk.conv_with_clamp.default",
                "f32[1,2,3,3] $1 - [1,1] [0,0] [1,1] F [0,0] 1 0.0 6.0 .f32[1,4,3,3]");
    vulkan_call(&blob, "aten.view_copy.default", "$12 ($8,36) >h32[1,36]");
    struct flat written = vulkan_write(&blob);
    pte_delegate(&pte, "VulkanBackend", "f32[1,2,3,3] >f32[1,36]");
    pte.blob = written.bytes;
    pte.blob_size = written.size;
    struct flat file = pte_write(&pte, false);
    pte_spoil_words(&file);
    free(file.bytes);
    free(written.bytes);
}
END_TEST

/* One call each: what it takes and what surrounds it. */
static const struct {
    const char *name, *args, *outside;
} spoilt[] = {
    {"et_vk.q8ta_conv2d.default",
     "i8[1,2,2,2] 1.0 0 ci8[1,8] ci32[4] cf32[4] 1.0 0 cf32[4] [1,2] [1,1] [0,0] [1,1] 1 \"relu\" "
     ">i8[1,1,2,1]",
     "i8[1,2,2,2] >i8[1,1,2,1]"},
    {"et_vk.linear_dq8ca_q4gsw.default",
     "f32[2,4] f32[1,2] i32[1,2] cu8[2,2] ci32[1,8] cf32[1,4] 4 cf32[4] >f32[2,2]",
     "f32[2,4] f32[1,2] i32[1,2] >f32[2,2]"},
    {"et_vk.embedding_q4gsw.default", "cu8[2,2] cf32[2,2] 2 i32[2] T >f32[2,4]",
     "i32[2] >f32[2,4]"},
    {"et_vk.apply_rotary_emb_interleaved.default", "f32[1,1,4] f32[1,1,2,2] >f32[1,1,4]",
     "f32[1,1,4] f32[1,1,2,2] >f32[1,1,4]"},
    {"et_vk.grid_priors.default", "f32[1,2,3] 8 0.5 >f32[6,2]", "f32[1,2,3] >f32[6,2]"},
};

START_TEST(every_word_of_a_quantised_call_spoilt)
{
    static const float scales[4] = {1, 1, 1, 1};
    vulkan_call(&blob, spoilt[_i].name, spoilt[_i].args);
    if (_i == 0)
        vulkan_data(&blob, 5, scales, sizeof scales); /* or it is refused as it is */
    struct flat written = vulkan_write(&blob);
    pte_delegate(&pte, "VulkanBackend", spoilt[_i].outside);
    pte.blob = written.bytes;
    pte.blob_size = written.size;
    struct flat file = pte_write(&pte, false);
    char *text = pte_import_bytes(file.bytes, file.size);
    ck_assert_msg(strstr(text, "MALFORMED") == NULL && strstr(text, "UNSUPPORTED") == NULL, "%s",
                  text);
    free(text);
    pte_spoil_words(&file);
    free(file.bytes);
    free(written.bytes);
}
END_TEST

int main(void)
{
    TCase *calls = tcase_create("calls"), *hostile = tcase_create("hostile");
    tcase_add_checked_fixture(calls, setup, NULL);
    tcase_add_loop_test(calls, call, 0, (int)(sizeof examples / sizeof examples[0]));
    tcase_add_test(calls, prepacking_is_the_constant_itself);
    tcase_add_test(calls, integers_of_64_bits_are_narrow_inside);
    tcase_add_test(calls, forced_halves_are_computed_in_float);
    tcase_add_test(calls, weights_may_be_named);
    tcase_add_test(calls, symbolic_sizes_are_computed_at_import);
    tcase_add_test(calls, several_results_are_a_list);
    tcase_add_checked_fixture(hostile, setup, NULL);
    tcase_add_test(hostile, not_of_vulkan);
    tcase_add_loop_test(hostile, header_leads_outside, 0, (int)(sizeof frames / sizeof frames[0]));
    tcase_add_loop_test(hostile, constant_outside_the_blob_or_too_small, 0,
                        (int)(sizeof places / sizeof places[0]));
    tcase_add_test(hostile, named_weight_too_small);
    tcase_add_loop_test(hostile, refuses, 0, (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(hostile, every_word_spoilt);
    tcase_add_loop_test(hostile, every_word_of_a_quantised_call_spoilt, 0,
                        (int)(sizeof spoilt / sizeof spoilt[0]));
    tcase_set_timeout(hostile, 120);

    Suite *suite = suite_create("import vulkan");
    suite_add_tcase(suite, calls);
    suite_add_tcase(suite, hostile);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
