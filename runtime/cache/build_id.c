/* Why: packed weights are as the kernels of one build want them, and nobody remembers to change a
 * version number when they want them otherwise. */
#include "runtime/cache/build_id.h"

#include <elf.h>
#include <link.h>
#include <string.h>

struct search {
    uintptr_t code; /* some address of ours */
    struct base_hash *hash;
    bool found;
};

/* The notes of one segment: name and description, each padded to 4 bytes. */
static bool add_note(const unsigned char *at, size_t size, struct base_hash *hash)
{
    ElfW(Nhdr) note;
    while (size >= sizeof note) {
        memcpy(&note, at, sizeof note);
        size_t name = ((size_t)note.n_namesz + 3) & ~(size_t)3;
        size_t text = ((size_t)note.n_descsz + 3) & ~(size_t)3;
        size_t whole = sizeof note + name + text;
        if (whole > size)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(at + sizeof note, "GNU", 4) == 0 && note.n_descsz >= 8) {
            base_hash_add(hash, at + sizeof note + name, note.n_descsz);
            return true;
        }
        at += whole;
        size -= whole;
    }
    return false;
}

static int look(struct dl_phdr_info *info, size_t size, void *context)
{
    struct search *search = context;
    bool ours = false;
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        ours |= part->p_type == PT_LOAD && search->code >= begin &&
                search->code - begin < part->p_memsz;
    }
    for (unsigned i = 0; i < info->dlpi_phnum && ours && !search->found; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type == PT_NOTE)
            search->found = add_note((const unsigned char *)(info->dlpi_addr + part->p_vaddr),
                                     part->p_memsz, search->hash);
    }
    return ours;
}

bool prt_build_id_add(struct base_hash *hash)
{
    static const char here;
    struct search search = {.code = (uintptr_t)&here, .hash = hash};
    dl_iterate_phdr(look, &search);
    return search.found;
}
