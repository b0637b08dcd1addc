/* Why: see seen.h. A note is a hash of all that it says. */
#include "runtime/cache/seen.h"

#include "base/hash.h"
#include "runtime/cache/private_file.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Times of files go no finer than the system's clock ticks, with a margin. */
enum { SETTLED_MS = 100, BOOT_ID_BYTES = 36 };

static bool note_of(const struct stat *info, struct base_hash *note)
{
    char boot[BOOT_ID_BYTES];
    int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool known = read(file, boot, sizeof boot) == sizeof boot;
    close(file);
    const int64_t numbers[] = {
        (int64_t)info->st_dev,         (int64_t)info->st_ino, (int64_t)info->st_size,
        (int64_t)info->st_mtim.tv_sec, info->st_mtim.tv_nsec, (int64_t)info->st_ctim.tv_sec,
        info->st_ctim.tv_nsec,
    };
    *note = (struct base_hash){0};
    base_hash_add(note, boot, sizeof boot);
    base_hash_add(note, numbers, sizeof numbers);
    return known;
}

/* Hidden: it is none of the files that the folder is for. */
static void name_note(const char *name, char note[PRT_PRIVATE_NAME])
{
    snprintf(note, PRT_PRIVATE_NAME, ".%.50s.seen", name);
}

bool prt_seen(int folder, const char *name, const struct stat *info)
{
    char note[PRT_PRIVATE_NAME];
    struct stat own;
    struct base_hash wanted, found;
    name_note(name, note);
    int file = prt_private_open(folder, note, &own);
    if (file < 0)
        return false;
    bool seen = read(file, &found, sizeof found) == sizeof found && note_of(info, &wanted) &&
                memcmp(&found, &wanted, sizeof found) == 0;
    close(file);
    return seen;
}

static bool is_settled(const struct stat *info)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ms = (int64_t)(now.tv_sec - info->st_ctim.tv_sec) * 1000 +
                 (now.tv_nsec - info->st_ctim.tv_nsec) / 1000000;
    return ms > SETTLED_MS;
}

static bool write_note(const void *note, int file)
{
    return prt_private_write(file, note, sizeof(struct base_hash), 0);
}

void prt_seen_note(int folder, const char *name, const struct stat *info)
{
    char file[PRT_PRIVATE_NAME];
    struct base_hash note;
    name_note(name, file);
    if (is_settled(info) && note_of(info, &note))
        prt_private_replace(folder, file, write_note, &note);
}
