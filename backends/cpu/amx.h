/*
 * Tiles of AMX: how they are shaped. Included only by files that are compiled for it.
 *
 * A thread gives its tiles their shape before it uses them, and gives them back (_tile_release())
 * when it has done: one that holds none has none to save when others run.
 */
#ifndef BACKENDS_CPU_AMX_H
#define BACKENDS_CPU_AMX_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

/* Of a tile: rows, and rows of weights, a step of four bytes a column each. */
enum { AMX_ROWS = 16, AMX_STEPS = 16 };

/* What LDTILECFG reads. */
struct amx_config {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* Tiles 0 to 3 are sums of 16 columns, 4 and 5 `rows` rows of `steps` steps, 6 and 7 weights. */
static inline void amx_configure(size_t rows, size_t steps)
{
    struct amx_config config = {.palette = 1};
    for (unsigned i = 0; i < 8; i++) {
        config.row_bytes[i] = i == 4 || i == 5 ? (uint16_t)(4 * steps) : 64;
        config.rows[i] = (uint8_t)(i < 6 ? rows : steps);
    }
    _tile_loadconfig(&config);
}

/* Tiles of nearly equal height make up `rows`, the last of which may begin within the one before.
 */
static inline size_t amx_tile_rows(size_t rows)
{
    size_t count = (rows + AMX_ROWS - 1) / AMX_ROWS;
    return (rows + count - 1) / count;
}

/* As many steps to a tile as leave none over, if that costs few more tiles. */
static inline size_t amx_tile_steps(size_t steps)
{
    if (steps < AMX_STEPS)
        return steps;
    for (size_t some = AMX_STEPS; some >= AMX_STEPS / 2; some--)
        if (steps % some == 0)
            return some;
    return AMX_STEPS;
}

#endif
