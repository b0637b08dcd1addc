/* Why: see io.h; the loops are easy to get wrong. */
#include "base/io.h"

#include <errno.h>
#include <unistd.h>

ssize_t base_read_most(int fd, void *bytes, size_t most)
{
    size_t used = 0;
    while (used < most) {
        ssize_t got = read(fd, (char *)bytes + used, most - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

bool base_write_all(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = write(fd, (const char *)bytes + done, size - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}
