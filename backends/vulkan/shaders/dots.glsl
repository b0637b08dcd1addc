/* Codes of 8 bits, multiplied and added up four at a time (VK_KHR_shader_integer_dot_product). */
#extension GL_EXT_spirv_intrinsics : require
#include "words.glsl"

#define PACKED_4X8 0 /* the format of both operands */
spirv_instruction(extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6018, 6019], id = 4450)
int signed_dot(uint a, uint b, spirv_literal int format);

/* Of four numbers with those of four columns. */
ivec4 dots_of(uint x, uvec4 w)
{
    return ivec4(signed_dot(x, w.x, PACKED_4X8), signed_dot(x, w.y, PACKED_4X8), signed_dot(x, w.z, PACKED_4X8),
                 signed_dot(x, w.w, PACKED_4X8));
}
