/*
 * Why: a blob may only be imported by the OpenVINO that compiled it, and OpenVINO's own error does
 * not say which that was.
 *
 * Each device's plugin has a form of its own (sources: OpenVINO's src/plugins/intel_cpu, intel_gpu
 * and intel_npu).
 *
 * CPU, from 2026.4: "RR_UPCVO", a u32, then a u64 with the length of a text, and that text:
 * "meta=1.0;ov=2026.4.1;isa=Intel AVX2". Before that, and behind it: six u64, where each of three
 * sections begins and how long it is; no version.
 *
 * GPU, from 2026.3: a u32, then "QRR_PEVO" and as for the CPU. Before that: nothing to know it by.
 *
 * NPU: the last 13 bytes are where notes about the blob begin, and "OVNPU". The notes are a u32
 * with their form and OpenVINO's version as three u16, where that form is 2.x (from 2025.1).
 */
#include "backends/openvino/origin.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SECTIONS = 3, SECTIONS_BYTES = 2 * SECTIONS * 8, NOTES_END_BYTES = 13, NOTES_FORM = 2 };

struct bytes {
    const uint8_t *at;
    size_t count;
};

static uint64_t number(struct bytes blob, size_t at, unsigned bytes)
{
    uint64_t value = 0;
    memcpy(&value, blob.at + at, bytes); /* little-endian, like the hosts */
    return value;
}

static bool has(struct bytes blob, size_t at, const char *text)
{
    size_t length = strlen(text);
    return blob.count >= length && at <= blob.count - length &&
           memcmp(blob.at + at, text, length) == 0;
}

/* Digits and dots. */
static void copy_version(char *version, const uint8_t *from, size_t most)
{
    size_t length = 0;
    while (length < most && length + 1 < OPENVINO_VERSION_CHARS &&
           ((from[length] >= '0' && from[length] <= '9') || from[length] == '.'))
        length++;
    memcpy(version, from, length);
    version[length] = '\0';
}

/* Of what a device must have, as a text behind a magic number: "..;ov=2026.4.1;.." */
static enum percept_status read_requirements(struct bytes blob, size_t at,
                                             struct openvino_origin *origin,
                                             struct percept_error *error)
{
    const size_t head = 8 + 4 + 8;
    if (blob.count - at < head || number(blob, at + 12, 8) > blob.count - at - head)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "openvino: the blob ends within what it says of its device");
    size_t length = (size_t)number(blob, at + 12, 8);
    const uint8_t *text = blob.at + at + head;
    for (size_t i = 0; i + 3 <= length; i++)
        if (memcmp(text + i, "ov=", 3) == 0 && (i == 0 || text[i - 1] == ';')) {
            copy_version(origin->version, text + i + 3, length - i - 3);
            break;
        }
    return PERCEPT_OK;
}

static enum percept_status read_notes(struct bytes blob, struct openvino_origin *origin,
                                      struct percept_error *error)
{
    uint64_t at =
        blob.count < NOTES_END_BYTES ? UINT64_MAX : number(blob, blob.count - NOTES_END_BYTES, 8);
    if (at > blob.count || blob.count - at < NOTES_END_BYTES + 10)
        return percept_fail(error, PERCEPT_MALFORMED,
                            "openvino: the blob's notes for the NPU lie outside of it");
    if (number(blob, at + 2, 2) == NOTES_FORM)
        snprintf(origin->version, sizeof origin->version, "%u.%u.%u",
                 (unsigned)number(blob, at + 4, 2), (unsigned)number(blob, at + 6, 2),
                 (unsigned)number(blob, at + 8, 2));
    return PERCEPT_OK;
}

/* Do the six numbers describe sections that follow each other? Their end is told. */
static bool are_sections(struct bytes blob, uint64_t *end)
{
    if (blob.count < SECTIONS_BYTES)
        return false;
    *end = SECTIONS_BYTES;
    for (size_t i = 0; i < SECTIONS; i++)
        if (number(blob, 16 * i, 8) != *end ||
            __builtin_add_overflow(*end, number(blob, 16 * i + 8, 8), end))
            return false;
    return true;
}

enum percept_status openvino_origin(const void *bytes, size_t count, struct openvino_origin *origin,
                                    struct percept_error *error)
{
    struct bytes blob = {bytes, count};
    struct openvino_origin found = {0};
    enum percept_status status = PERCEPT_OK;
    uint64_t end;
    if (has(blob, 0, "RR_UPCVO")) {
        found.device = "CPU";
        status = read_requirements(blob, 0, &found, error);
    } else if (has(blob, 4, "QRR_PEVO")) {
        found.device = "GPU";
        status = read_requirements(blob, 4, &found, error);
    } else if (count >= 5 && has(blob, count - 5, "OVNPU")) {
        found.device = "NPU";
        status = read_notes(blob, &found, error);
    } else if (are_sections(blob, &end)) {
        found.device = "CPU";
        found.silent = true;
        if (end != count)
            status = percept_fail(error, PERCEPT_MALFORMED,
                                  "openvino: the blob has %zu bytes instead of %llu", count,
                                  (unsigned long long)end);
    }
    if (status == PERCEPT_OK)
        *origin = found;
    return status;
}
