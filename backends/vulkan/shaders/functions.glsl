/*
 * Functions of one and two numbers. Where the precision that Vulkan promises would not do (it lets
 * sines be off by 2^-11), they are polynomials, fitted at Chebyshev nodes.
 */

/* Relative error 4e-9 up to 1, 4e-7 from there. */
float erf_of(float x)
{
    float a = abs(x), u = x * x;
    if (a < 1.0) {
        float p = 7.882497105645624e-05;
        p = p * u - 0.0008018854991498236;
        p = p * u + 0.005189311942549332;
        p = p * u - 0.02685432879600237;
        p = p * u + 0.11283597463486766;
        p = p * u - 0.3761262690358034;
        return x * (p * u + 1.1283791658815023);
    }
    if (is_nan(x))
        return x;
    float b = min(a, 4.0);
    float p = 1.3309390410209545e-05;
    p = p * b - 0.00031757203498003554;
    p = p * b + 0.0034368676008059377;
    p = p * b - 0.022621985937320892;
    p = p * b + 0.10331898006536777;
    p = p * b + 0.639093319457116;
    p = p * b + 1.1259259493560476;
    p = p * b + 0.0007569686154473843;
    return sign(x) * (1.0 - exp(-p));
}

float tanh_of(float x)
{
    float u = x * x;
    if (u < 0.01)
        return x * (1.0 + u * (-1.0 / 3.0 + u * (2.0 / 15.0 - u * (17.0 / 315.0))));
    float t = exp(-2.0 * abs(x));
    return is_nan(x) ? x : sign(x) * (1.0 - t) / (1.0 + t);
}

float expm1_of(float x)
{
    if (abs(x) < 0.25)
        return x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0 + x * (1.0 / 720.0 + x / 5040.0))))));
    return exp(x) - 1.0;
}

float log1p_of(float x)
{
    if (abs(x) < 0.03)
        return x * (1.0 + x * (-0.5 + x * (1.0 / 3.0 + x * (-0.25 + x * (0.2 - x / 6.0)))));
    return log(1.0 + x);
}

/* x as a number of quarter turns and what is left, within pi / 4; for |x| up to some 1e5. */
float quarter_turns(float x, out int turns)
{
    float n = roundEven(x * 0.6366197723675814);
    turns = int(n);
    precise float r = x - n * 1.5703125;
    r = r - n * 4.83751296997070312e-4;
    r = r - n * 7.54953362047672271e-8;
    return r;
}

float sin_of(float x)
{
    int turns;
    float r = quarter_turns(x, turns), u = r * r, y;
    if ((turns & 1) == 0)
        y = r * (1.0 + u * (-1.0 / 6.0 + u * (1.0 / 120.0 + u * (-1.0 / 5040.0 + u / 362880.0))));
    else
        y = 1.0 + u * (-0.5 + u * (1.0 / 24.0 + u * (-1.0 / 720.0 + u * (1.0 / 40320.0 - u / 3628800.0))));
    return abs(x) == INFINITY ? NAN : (turns & 2) == 0 ? y : -y;
}

float cos_of(float x)
{
    int turns;
    float r = quarter_turns(x, turns), u = r * r, y;
    if ((turns & 1) == 0)
        y = 1.0 + u * (-0.5 + u * (1.0 / 24.0 + u * (-1.0 / 720.0 + u * (1.0 / 40320.0 - u / 3628800.0))));
    else
        y = -r * (1.0 + u * (-1.0 / 6.0 + u * (1.0 / 120.0 + u * (-1.0 / 5040.0 + u / 362880.0))));
    return abs(x) == INFINITY ? NAN : (turns & 2) == 0 ? y : -y;
}

float atan_of(float x)
{
    float a = abs(x), t = a > 1.0 ? 1.0 / a : a, u = t * t;
    float p = -0.0017437011454227917;
    p = p * u + 0.010680719452291172;
    p = p * u - 0.03071750891389128;
    p = p * u + 0.05746355785614223;
    p = p * u - 0.08372063948406312;
    p = p * u + 0.10940198965256415;
    p = p * u - 0.14261573680315304;
    p = p * u + 0.19998230640381556;
    p = p * u - 0.3333328229551225;
    p = (p * u + 0.9999999975460201) * t;
    p = a > 1.0 ? 1.5707963267948966 - p : p;
    return is_nan(x) ? x : x < 0.0 ? -p : p;
}

float atan2_of(float y, float x)
{
    const float PI = 3.141592653589793;
    if (is_nan(x) || is_nan(y))
        return NAN;
    bool left = (floatBitsToUint(x) >> 31) != 0u, below = (floatBitsToUint(y) >> 31) != 0u;
    float a;
    if (abs(x) == INFINITY && abs(y) == INFINITY)
        a = PI / 4.0;
    else if (x == 0.0)
        a = y == 0.0 ? 0.0 : PI / 2.0;
    else
        a = atan_of(abs(y) / abs(x));
    a = left ? PI - a : a;
    return below ? -a : a;
}

float asin_of(float x)
{
    return abs(x) > 1.0 ? NAN : atan2_of(x, sqrt((1.0 - x) * (1.0 + x)));
}

float sinh_of(float x)
{
    float u = x * x;
    if (u < 0.25)
        return x * (1.0 + u * (1.0 / 6.0 + u * (1.0 / 120.0 + u / 5040.0)));
    float half_way = exp(0.5 * abs(x)); /* e^x would overflow before its half does */
    return sign(x) * (0.5 * half_way * half_way - 0.5 / half_way / half_way);
}

float asinh_of(float x)
{
    float a = abs(x);
    if (a > 1e9)
        return sign(x) * (log(a) + 0.6931471805599453);
    return is_nan(x) ? x : sign(x) * log1p_of(a + a * a / (1.0 + sqrt(a * a + 1.0)));
}

float pow_of(float a, float b)
{
    if (b == 0.0 || a == 1.0)
        return 1.0;
    if (is_nan(a) || is_nan(b))
        return NAN;
    bool whole = floor(b) == b, odd = whole && abs(b) < 16777216.0 && (int(b) & 1) != 0;
    if (a == 0.0)
        return b < 0.0 ? (odd ? 1.0 / a : INFINITY) : (odd ? a : 0.0);
    if (abs(a) == INFINITY)
        return a < 0.0 && odd ? -(b > 0.0 ? INFINITY : 0.0) : b > 0.0 ? INFINITY : 0.0;
    if (a < 0.0 && !whole)
        return abs(b) == INFINITY ? (abs(a) == 1.0 ? 1.0 : (abs(a) > 1.0) == (b > 0.0) ? INFINITY : 0.0) : NAN;
    /* Whole powers by squaring: exact where the result is. */
    if (whole && abs(b) <= 64.0) {
        float square = a, y = 1.0;
        for (uint n = uint(abs(b)); n != 0u; n >>= 1, square *= square)
            y = (n & 1u) != 0u ? y * square : y;
        return b < 0.0 ? 1.0 / y : y;
    }
    float y = exp2(b * log2(abs(a)));
    return odd && a < 0.0 ? -y : y;
}

float fmod_of(float a, float b)
{
    if (b == 0.0 || abs(a) == INFINITY || is_nan(a) || is_nan(b))
        return NAN;
    if (abs(b) == INFINITY)
        return a;
    precise float r = abs(a), d = abs(b);
    /* Takes away multiples of the divisor, largest first: exact, as each difference is. */
    for (int guard = 0; guard < 280 && r >= d; guard++) {
        precise float step = d * exp2(floor(log2(r / d)));
        step = step > r ? 0.5 * step : step;
        step = step < d || is_nan(step) ? d : step;
        r = r - step;
    }
    return a < 0.0 ? -r : r;
}

float remainder_of(float a, float b)
{
    float r = fmod_of(a, b);
    return r != 0.0 && (b < 0.0) != (r < 0.0) ? r + b : r;
}

/* As Python's: where it divides evenly there is no rounding to be wrong. */
float floor_div_of(float a, float b)
{
    if (b == 0.0)
        return a / b;
    float r = fmod_of(a, b);
    precise float quotient = (a - r) / b;
    if (r != 0.0 && (b < 0.0) != (r < 0.0))
        quotient -= 1.0;
    float rounded = floor(quotient);
    return quotient - rounded > 0.5 ? rounded + 1.0 : rounded;
}

float unary_of(const uint kind, float x, float a, float b)
{
    switch (kind) {
    case VK_UNARY_CLAMP: return clamp_to(x, a, b);
    case VK_UNARY_SIGMOID: return 1.0 / (1.0 + exp(-x));
    case VK_UNARY_TANH: return tanh_of(x);
    case VK_UNARY_HARDSWISH: return x * clamp_to(x + 3.0, 0.0, 6.0) / 6.0;
    case VK_UNARY_HARDSIGMOID: return clamp_to(x + 3.0, 0.0, 6.0) / 6.0;
    case VK_UNARY_GELU: return 0.5 * x * (1.0 + erf_of(x * 0.7071067811865476));
    case VK_UNARY_GELU_TANH: return 0.5 * x * (1.0 + tanh_of(0.7978845608028654 * (x + 0.044715 * x * x * x)));
    case VK_UNARY_SILU: return x / (1.0 + exp(-x));
    case VK_UNARY_LEAKY_RELU: return x > 0.0 ? x : a * x;
    case VK_UNARY_ELU: return x > 0.0 ? x : a * expm1_of(x);
    case VK_UNARY_EXP: return exp(x);
    case VK_UNARY_LOG: return x < 0.0 ? NAN : log(x);
    case VK_UNARY_SQRT: return sqrt(x);
    case VK_UNARY_RSQRT: return 1.0 / sqrt(x);
    case VK_UNARY_ABS: return abs(x);
    case VK_UNARY_NEG: return -x;
    case VK_UNARY_RECIPROCAL: return 1.0 / x;
    case VK_UNARY_SQUARE: return x * x;
    case VK_UNARY_FLOOR: return floor(x);
    case VK_UNARY_CEIL: return ceil(x);
    case VK_UNARY_ROUND: return roundEven(x);
    case VK_UNARY_SIN: return sin_of(x);
    case VK_UNARY_COS: return cos_of(x);
    case VK_UNARY_NOT: return x == 0.0 ? 1.0 : 0.0;
    case VK_UNARY_TAN: return sin_of(x) / cos_of(x);
    case VK_UNARY_ASIN: return asin_of(x);
    case VK_UNARY_ACOS: return abs(x) > 1.0 ? NAN : atan2_of(sqrt((1.0 - x) * (1.0 + x)), x);
    case VK_UNARY_ATAN: return atan_of(x);
    case VK_UNARY_SINH: return sinh_of(x);
    case VK_UNARY_COSH: { float h = exp(0.5 * abs(x)); return 0.5 * h * h + 0.5 / h / h; }
    case VK_UNARY_ASINH: return asinh_of(x);
    case VK_UNARY_ACOSH: return x < 1.0 ? NAN : x > 1e9 ? log(x) + 0.6931471805599453 : log1p_of((x - 1.0) + sqrt((x - 1.0) * (x + 1.0)));
    case VK_UNARY_ATANH: return 0.5 * log1p_of(2.0 * x / (1.0 - x));
    case VK_UNARY_ERF: return erf_of(x);
    case VK_UNARY_EXPM1: return expm1_of(x);
    case VK_UNARY_LOG1P: return x < -1.0 ? NAN : log1p_of(x);
    case VK_UNARY_LOG2: return x < 0.0 ? NAN : log2(x);
    case VK_UNARY_LOG10: return x < 0.0 ? NAN : log(x) * 0.4342944819032518;
    case VK_UNARY_LOGIT: { float p = clamp_to(x, a, 1.0 - a); return log(p / (1.0 - p)); }
    case VK_UNARY_SIGN: return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0;
    default: return trunc(x);
    }
}

float binary_of(const uint kind, float a, float b, float alpha)
{
    precise float product = alpha * b; /* PyTorch rounds it before the sum */
    switch (kind) {
    case VK_BINARY_ADD: return a + product;
    case VK_BINARY_SUB: return a - product;
    case VK_BINARY_MUL: return a * b;
    case VK_BINARY_DIV: return a / b;
    case VK_BINARY_MAX: return is_nan(a) || a > b ? a : b;
    case VK_BINARY_MIN: return is_nan(a) || a < b ? a : b;
    case VK_BINARY_POW: return pow_of(a, b);
    case VK_BINARY_EQ: return float(a == b);
    case VK_BINARY_NE: return float(!(a == b));
    case VK_BINARY_LT: return float(a < b);
    case VK_BINARY_LE: return float(a <= b);
    case VK_BINARY_GT: return float(a > b);
    case VK_BINARY_GE: return float(a >= b);
    case VK_BINARY_AND: return float(!(a == 0.0) && !(b == 0.0));
    case VK_BINARY_OR: return float(!(a == 0.0) || !(b == 0.0));
    case VK_BINARY_SQUARED_DIFFERENCE: return (a - b) * (a - b);
    case VK_BINARY_FLOOR_DIV: return floor_div_of(a, b);
    case VK_BINARY_TRUNC_DIV: return trunc(a / b);
    case VK_BINARY_FMOD: return fmod_of(a, b);
    case VK_BINARY_REMAINDER: return remainder_of(a, b);
    default: return atan2_of(a, b);
    }
}
