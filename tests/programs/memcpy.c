/* memcpy and memset, as the C library has them, at lengths and alignments of every kind. */
#include "work.h"
#include <string.h>

enum { SIZE = 1 << 18 };
static uint8_t from[SIZE + 64], to[SIZE + 64];

uint32_t work_memcpy(uint32_t iterations)
{
    uint32_t seed = 7, sum = 0;
    for (int i = 0; i < SIZE + 64; i++)
        from[i] = work_random(&seed);
    for (uint32_t n = 0; n < iterations; n++) {
        memcpy(to, from, SIZE);
        memcpy(to + 1, from + 2, SIZE / 2);
        memset(to + SIZE / 2, n, SIZE / 4);
        for (int i = 0; i < 256; i++) {
            uint32_t len = work_random(&seed) & 255, x = work_random(&seed) & 0xffff, y = work_random(&seed) & 0xffff;
            memcpy(to + x, from + y, len);
        }
        for (int i = 0; i < SIZE; i += 1021)
            sum = work_mix(sum, to[i]);
        from[n & (SIZE - 1)] ^= sum;
    }
    return sum;
}
