/*
 * A `.pte` file after it was verified: what the importers read. Private to the runtime.
 *
 * All indices are in range, all bytes lie in the mapping, all sizes are consistent. What is not
 * checked here, because only an operator knows it, is the kind of the values that a call takes.
 * Memory is the program's arena; texts are terminated copies.
 */
#ifndef RUNTIME_PROGRAM_DATA_H
#define RUNTIME_PROGRAM_DATA_H

#include "base/arena.h"
#include "runtime/deferred.h"
#include "runtime/flatbuffer.h"
#include "runtime/program.h"

struct prt_bytes {
    const uint8_t *data;
    size_t size;
};

struct prt_program_tensor {
    struct prt_tensor spec;
    size_t bytes;
    const uint8_t *data; /* bytes of them: a constant, or the initial state when planned; or NULL */
    const char *external; /* its key in a .ptd file, when the data is there; else NULL */
    bool planned;         /* lies at offset in buffer of the method's planned memory */
    bool dynamic;         /* sizes are upper bounds: those of the inputs decide */
    bool complex;         /* spec has the parts of a number as a last dimension of two */
    bool unbounded;       /* sizes say nothing, but that of the inputs decide */
    uint32_t buffer;
    uint64_t offset;
};

struct prt_program_value {
    enum prt_value_kind kind;
    union {
        const struct prt_program_tensor *tensor;
        int64_t i;
        double d;
        bool b;
        struct {
            const char *text;
            size_t length;
        } string;
        struct {
            uint32_t count;
            /* INT_LIST and TENSOR_LIST: values of the method; PRT_NO_VALUE for None */
            const uint32_t *ids;
            const double *doubles;
            const bool *bools;
        } list;
        struct {
            uint32_t id; /* AT_RUN: graph value of an I64 tensor [1], to which offset is added;
                            PRT_NO_VALUE: nothing computes it */
            int64_t offset;
        } run;
    };
};

enum prt_instruction_kind {
    PRT_INSTRUCTION_KERNEL = 1, /* numbered as the union in the schema */
    PRT_INSTRUCTION_DELEGATE,
    PRT_INSTRUCTION_MOVE,
    PRT_INSTRUCTION_JUMP_FALSE,
    PRT_INSTRUCTION_FREE,
};

struct prt_instruction {
    enum prt_instruction_kind kind;
    uint32_t index; /* KERNEL: of the operator, DELEGATE: of the delegate, JUMP_FALSE: of the
                       instruction that is next when the condition is false; may be the end */
    uint32_t count;
    const uint32_t *args; /* values; MOVE: from, to; FREE: the value; JUMP_FALSE: the condition */
};

struct prt_delegate {
    const char *id;
    const char *device; /* the compile spec of that name, if it is a short text; or NULL */
    struct prt_bytes blob;
};

struct prt_method {
    const char *name;
    struct prt_program_value *values;
    uint32_t value_count;
    uint32_t *inputs, *outputs;
    uint32_t input_count, output_count;
    struct prt_instruction *instructions; /* of all chains, which run one after the other */
    uint32_t instruction_count;
    const char **operators; /* "aten::add.out" */
    uint32_t operator_count;
    struct prt_delegate *delegates;
    uint32_t delegate_count;
    struct prt_program_item *items;
    uint32_t item_count;
};

struct prt_named_data {
    const char *key;
    struct prt_bytes bytes;
    const struct prt_tensor *spec; /* what a .ptd file says of a tensor; NULL when it does not */
};

/* Bytes of a file that nobody else can change; see program_file.c for those that are absent. */
struct prt_file {
    char *name; /* for messages */
    struct prt_bytes bytes;
    bool mapped;    /* bytes come from mmap, else from malloc */
    bool part;      /* they belong to another file */
    bool is_hashed; /* they are of a sealed memfd, and whoever opened it knows their hash */
    uint8_t hash[PRT_HASH_BYTES];
    struct prt_copy *copy; /* they are those of other opens of the same file; see program_file.c */
};

struct prt_program {
    struct base_arena arena;
    const char *name;      /* the source's, for messages */
    struct prt_bytes file; /* the source's */
    size_t total_bytes;    /* of all files */
    struct prt_file *data; /* .ptd files, data_count of them */
    uint32_t data_count;
    struct prt_bytes *segments;
    uint32_t segment_count;
    struct prt_named_data *named; /* of all files, sorted by key */
    uint32_t named_count;
    struct prt_method *methods;
    uint32_t method_count;
    struct prt_file source; /* last: code that reads the others is smaller */
};

/* Fill a zeroed file, named as given or by its path. After a failure, too, it is closed by
 * prt_file_close, for which a zeroed one is fine. See program_file.c.
 *
 * in_pieces: bytes of a large file may be absent (zeros) until prt_file_need was called for them.
 */
enum percept_status prt_file_map(struct prt_file *file, const char *path, bool in_pieces,
                                 struct percept_error *error);
enum percept_status prt_file_map_descriptor(struct prt_file *file, int descriptor, const char *name,
                                            bool in_pieces, struct percept_error *error);
/* The same for a sealed memfd and a hash of its contents; INVALID for another file. */
enum percept_status prt_file_map_sealed(struct prt_file *file, int descriptor,
                                        const uint8_t hash[PRT_HASH_BYTES], const char *name,
                                        struct percept_error *error);
enum percept_status prt_file_copy(struct prt_file *file, const void *bytes, size_t size,
                                  const char *name, struct percept_error *error);
void prt_file_close(struct prt_file *file);

/*
 * Let size bytes at data be there, lastingly. What lies in another file is none of its business:
 * OK. Any thread may ask. Fails when the file has changed since it was opened.
 */
enum percept_status prt_file_need(const struct prt_file *file, const void *data, size_t size,
                                  struct percept_error *error);
/* Is a part of them absent? */
bool prt_file_lacks(const struct prt_file *file, const void *data, size_t size);
/* Copy them to `to` instead: for what is needed once. */
enum percept_status prt_file_read(const struct prt_file *file, const void *data, size_t size,
                                  void *to, struct percept_error *error);
/* Which bytes of which file they are; false for a file that is not copied in pieces. */
bool prt_file_identity(const struct prt_file *file, const void *data, size_t size,
                       struct prt_identity *identity);

/* Which file all of it is, as it was opened; false for one that nothing tells again. */
bool prt_file_is(const struct prt_file *file, struct prt_identity *identity);

/* The files of a program: its own is number 0, and data_count others follow. */
static inline const struct prt_file *prt_program_file(const struct prt_program *program, uint32_t i)
{
    return i ? &program->data[i - 1] : &program->source;
}

/* The one in which data lies; NULL when it is in none, or there is no program. */
const struct prt_file *prt_program_file_of(const struct prt_program *program, const void *data);

/* prt_file_need for whichever of the program's files has the data. */
enum percept_status prt_program_need(const struct prt_program *program, const void *data,
                                     size_t size, struct percept_error *error);

/* A program that is a part of a file which outlives it. name is copied. */
enum percept_status prt_program_open_part(const uint8_t *bytes, size_t size, const char *name,
                                          struct prt_program **program,
                                          struct percept_error *error);

bool prt_program_lacks(const struct prt_program *program, const void *data, size_t size);

/* prt_program_import_sized of a graph whose weights may be deferred. */
enum percept_status prt_program_import_deferred(const struct prt_program *program,
                                                const char *method,
                                                const struct prt_choice *choices, size_t count,
                                                const int64_t *data_sizes, size_t data_size_count,
                                                struct prt_graph **graph,
                                                struct percept_error *error);

/* Parsed structures are larger than their encoding: a value of 4 bytes may become a tensor of 250.
 */
enum { PRT_PARSED_BYTES_PER_BYTE = 128, PRT_PARSED_BYTES_MIN = 1 << 20 };

/* What parsing one file needs beside the program. */
struct prt_parse {
    struct prt_program *program; /* NULL while something else than a program is read */
    const char *name;            /* of the file */
    struct prt_fb buffer;
    struct percept_error *error;
    struct prt_fb_vector inline_constants, inline_delegates, mutable_segments;
    const uint64_t *constant_offsets; /* into constants, element 0 unused */
    uint32_t constant_count;
    struct prt_bytes constants;
};

/* Fails with the file named. */
#define prt_parse_fail(parse, status, ...) \
    percept_fail_by(prt_parse_error, parse, status, __VA_ARGS__)
void prt_parse_error(struct prt_parse *parse, enum percept_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* OK, or the flatbuffer's fault as a failure. */
enum percept_status prt_parse_check(struct prt_parse *parse);
enum percept_status prt_parse_no_memory(struct prt_parse *parse);

/* Read the file's bytes into program. */
enum percept_status prt_program_parse(struct prt_program *program, struct percept_error *error);
enum percept_status prt_parse_method(struct prt_parse *parse, struct prt_fb_table plan,
                                     struct prt_method *method);
enum percept_status prt_parse_tensor(struct prt_parse *parse, struct prt_fb_table table,
                                     struct prt_fb_vector buffer_sizes,
                                     const struct prt_program_tensor **tensor);

/* Sizes and dim order from two fields of a table, checked; the rest of spec is left alone. */
enum percept_status prt_parse_sizes(struct prt_parse *parse, struct prt_fb_table table,
                                    unsigned sizes_field, unsigned order_field,
                                    struct prt_tensor *spec);

/* Append a list of NamedData to the program's; then those of its .ptd files; then sort. */
enum percept_status prt_parse_named_list(struct prt_parse *parse, struct prt_fb_vector list,
                                         const struct prt_bytes *segments, uint32_t segment_count);
enum percept_status prt_parse_data_files(struct prt_parse *parse);
enum percept_status prt_parse_sort_named(struct prt_parse *parse);

/* What key names; NULL or false when there is nothing. */
const struct prt_named_data *prt_program_named_entry(const struct prt_program *program,
                                                     const char *key, size_t length);
bool prt_program_named(const struct prt_program *program, const char *key, size_t length,
                       struct prt_bytes *bytes);

#endif
