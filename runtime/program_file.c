/*
 * Why: a mapped file can change or shrink while we read it: a check made once would mean nothing,
 * and a page that is gone kills the process with SIGBUS. So a program is read from memory that
 * only this process has. A file that is a memfd sealed against both is mapped as it is; any other
 * is copied.
 *
 * One file that a process opens several times, while it does not change, is copied once.
 *
 * Of a large file only what somebody needs is copied, and when it is needed: most of it is weights,
 * which are packed once and never looked at again. Each piece comes at most once, so what was
 * checked in it stays as it is. What comes later is of the file that was opened, or it is an error.
 */
#include "runtime/program_data.h"

#include "base/checked.h"
#include "base/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static enum percept_status file_errno(const struct prt_file *file, const char *what,
                                      struct percept_error *error)
{
    return percept_fail_errno(error, errno, "%s: %s", file->name, what);
}

/* ---- copies that are open ---- */

/* A file whose last change is this recent may change again without its times saying so. */
enum { SETTLED_MS = 100 };

/* What comes at a time, in bytes. */
enum { PIECE = 4096, LEAST_IN_PIECES = 256 << 10 };

struct prt_copy {
    struct prt_copy *next;
    struct stat of;
    unsigned char *memory;
    size_t users; /* under the lock */
    /* Of a copy in pieces; else -1 and NULL: all is there. */
    int descriptor;
    pthread_mutex_t filling;
    uint8_t *present; /* by piece; under filling */
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

/* Let others find it; NULL when that is not to be, or without memory for it. See prt_copy for the
 * last two. */
static struct prt_copy *add_copy(const struct stat *info, void *memory, int descriptor,
                                 uint8_t *present)
{
    struct prt_copy *copy = is_settled(info) ? malloc(sizeof *copy) : NULL;
    if (!copy)
        return NULL;
    *copy = (struct prt_copy){
        .of = *info, .memory = memory, .users = 1, .descriptor = descriptor, .present = present};
    pthread_mutex_init(&copy->filling, NULL);
    pthread_mutex_lock(&lock);
    copy->next = copies;
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
    base_pages_free(copy->memory, (size_t)copy->of.st_size);
    if (copy->descriptor >= 0)
        close(copy->descriptor);
    free(copy->present);
    pthread_mutex_destroy(&copy->filling);
    free(copy);
}

/* ---- */

/* Read size bytes of file, from `from` on, into memory; false with errno. */
static bool read_all(int file, unsigned char *memory, size_t from, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(file, memory + done, size - done, (off_t)(from + done));
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
    unsigned char *memory = base_pages_reserve(size);
    if (!memory)
        return NULL;
    base_pages_wish_huge(memory, 0, size);
    if (read_all(file, memory, 0, size) && mprotect(memory, size, PROT_READ) == 0)
        return memory;
    int reason = errno;
    base_pages_free(memory, size);
    errno = reason;
    return NULL;
}

/* ---- copies in pieces ---- */

/* An empty copy of a large file that is not changing, found by others; NULL: copy it whole. */
static struct prt_copy *copy_in_pieces(int descriptor, const struct stat *info)
{
    size_t size = (size_t)info->st_size;
    if (size < LEAST_IN_PIECES || !is_settled(info))
        return NULL;
    uint8_t *present = calloc(size / PIECE + 1, 1);
    int kept = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    void *memory = present && kept >= 0 ? base_pages_reserve(size) : NULL;
    struct prt_copy *copy = memory ? add_copy(info, memory, kept, present) : NULL;
    if (!copy) {
        base_pages_free(memory, size);
        if (kept >= 0)
            close(kept);
        free(present);
    }
    return copy;
}

/* Is what was just read of the file that was opened? */
static enum percept_status check_unchanged(const struct prt_file *file, struct percept_error *error)
{
    struct stat now;
    const struct stat *then = &file->copy->of;
    if (fstat(file->copy->descriptor, &now) != 0)
        return file_errno(file, "cannot read", error);
    if (now.st_size != then->st_size || !same_time(now.st_mtim, then->st_mtim))
        return percept_fail(error, PERCEPT_INVALID, "%s: the file changed while it was open",
                            file->name);
    return PERCEPT_OK;
}

/* Pieces [from, to), which are absent; under filling. */
static enum percept_status fill(const struct prt_file *file, size_t from, size_t to,
                                struct percept_error *error)
{
    struct prt_copy *copy = file->copy;
    size_t begin = from * PIECE, end = to * PIECE;
    if (end > file->bytes.size)
        end = file->bytes.size;
    base_pages_wish_huge(copy->memory, begin, end);
    if (!read_all(copy->descriptor, copy->memory + begin, begin, end - begin))
        return file_errno(file, "cannot read", error);
    enum percept_status status = check_unchanged(file, error);
    if (status == PERCEPT_OK)
        memset(copy->present + from, 1, to - from);
    return status;
}

static size_t run_of(const uint8_t *present, size_t from, size_t end, uint8_t what)
{
    while (from < end && present[from] == what)
        from++;
    return from;
}

/* The file's bytes [offset, offset + size), which are in it. */
static enum percept_status need(const struct prt_file *file, size_t offset, size_t size,
                                struct percept_error *error)
{
    struct prt_copy *copy = file->copy;
    size_t end = (offset + size + PIECE - 1) / PIECE;
    enum percept_status status = PERCEPT_OK;
    pthread_mutex_lock(&copy->filling);
    for (size_t at = offset / PIECE; at < end && status == PERCEPT_OK;) {
        size_t absent = run_of(copy->present, at, end, 1);
        at = run_of(copy->present, absent, end, 0);
        if (absent < at)
            status = fill(file, absent, at, error);
    }
    pthread_mutex_unlock(&copy->filling);
    return status;
}

/* Does data lie in a file that is copied in pieces? Sets where. */
static bool is_in_pieces(const struct prt_file *file, const void *data, size_t size, size_t *offset)
{
    uintptr_t begin = (uintptr_t)file->bytes.data, at = (uintptr_t)data;
    if (!prt_deferred_any() || !size || !file->copy || file->copy->descriptor < 0 || at < begin ||
        !base_range_inside(at - begin, size, file->bytes.size))
        return false;
    *offset = at - begin;
    return true;
}

enum percept_status prt_file_need(const struct prt_file *file, const void *data, size_t size,
                                  struct percept_error *error)
{
    size_t offset;
    return is_in_pieces(file, data, size, &offset) ? need(file, offset, size, error) : PERCEPT_OK;
}

bool prt_file_lacks(const struct prt_file *file, const void *data, size_t size)
{
    size_t offset;
    if (!is_in_pieces(file, data, size, &offset))
        return false;
    size_t end = (offset + size + PIECE - 1) / PIECE;
    pthread_mutex_lock(&file->copy->filling);
    bool whole = run_of(file->copy->present, offset / PIECE, end, 1) == end;
    pthread_mutex_unlock(&file->copy->filling);
    return !whole;
}

enum percept_status prt_file_read(const struct prt_file *file, const void *data, size_t size,
                                  void *to, struct percept_error *error)
{
    size_t offset;
    if (!prt_file_lacks(file, data, size) || !is_in_pieces(file, data, size, &offset)) {
        memcpy(to, data, size);
        return PERCEPT_OK;
    }
    if (!read_all(file->copy->descriptor, to, offset, size))
        return file_errno(file, "cannot read", error);
    return check_unchanged(file, error);
}

bool prt_file_identity(const struct prt_file *file, const void *data, size_t size,
                       struct prt_identity *identity)
{
    size_t offset;
    if (!is_in_pieces(file, data, size, &offset) || !prt_file_is(file, identity))
        return false;
    identity->offset = offset;
    identity->size = size;
    return true;
}

bool prt_file_is(const struct prt_file *file, struct prt_identity *identity)
{
    /* A checksum of its contents would not do: whoever makes a file can make another that has the
     * same. */
    if (file->is_hashed) {
        *identity = (struct prt_identity){.file_size = file->bytes.size};
        memcpy(identity->hash, file->hash, sizeof identity->hash);
        return true;
    }
    if (!file->copy)
        return false;
    const struct stat *of = &file->copy->of;
    *identity = (struct prt_identity){
        .device = of->st_dev,
        .inode = of->st_ino,
        .file_size = (uint64_t)of->st_size,
        .modified = {of->st_mtim.tv_sec, of->st_mtim.tv_nsec},
        .changed = {of->st_ctim.tv_sec, of->st_ctim.tv_nsec},
    };
    return true;
}

/* ---- */

static bool is_sealed(int descriptor)
{
    int seals = fcntl(descriptor, F_GET_SEALS);
    return seals >= 0 && (seals & SEALS) == SEALS;
}

static enum percept_status map(struct prt_file *file, int descriptor, const struct stat *info,
                               bool in_pieces, struct percept_error *error)
{
    size_t size = (size_t)info->st_size;
    bool sealed = is_sealed(descriptor);
    file->copy = sealed ? NULL : find_copy(info);
    in_pieces = in_pieces && prt_deferred_any(); /* else all of it is needed */
    if (!file->copy && !sealed && in_pieces)
        file->copy = copy_in_pieces(descriptor, info);
    if (file->copy) {
        file->bytes = (struct prt_bytes){.data = file->copy->memory, .size = size};
        return in_pieces ? PERCEPT_OK : prt_file_need(file, file->bytes.data, size, error);
    }
    void *memory = sealed ? mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor, 0)
                          : private_copy(descriptor, size);
    if (!memory || memory == MAP_FAILED)
        return file_errno(file, sealed ? "cannot map" : "cannot read", error);
    file->bytes = (struct prt_bytes){.data = memory, .size = size};
    file->mapped = true;
    file->copy = sealed ? NULL : add_copy(info, memory, -1, NULL);
    return PERCEPT_OK;
}

static enum percept_status set_name(struct prt_file *file, const char *name,
                                    struct percept_error *error)
{
    file->name = strdup(name);
    return file->name ? PERCEPT_OK : percept_fail(error, PERCEPT_NO_MEMORY, "%s: no memory", name);
}

static enum percept_status map_regular(struct prt_file *file, int descriptor, bool in_pieces,
                                       struct percept_error *error)
{
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        return file_errno(file, "cannot read", error);
    if (!S_ISREG(info.st_mode))
        return percept_fail(error, PERCEPT_INVALID, "%s: not a regular file", file->name);
    if (info.st_size == 0)
        return percept_fail(error, PERCEPT_MALFORMED, "%s: the file is empty", file->name);
    return map(file, descriptor, &info, in_pieces, error);
}

enum percept_status prt_file_map_descriptor(struct prt_file *file, int descriptor, const char *name,
                                            bool in_pieces, struct percept_error *error)
{
    enum percept_status status = set_name(file, name, error);
    return status == PERCEPT_OK ? map_regular(file, descriptor, in_pieces, error) : status;
}

enum percept_status prt_file_map_sealed(struct prt_file *file, int descriptor,
                                        const uint8_t hash[PRT_HASH_BYTES], const char *name,
                                        struct percept_error *error)
{
    if (!is_sealed(descriptor))
        return percept_fail(error, PERCEPT_INVALID, "%s: it is not sealed", name);
    file->is_hashed = true;
    memcpy(file->hash, hash, sizeof file->hash);
    return prt_file_map_descriptor(file, descriptor, name, true, error);
}

enum percept_status prt_file_map(struct prt_file *file, const char *path, bool in_pieces,
                                 struct percept_error *error)
{
    enum percept_status status = set_name(file, path, error);
    if (status != PERCEPT_OK)
        return status;
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return file_errno(file, "cannot open", error);
    status = map_regular(file, descriptor, in_pieces, error);
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
