/* Quicksort (middle pivot, insertion sort below 12) of 20000 numbers, filled anew each time. */
#include "work.h"

enum { COUNT = 20000 };
static int32_t a[COUNT];

static void sort(int32_t *lo, int32_t *hi)
{
    while (hi - lo > 12) {
        int32_t pivot = lo[(hi - lo) / 2], *i = lo, *j = hi;
        while (i <= j) {
            while (*i < pivot)
                i++;
            while (*j > pivot)
                j--;
            if (i <= j) {
                int32_t t = *i;
                *i++ = *j;
                *j-- = t;
            }
        }
        if (j - lo < hi - i) {
            sort(lo, j);
            lo = i;
        } else {
            sort(i, hi);
            hi = j;
        }
    }
    for (int32_t *i = lo + 1; i <= hi; i++) {
        int32_t t = *i, *j = i;
        for (; j > lo && j[-1] > t; j--)
            *j = j[-1];
        *j = t;
    }
}

uint32_t work_qsort(uint32_t iterations)
{
    uint32_t seed = 1, sum = 0;
    for (uint32_t n = 0; n < iterations; n++) {
        for (int i = 0; i < COUNT; i++)
            a[i] = (int32_t)(work_random(&seed) << 8) >> 4;
        sort(a, a + COUNT - 1);
        for (int i = 0; i < COUNT; i += 97)
            sum = work_mix(sum, a[i]);
        for (int i = 1; i < COUNT; i++)
            if (a[i - 1] > a[i])
                return 0xbad;
    }
    return sum;
}
