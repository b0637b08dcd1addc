/* Numbers that C and GLSL have in common. vulkan.c and elementwise.c check that they are those of
 * the graph. */
#ifndef BACKENDS_VULKAN_SHADERS_CODES_H
#define BACKENDS_VULKAN_SHADERS_CODES_H

/* Element types as they lie in a buffer. BOOL is U8; moves of any type go by its size. */
#define VK_F32  0
#define VK_F16  1
#define VK_BF16 2
#define VK_I8   3
#define VK_U8   4
#define VK_I16  5
#define VK_U16  6
#define VK_I32  7
#define VK_I64  8 /* of which shaders read the low word */
#define VK_I4   9 /* packed weights only: fours of columns of two rows in a word */

/* What elementwise.comp does. */
#define VK_MAP_COPY   0 /* y = a; also to another type */
#define VK_MAP_UNARY  1
#define VK_MAP_BINARY 2
#define VK_MAP_PRELU  3
#define VK_MAP_WHERE  4
#define VK_MAP_PAD    5 /* y = a where it has elements, else a number */
#define VK_MAP_CONCAT 6 /* y = a in its part of y, which else stays as it is */
#define VK_MAP_PLACE  7 /* the same for elements of whole words: one invocation for four of a */

#define VK_MAP_RANK 8 /* dimensions of a loop nest */

/* What y's elements are besides numbers. */
#define VK_STORE_PLAIN 0
#define VK_STORE_CODES 1 /* 8-bit codes of real numbers */
#define VK_STORE_TRUTH 2 /* BOOL */

#define VK_UNARY_CLAMP       0
#define VK_UNARY_SIGMOID     1
#define VK_UNARY_TANH        2
#define VK_UNARY_HARDSWISH   3
#define VK_UNARY_HARDSIGMOID 4
#define VK_UNARY_GELU        5
#define VK_UNARY_GELU_TANH   6
#define VK_UNARY_SILU        7
#define VK_UNARY_LEAKY_RELU  8
#define VK_UNARY_ELU         9
#define VK_UNARY_EXP         10
#define VK_UNARY_LOG         11
#define VK_UNARY_SQRT        12
#define VK_UNARY_RSQRT       13
#define VK_UNARY_ABS         14
#define VK_UNARY_NEG         15
#define VK_UNARY_RECIPROCAL  16
#define VK_UNARY_SQUARE      17
#define VK_UNARY_FLOOR       18
#define VK_UNARY_CEIL        19
#define VK_UNARY_ROUND       20
#define VK_UNARY_SIN         21
#define VK_UNARY_COS         22
#define VK_UNARY_NOT         23
#define VK_UNARY_TAN         24
#define VK_UNARY_ASIN        25
#define VK_UNARY_ACOS        26
#define VK_UNARY_ATAN        27
#define VK_UNARY_SINH        28
#define VK_UNARY_COSH        29
#define VK_UNARY_ASINH       30
#define VK_UNARY_ACOSH       31
#define VK_UNARY_ATANH       32
#define VK_UNARY_ERF         33
#define VK_UNARY_EXPM1       34
#define VK_UNARY_LOG1P       35
#define VK_UNARY_LOG2        36
#define VK_UNARY_LOG10       37
#define VK_UNARY_LOGIT       38
#define VK_UNARY_SIGN        39
#define VK_UNARY_TRUNC       40

#define VK_BINARY_ADD                0
#define VK_BINARY_SUB                1
#define VK_BINARY_MUL                2
#define VK_BINARY_DIV                3
#define VK_BINARY_MAX                4
#define VK_BINARY_MIN                5
#define VK_BINARY_POW                6
#define VK_BINARY_EQ                 7
#define VK_BINARY_NE                 8
#define VK_BINARY_LT                 9
#define VK_BINARY_LE                 10
#define VK_BINARY_GT                 11
#define VK_BINARY_GE                 12
#define VK_BINARY_AND                13
#define VK_BINARY_OR                 14
#define VK_BINARY_SQUARED_DIFFERENCE 15
#define VK_BINARY_FLOOR_DIV          16
#define VK_BINARY_TRUNC_DIV          17
#define VK_BINARY_FMOD               18
#define VK_BINARY_REMAINDER          19
#define VK_BINARY_ATAN2              20
#define VK_BINARY_BIT_AND            21
#define VK_BINARY_BIT_OR             22
#define VK_BINARY_BIT_XOR            23
#define VK_BINARY_SHIFT_LEFT         24
#define VK_BINARY_SHIFT_RIGHT        25

/* What a fused epilogue does last: enum prt_activation_kind. */
#define VK_ACT_NONE  0
#define VK_ACT_CLAMP 1
#define VK_ACT_PRELU 2

/* Numbers of a layer (layer.glsl). */
#define VK_NUMBERS_REAL    0
#define VK_NUMBERS_CODES   1 /* x, w and y are codes */
#define VK_NUMBERS_ROUNDED 2 /* x is rounded to codes of its rows, w are codes */

#define VK_HALVES 4 /* products of halves that are added up before they go to a sum of floats */

/* Components of cooperative matrices, as matrix_types.c reads them: bits, and whether of integers.
 */
#define VK_MATRIX_SIGNED 256
#define VK_MATRIX_F16    16
#define VK_MATRIX_F32    32
#define VK_MATRIX_S8     264
#define VK_MATRIX_S32    288

/* Whose elements come in fours that share words. */
#define VK_FOURS_X 1
#define VK_FOURS_Y 2

/* How weights lie. */
#define VK_WEIGHTS_PACKED  0 /* vk_layer_pack */
#define VK_WEIGHTS_ROWS    1 /* computed: [K, N] */
#define VK_WEIGHTS_COLUMNS 2 /* [N, K] */

/* No function after an activation: struct prt_after. */
#define VK_UNARY_NONE 255

/* enum prt_reduce_kind. */
#define VK_REDUCE_SUM  0
#define VK_REDUCE_MEAN 1
#define VK_REDUCE_MAX  2
#define VK_REDUCE_MIN  3
#define VK_REDUCE_PROD 4

/* How resize2d.comp samples. */
#define VK_SAMPLE_MOVE     0 /* the nearest, as it is */
#define VK_SAMPLE_CONVERT  1 /* the nearest, to another type */
#define VK_SAMPLE_BILINEAR 2

/* How gather.comp and scatter.comp bring an element over. */
#define VK_BRING_MOVE     0 /* as it is */
#define VK_BRING_CONVERT  1 /* to another type */
#define VK_BRING_ADD      2 /* to what is there */
#define VK_BRING_ADD_INTS 3
#define VK_BRING_OR       4

#define VK_INDEX_OPERANDS 4 /* that GATHER and SCATTER may have */

/* enum prt_bag_mode, prt_grid_mode, prt_grid_edge, prt_pool3d_kind. */
#define VK_BAG_SUM          0
#define VK_BAG_MEAN         1
#define VK_BAG_MAX          2
#define VK_GRID_BILINEAR    0
#define VK_GRID_NEAREST     1
#define VK_GRID_BICUBIC     2
#define VK_GRID_ZEROS       0
#define VK_GRID_BORDER      1
#define VK_GRID_REFLECTION  2
#define VK_POOL3D_MAX       0
#define VK_POOL3D_MAX_INDEX 1
#define VK_POOL3D_AVERAGE   2

/* Which norm distance.comp has: of p = 0, 1, 2, another one, or infinity. */
#define VK_NORM_COUNT    0
#define VK_NORM_SUM      1
#define VK_NORM_SQUARES  2
#define VK_NORM_POWERS   3
#define VK_NORM_GREATEST 4

/* The fault buffer (fault.glsl) has a record of each kind of fault: these words. */
#define VK_FAULT_OUTSIDE 0 /* an index is outside of a tensor */
#define VK_FAULT_EXPECT  1 /* a size is not the one that the graph was made for */
#define VK_FAULT_KINDS   2
#define VK_FAULT_STATE   0 /* 1 when there was such a fault */
#define VK_FAULT_NODE    1
#define VK_FAULT_INDEX   2 /* two words */
#define VK_FAULT_SIZE    4
#define VK_FAULT_WORDS   5

#define VK_ROWS_LOCAL 128 /* invocations of a workgroup that folds rows, at most */

#endif
