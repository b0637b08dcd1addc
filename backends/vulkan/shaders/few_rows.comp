#include "few_rows.glsl"
