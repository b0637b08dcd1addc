/* Why: what a host takes in is written once, straight into memory that it will map. */
#include "backends/isolated/segment.h"

#include "base/checked.h"

#include <sys/mman.h>
#include <unistd.h>

void *isolated_parcel_memory(void *context, size_t bytes)
{
    struct isolated_parcel *parcel = context;
    if (!base_align_size(bytes, 64, &parcel->lists) ||
        !base_add_size(parcel->lists, parcel->extra_bytes, &parcel->bytes))
        return NULL;
    parcel->fd = base_child_memory("percept-parcel", parcel->bytes);
    void *memory = parcel->fd < 0 ? MAP_FAILED
                                  : mmap(NULL, parcel->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                                         parcel->fd, 0);
    parcel->memory = memory == MAP_FAILED ? NULL : memory;
    return parcel->memory;
}

void isolated_parcel_close(struct isolated_parcel *parcel)
{
    if (parcel->memory)
        munmap(parcel->memory, parcel->bytes);
    if (parcel->fd >= 0)
        close(parcel->fd);
}
