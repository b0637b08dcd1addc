/*
 * What a work-group brings to shared memory for the next DEPTH numbers of its tile's sums, four
 * numbers at a time: x and weights, for tile.glsl and matrices.glsl. Before the inclusion, after
 * lines.glsl: DEPTH, TILE_ROWS, TILE_COLUMNS, THREADS; FOUR, how four numbers are on their way, which
 * where DOTS is defined are the codes of a word; else FOUR_OF(vec4), PACKED_FOUR(group, k, four) of
 * weights. And to where they go: put_x(row, four, FOUR), put_column(column, four, FOUR), and without
 * DOTS put_line(number, four, FOUR), which has four columns of one number.
 */
const uint FOURS_OF_DEPTH = DEPTH / 4;
const uint TILE_FOURS = TILE_COLUMNS / 4;
const uint X_ROWS = THREADS / FOURS_OF_DEPTH; /* that are loaded at once */
const uint X_LOADS = (TILE_ROWS + X_ROWS - 1) / X_ROWS;
#ifdef DOTS
const uint W_FOURS = FOURS_OF_DEPTH * TILE_COLUMNS / 4; /* each of four words */
#else
const uint W_FOURS = DEPTH * TILE_COLUMNS / 4;
#endif
const uint W_LOADS = (W_FOURS + THREADS - 1) / THREADS;

/* Of this invocation: the rows of x, and which of their numbers it loads next. */
Line x_lines[X_LOADS];
vec4 x_codes[X_LOADS]; /* when rounded */
Number x_number;

uint x_row(uint slot)
{
    return slot * X_ROWS + gl_LocalInvocationID.x / FOURS_OF_DEPTH;
}

/* For a tile whose first row is `row`, of the group's x that begins there, from number `first` on. */
void begin_loads(uint row, uint begin, uint first)
{
    [[unroll]] for (uint slot = 0u; slot < X_LOADS; slot++) {
        uint m = row + x_row(slot);
        x_lines[slot] = line_of(m, begin);
        if (NUMBERS == VK_NUMBERS_ROUNDED)
            x_codes[slot] = code_of_row(min(m, uint(p.grid.x) - 1u));
    }
    x_number = Number(first + 4u * (gl_LocalInvocationID.x % FOURS_OF_DEPTH), 0u, ivec2(0));
}

void load_inputs()
{
    [[unroll]] for (uint slot = 0u; slot < X_LOADS; slot++) {
        uint from, row = x_row(slot), four = gl_LocalInvocationID.x % FOURS_OF_DEPTH;
        bool inside = is_inside(x_lines[slot], x_number, from);
        uint count = uint(p.x.w) - x_number.input_;
        if (TILE_ROWS % X_ROWS != 0u && row >= TILE_ROWS)
            break;
#ifdef DOTS
        put_x(row, four, inside ? x_word(from, count, x_codes[slot]) : word_of(ivec4(x_zero(x_codes[slot]))));
#else
        vec4 x = vec4(0.0);
        if (inside) {
            x = x_four(TYPE_X, X_FOURS, from, count);
            if (NUMBERS == VK_NUMBERS_ROUNDED)
                x = rounded(x, x_codes[slot]);
        }
        put_x(row, four, FOUR_OF(x));
#endif
    }
}

void load_weights(uint group, uint first, uint column, uint begin)
{
    [[unroll]] for (uint slot = 0u; slot < W_LOADS; slot++) {
        uint i = slot * THREADS + gl_LocalInvocationID.x;
        if (W_FOURS % THREADS != 0u && i >= W_FOURS)
            break;
#ifdef DOTS
        uint four = i / TILE_FOURS, k = first + 4u * four, to = 4u * (i % TILE_FOURS), n = column + to;
        uvec4 w = uvec4(0u);
        if (n < uint(p.y.w) && k < uint(p.depth.y))
            w = words_of(group, k, n >> 2);
        for (uint j = 0u; j < 4u; j++)
            put_column(to + j, four, w[j]);
#else
        if (WEIGHTS == VK_WEIGHTS_COLUMNS) { /* w[n][k] */
            uint to = i / FOURS_OF_DEPTH, four = i % FOURS_OF_DEPTH, k = first + 4u * four, n = column + to;
            vec4 w = vec4(0.0);
            if (n < uint(p.y.w) && k < uint(p.x.w))
                w = w_four(TYPE_W, (FOURS & VK_FOURS_X) != 0u, begin + n * uint(p.x.w) + k, uint(p.x.w) - k);
            put_column(to, four, FOUR_OF(w));
            continue;
        }
        uint to = i / TILE_FOURS, four = i % TILE_FOURS, k = first + to, n = column + 4u * four;
        FOUR w = FOUR(0);
        if (WEIGHTS == VK_WEIGHTS_ROWS) { /* w[k][n] */
            if (n < uint(p.y.w) && k < uint(p.x.w))
                w = FOUR_OF(w_four(TYPE_W, (FOURS & VK_FOURS_Y) != 0u, begin + k * uint(p.y.w) + n, uint(p.y.w) - n));
        } else if (n < uint(p.y.w) && k < uint(p.depth.y)) {
            w = PACKED_FOUR(group, k, n >> 2);
        }
        put_line(to, four, w);
#endif
    }
}

/* The next numbers, from `first` on, once all have done with the last ones. */
void load(uint group, uint first, uint column, uint begin)
{
    settle(x_number);
    barrier();
    load_inputs();
    load_weights(group, first, column, begin);
    barrier();
    x_number.input_ += DEPTH;
}
