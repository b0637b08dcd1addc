/* For a loop that looks at a word until another thread changes it. */
#ifndef BASE_SPIN_H
#define BASE_SPIN_H

/* Tell the processor that this is such a loop: the other thread of the core runs faster. */
static inline void base_spin_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
