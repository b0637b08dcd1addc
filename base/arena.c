/* Why: a graph is thousands of small objects that die together; one free beats thousands. */
#include "base/arena.h"

#include "base/checked.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 16384

struct base_arena_block {
    struct base_arena_block *next;
    size_t used;
    size_t size;
    alignas(max_align_t) unsigned char bytes[];
};

void *base_arena_alloc(struct base_arena *arena, size_t size)
{
    if (!base_align_size(size ? size : 1, alignof(max_align_t), &size))
        return NULL;
    struct base_arena_block *block = arena->blocks;
    if (!block || block->size - block->used < size) {
        size_t payload = size > BLOCK_SIZE ? size : BLOCK_SIZE, total, sum;
        if (!base_add_size(payload, sizeof *block, &total) ||
            !base_add_size(arena->total, total, &sum) || (arena->limit && sum > arena->limit))
            return NULL;
        block = calloc(1, total);
        if (!block)
            return NULL;
        block->size = payload;
        arena->total = sum;
        /* A large one-off goes behind the current block, whose room is still good. */
        if (size > BLOCK_SIZE && arena->blocks) {
            block->next = arena->blocks->next;
            arena->blocks->next = block;
        } else {
            block->next = arena->blocks;
            arena->blocks = block;
        }
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

void *base_arena_array(struct base_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    return base_mul_size(count, size, &bytes) ? base_arena_alloc(arena, bytes) : NULL;
}

void *base_arena_copy(struct base_arena *arena, const void *data, size_t size)
{
    void *memory = base_arena_alloc(arena, size);
    if (memory && size)
        memcpy(memory, data, size);
    return memory;
}

char *base_arena_strndup(struct base_arena *arena, const char *text, size_t length)
{
    size_t size;
    char *copy = base_add_size(length, 1, &size) ? base_arena_alloc(arena, size) : NULL;
    if (copy)
        memcpy(copy, text, length);
    return copy;
}

void base_arena_reset(struct base_arena *arena)
{
    for (struct base_arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    arena->blocks = NULL;
    arena->total = 0;
}
