/* Why: weights are what fills a device's memory, and the host's while a model is loaded. */
#include "backends/vulkan/weights.h"

#include "backends/vulkan/shared_memory.h"
#include "base/checked.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

/* Devices allow some thousand allocations, so only what is LARGE has one of its own. */
enum { LARGE = 256 << 10, LEAST_BLOCK = 64 << 10, MOST_BLOCK = 1 << 20 };
/* Copied at a time to memory that the host cannot reach. */
enum { STAGED = 8 << 20 };

/* Memory of the device, and where the host writes its contents: there, or until it is sent in a
 * copy. */
struct memory {
    struct vk_buffer buffer;
    unsigned char *data;
};

struct vk_weight_block {
    struct vk_weight_block *next;
    struct memory memory;
    size_t used;
};

struct vk_large_weight {
    struct vk_large_weight *next;
    const struct vk_device *device;
    struct memory memory;
    struct base_hash hash; /* of its bytes */
    unsigned users;
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct vk_large_weight *list; /* settled ones, and their users: under the lock */

static enum percept_status no_memory(struct percept_error *error)
{
    return percept_fail(error, PERCEPT_NO_MEMORY, "vulkan: no memory for weights");
}

/* ---- memory ---- */

static enum percept_status make_memory(struct memory *memory, struct vk_device *device,
                                       size_t bytes, struct percept_error *error)
{
    enum percept_status status = vk_buffer_create(device, bytes, false, &memory->buffer, error);
    if (status != PERCEPT_OK)
        return status;
    memory->data = memory->buffer.mapped;
    if (memory->data)
        memset(memory->data, 0, bytes);
    else
        memory->data = calloc(1, bytes);
    return memory->data ? PERCEPT_OK : no_memory(error);
}

/* The device has it from now on. */
static enum percept_status send(struct memory *memory, struct vk_device *device,
                                struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    size_t bytes = memory->buffer.bytes;
    if (!memory->data || memory->data == memory->buffer.mapped)
        return PERCEPT_OK;
    for (size_t at = 0; at < bytes && status == PERCEPT_OK; at += STAGED)
        status = vk_copy_up(device, memory->data + at, bytes - at < STAGED ? bytes - at : STAGED,
                            &memory->buffer, at, error);
    free(memory->data);
    memory->data = NULL;
    return status;
}

static void free_memory(struct memory *memory, struct vk_device *device)
{
    if (memory->data != memory->buffer.mapped)
        free(memory->data);
    vk_buffer_destroy(device, &memory->buffer);
}

/* ---- blocks ---- */

/* A place in the last block, or in a new one, as large as what came before it. */
static void *add_small(struct vk_weights *weights, struct vk_device *device,
                       struct vk_weight_piece *piece, struct percept_error *error)
{
    struct vk_weight_block *block = weights->blocks;
    if (!block || block->memory.buffer.bytes - block->used < piece->bytes) {
        size_t bytes = weights->bytes < LEAST_BLOCK ? LEAST_BLOCK : weights->bytes;
        bytes = bytes > MOST_BLOCK ? MOST_BLOCK : bytes;
        bytes = bytes < piece->bytes ? piece->bytes : bytes;
        block = calloc(1, sizeof *block);
        if (!block) {
            (void)no_memory(error);
            return NULL;
        }
        block->next = weights->blocks;
        weights->blocks = block;
        if (make_memory(&block->memory, device, bytes, error) != PERCEPT_OK)
            return NULL;
        weights->bytes += bytes;
    }
    piece->buffer = block->memory.buffer.buffer;
    piece->offset = block->used;
    block->used += piece->bytes;
    return block->memory.data + piece->offset;
}

/* ---- large weights ---- */

static void *add_large(struct vk_device *device, struct vk_weight_piece *piece,
                       struct percept_error *error)
{
    struct vk_large_weight *large = calloc(1, sizeof *large);
    if (!large) {
        (void)no_memory(error);
        return NULL;
    }
    large->device = device;
    if (make_memory(&large->memory, device, piece->bytes, error) != PERCEPT_OK) {
        free_memory(&large->memory, device);
        free(large);
        return NULL;
    }
    piece->large = large;
    return large->memory.data;
}

/* The weight of these bytes that the device has, with one user more; NULL for none. */
static struct vk_large_weight *find(const struct vk_large_weight *like)
{
    struct vk_large_weight *found = list;
    while (found && (found->device != like->device ||
                     found->memory.buffer.bytes != like->memory.buffer.bytes ||
                     memcmp(&found->hash, &like->hash, sizeof found->hash) != 0))
        found = found->next;
    if (found)
        found->users++;
    return found;
}

static enum percept_status settle_large(struct vk_weights *weights, struct vk_device *device,
                                        struct vk_weight_piece *piece, struct percept_error *error)
{
    struct vk_large_weight *large = piece->large;
    base_hash_add(&large->hash, large->memory.data, piece->bytes);
    pthread_mutex_lock(&list_lock);
    struct vk_large_weight *found = find(large);
    pthread_mutex_unlock(&list_lock);
    if (found) {
        free_memory(&large->memory, device);
        free(large);
        piece->large = found;
        piece->buffer = found->memory.buffer.buffer;
        return PERCEPT_OK;
    }
    enum percept_status status = send(&large->memory, device, error);
    if (status != PERCEPT_OK)
        return status;
    piece->buffer = large->memory.buffer.buffer;
    weights->bytes += piece->bytes;
    large->users = 1;
    pthread_mutex_lock(&list_lock);
    large->next = list;
    list = large;
    pthread_mutex_unlock(&list_lock);
    return PERCEPT_OK;
}

/* One user less. One that is not settled has none, and is not in the list. */
static void release(struct vk_large_weight *large, struct vk_device *device)
{
    pthread_mutex_lock(&list_lock);
    bool last = large->users <= 1;
    struct vk_large_weight **place = &list;
    while (last && *place && *place != large)
        place = &(*place)->next;
    if (last && *place)
        *place = large->next;
    large->users -= !last;
    pthread_mutex_unlock(&list_lock);
    if (!last)
        return;
    free_memory(&large->memory, device);
    free(large);
}

/* ---- pieces ---- */

static bool grow(struct vk_weights *weights)
{
    if (weights->count < weights->capacity)
        return true;
    uint32_t more = weights->capacity ? 2 * weights->capacity : 64;
    struct vk_weight_piece *grown = realloc(weights->pieces, more * sizeof *grown);
    if (!grown)
        return false;
    weights->pieces = grown;
    weights->capacity = more;
    return true;
}

void *vk_weights_add(struct vk_weights *weights, struct vk_device *device, size_t bytes,
                     struct percept_error *error)
{
    struct vk_weight_piece piece = {0};
    if (!grow(weights) || !base_align_size(bytes ? bytes : 1, VK_BIND_ALIGNMENT, &piece.bytes)) {
        (void)no_memory(error);
        return NULL;
    }
    void *data = piece.bytes < LARGE ? add_small(weights, device, &piece, error)
                                     : add_large(device, &piece, error);
    if (data)
        weights->pieces[weights->count++] = piece;
    return data;
}

enum percept_status vk_weights_settle(struct vk_weights *weights, struct vk_device *device,
                                      bool finish, struct percept_error *error)
{
    enum percept_status status = PERCEPT_OK;
    for (; weights->settled < weights->count && status == PERCEPT_OK; weights->settled++)
        if (weights->pieces[weights->settled].large)
            status = settle_large(weights, device, &weights->pieces[weights->settled], error);
    struct vk_weight_block *block = weights->blocks;
    if (block && !finish)
        block = block->next; /* there is room in the last one */
    for (; block && block->memory.data && status == PERCEPT_OK; block = block->next)
        status = send(&block->memory, device, error);
    return status;
}

void vk_weights_free(struct vk_weights *weights, struct vk_device *device)
{
    for (uint32_t i = 0; i < weights->count; i++)
        if (weights->pieces[i].large)
            release(weights->pieces[i].large, device);
    for (struct vk_weight_block *block = weights->blocks, *next; block; block = next) {
        next = block->next;
        free_memory(&block->memory, device);
        free(block);
    }
    free(weights->pieces);
    *weights = (struct vk_weights){0};
}
