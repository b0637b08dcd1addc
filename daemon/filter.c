#include "daemon/filter.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>

#ifndef __has_feature /* clang's way to tell, where GCC has macros */
#define __has_feature(name) 0
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
const int daemon_sanitized = 1;
#else
const int daemon_sanitized = 0;
#endif

static int allow(scmp_filter_ctx filter, const char *const *names)
{
    int result = 0;
    for (size_t i = 0; names && names[i] && result == 0; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        if (call != __NR_SCMP_ERROR)
            result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    }
    return result;
}

static int allow_narrow(scmp_filter_ctx filter, const struct daemon_filter_call *narrow)
{
    int result = 0;
    for (; narrow->name && result == 0; narrow++) {
        const struct scmp_arg_cmp equal = {
            .arg = narrow->argument, .op = SCMP_CMP_EQ, .datum_a = narrow->value};
        result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW,
                                        seccomp_syscall_resolve_name(narrow->name), 1, &equal);
    }
    return result;
}

enum percept_status daemon_filter_set(const struct daemon_filter *wanted,
                                      struct percept_error *error)
{
    if (daemon_sanitized)
        return PERCEPT_OK;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return percept_fail(error, PERCEPT_NO_MEMORY, "out of memory");
    int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (result == 0)
        result = allow(filter, wanted->calls);
    if (result == 0)
        result = allow(filter, wanted->more);
    if (result == 0)
        result = allow_narrow(filter, wanted->narrow);
    if (result == 0)
        result = seccomp_load(filter);
    seccomp_release(filter);
    return result == 0 ? PERCEPT_OK
                       : percept_fail_errno(error, -result, "a list of system calls (seccomp)");
}
