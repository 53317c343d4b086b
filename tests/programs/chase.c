/* A random walk through one cycle over 16 MiB: cache and TLB misses, nothing else. 1000 steps an iteration. */
#include "work.h"

enum { COUNT = 16 << 20 >> 2 };
static uint32_t next[COUNT];

uint32_t work_chase(uint32_t iterations)
{
    uint32_t seed = 3, at = 0;
    for (uint32_t i = 0; i < COUNT; i++)
        next[i] = i;
    for (uint32_t i = COUNT - 1; i > 0; i--) { /* Sattolo: a permutation with a single cycle */
        uint32_t j = work_random(&seed) % i, t = next[i];
        next[i] = next[j];
        next[j] = t;
    }
    for (uint32_t n = 0; n < iterations; n++)
        for (int i = 0; i < 1000; i++)
            at = next[at];
    return at;
}
