/*
 * Why: a mapped file can change or shrink while we read it: a check made once would mean nothing,
 * and a page that is gone kills the process with SIGBUS. So a program is read from memory that
 * only this process has. A file that is a memfd sealed against both is mapped as it is; any other
 * is copied.
 *
 * One file that a process opens several times, while it does not change, is copied once.
 */
#include "runtime/program_data.h"

#include "base/checked.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define SEALS     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static enum percept_status file_errno(const struct prt_file *file, const char *what,
                                      struct percept_error *error)
{
    return percept_fail_errno(error, errno, "%s: %s", file->name, what);
}

/* ---- copies that are open ---- */

/* A file whose last change is this recent may change again without its times saying so. */
enum { SETTLED_MS = 100 };

struct prt_copy {
    struct prt_copy *next;
    struct stat of;
    void *memory;
    size_t users;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct prt_copy *copies; /* under the lock */

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* The same file, unchanged: nobody but the kernel sets st_ctim. */
static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(a->st_mtim, b->st_mtim) && same_time(a->st_ctim, b->st_ctim);
}

static bool is_settled(const struct stat *info)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ms = (now.tv_sec - info->st_ctim.tv_sec) * 1000 +
                 (now.tv_nsec - info->st_ctim.tv_nsec) / 1000000;
    return ms > SETTLED_MS;
}

static struct prt_copy *find_copy(const struct stat *info)
{
    pthread_mutex_lock(&lock);
    struct prt_copy *copy = copies;
    while (copy && !same_file(&copy->of, info))
        copy = copy->next;
    if (copy)
        copy->users++;
    pthread_mutex_unlock(&lock);
    return copy;
}

/* Let others find it; NULL when that is not to be, or without memory for it. */
static struct prt_copy *add_copy(const struct stat *info, void *memory)
{
    struct prt_copy *copy = is_settled(info) ? malloc(sizeof *copy) : NULL;
    if (!copy)
        return NULL;
    pthread_mutex_lock(&lock);
    *copy = (struct prt_copy){copies, *info, memory, 1};
    copies = copy;
    pthread_mutex_unlock(&lock);
    return copy;
}

static void release_copy(struct prt_copy *copy)
{
    pthread_mutex_lock(&lock);
    bool last = --copy->users == 0;
    for (struct prt_copy **at = &copies; last && *at; at = &(*at)->next) {
        if (*at == copy) {
            *at = copy->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    if (!last)
        return;
    munmap(copy->memory, (size_t)copy->of.st_size);
    free(copy);
}

/* ---- */

/* Read the first size bytes of file into memory; false with errno. */
static bool read_all(int file, unsigned char *memory, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(file, memory + done, size - done, (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO; /* it became shorter meanwhile */
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* A copy of the first size bytes of file that only this process has, and can only read; NULL with
 * errno. */
static void *private_copy(int file, size_t size)
{
    size_t whole = size / HUGE_PAGE * HUGE_PAGE, reserved;
    if (!base_add_size(size, whole ? HUGE_PAGE : 0, &reserved)) {
        errno = ENOMEM;
        return NULL;
    }
    unsigned char *memory =
        mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    /* Huge pages begin where their size divides the address; what lies around them goes back. */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t before = whole ? (HUGE_PAGE - (uintptr_t)memory % HUGE_PAGE) % HUGE_PAGE : 0;
    size_t used = before + (size + page - 1) / page * page;
    reserved = (reserved + page - 1) / page * page;
    if (before)
        munmap(memory, before);
    if (used < reserved)
        munmap(memory + used, reserved - used);
    memory += before;
    if (whole)
        (void)madvise(memory, whole, MADV_HUGEPAGE); /* a wish: one fault instead of 512 */
    if (read_all(file, memory, size) && mprotect(memory, size, PROT_READ) == 0)
        return memory;
    int reason = errno;
    munmap(memory, size);
    errno = reason;
    return NULL;
}

static enum percept_status map(struct prt_file *file, int descriptor, const struct stat *info,
                               struct percept_error *error)
{
    int seals = fcntl(descriptor, F_GET_SEALS);
    size_t size = (size_t)info->st_size;
    bool sealed = seals >= 0 && (seals & SEALS) == SEALS;
    file->copy = sealed ? NULL : find_copy(info);
    if (file->copy) {
        file->bytes = (struct prt_bytes){.data = file->copy->memory, .size = size};
        return PERCEPT_OK;
    }
    void *memory = sealed ? mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor, 0)
                          : private_copy(descriptor, size);
    if (!memory || memory == MAP_FAILED)
        return file_errno(file, sealed ? "cannot map" : "cannot read", error);
    file->bytes = (struct prt_bytes){.data = memory, .size = size};
    file->mapped = true;
    file->copy = sealed ? NULL : add_copy(info, memory);
    return PERCEPT_OK;
}

static enum percept_status set_name(struct prt_file *file, const char *name,
                                    struct percept_error *error)
{
    file->name = strdup(name);
    return file->name ? PERCEPT_OK : percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory", name);
}

enum percept_status prt_file_map(struct prt_file *file, const char *path,
                                 struct percept_error *error)
{
    enum percept_status status = set_name(file, path, error);
    if (status != PERCEPT_OK)
        return status;
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return file_errno(file, "cannot open", error);
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        status = file_errno(file, "cannot read", error);
    else if (!S_ISREG(info.st_mode))
        status = percept_fail(error, PERCEPT_INVALID, "%s: not a regular file", path);
    else if (info.st_size == 0)
        status = percept_fail(error, PERCEPT_MALFORMED, "%s: the file is empty", path);
    else
        status = map(file, descriptor, &info, error);
    close(descriptor);
    return status;
}

enum percept_status prt_file_copy(struct prt_file *file, const void *bytes, size_t size,
                                  const char *name, struct percept_error *error)
{
    /* As aligned as a mapping where it matters: constants are used in place. */
    void *memory;
    enum percept_status status = set_name(file, name, error);
    if (status != PERCEPT_OK)
        return status;
    if (size == 0)
        return percept_fail(error, PERCEPT_MALFORMED, "%s: no bytes", name);
    if (posix_memalign(&memory, 64, size) != 0)
        return percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory for %zu bytes", name, size);
    memcpy(memory, bytes, size);
    file->bytes = (struct prt_bytes){.data = memory, .size = size};
    return PERCEPT_OK;
}

void prt_file_close(struct prt_file *file)
{
    void *memory = (void *)(uintptr_t)file->bytes.data;
    if (file->copy)
        release_copy(file->copy);
    else if (file->mapped)
        munmap(memory, file->bytes.size);
    else if (!file->part)
        free(memory);
    free(file->name);
    *file = (struct prt_file){0};
}
